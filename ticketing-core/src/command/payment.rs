//! Checkout, callbacks and refunds.

use crate::{
    audit::Caller,
    clock::Timestamp,
    ids::{CallbackId, HoldId, OrderId, OutboxId, PaymentId, SessionId, UserId},
    order::Order,
    payment::{CallbackReport, GatewayPaymentId, GatewaySession, Payment, PaymentLink, PaymentMethod},
};

/// Makes an order and a payment of a hold.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// Who asks.
    pub caller: Caller,
    /// Whose stock.
    pub session_id: SessionId,
    /// Which hold.
    pub hold_id: HoldId,
    /// Whose hold.
    pub user_id: UserId,
    /// How it will be paid.
    pub method: PaymentMethod,
    /// The order's name, if it is made.
    pub order_id: OrderId,
    /// The payment's name, if it is made.
    pub payment_id: PaymentId,
}

/// A hold's order and payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// The order.
    pub order: Order,
    /// Its payment.
    pub payment: Payment,
    /// When the hold ends.
    pub expires_at: Timestamp,
    /// They existed before.
    pub existing: bool,
}

/// Why a hold was not checked out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckoutRefusal {
    /// There is no such hold, or it is another user's.
    #[error("there is no such hold")]
    HoldNotFound,
    /// It has ended.
    #[error("this hold is no longer active")]
    HoldNotActive,
}

/// Records the gateway's side of a payment.
#[derive(Debug, Clone)]
pub struct RecordGatewaySession {
    /// Who asks.
    pub caller: Caller,
    /// Which payment.
    pub link: PaymentLink,
    /// The gateway's side.
    pub gateway: GatewaySession,
}

/// Why the gateway's side was not recorded, or a callback not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaymentRefusal {
    /// There is no such payment.
    #[error("there is no such payment")]
    PaymentNotFound,
    /// The gateway named it differently before.
    #[error("the gateway knows this payment as {recorded}")]
    AlreadyRecorded {
        /// Its first name for it.
        recorded: GatewayPaymentId,
    },
}

/// Applies a verified callback to the payment it was matched to.
#[derive(Debug, Clone)]
pub struct SettlePayment {
    /// Who asks.
    pub caller: Caller,
    /// Which payment.
    pub link: PaymentLink,
    /// What the callback says.
    pub report: CallbackReport,
    /// The gateway lists the payment as captured and given back since: whatever a callback says of it, it buys nothing.
    pub given_back: bool,
    /// The callback's name, derived from what it says.
    pub callback_id: CallbackId,
    /// The refund's name, should it need one.
    pub outbox_id: OutboxId,
}

/// What a callback led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Tickets were issued.
    Sold,
    /// The hold was released.
    Declined,
    /// A refund was put into the outbox.
    RefundRequested(RefundReason),
    /// Nothing: it was known.
    Duplicate,
    /// Nothing: it contradicts what is final.
    Contradicted,
}

crate::state_enum! {
    /// Why captured money goes back.
    pub enum RefundReason {
        /// Amount or currency differ from the order's.
        AmountMismatch = "amount_mismatch",
        /// The hold had been given up.
        HoldReleased = "hold_released",
        /// The hold had expired and its stock is sold or held.
        StockGone = "stock_gone",
        /// The hold had expired and its buyer has others since.
        LimitExceeded = "limit_exceeded",
        /// The gateway has given it back by itself, before it was heard that it was captured.
        GivenBack = "given_back",
        /// The organiser gives the order back.
        Organiser = "organiser",
    }
}

/// Keeps a callback that names no payment of ours.
#[derive(Debug, Clone)]
pub struct KeepCallback {
    /// Who asks.
    pub caller: Caller,
    /// What it says.
    pub report: CallbackReport,
    /// The callback's name, derived from what it says.
    pub callback_id: CallbackId,
}

/// Takes a due message for delivery.
#[derive(Debug, Clone)]
pub struct LeaseOutbox {
    /// Whose.
    pub session_id: SessionId,
    /// Which.
    pub outbox_id: OutboxId,
    /// The attempt the caller saw; another since means that somebody else has it.
    pub seen_attempts: u32,
}

/// Reports a delivery.
#[derive(Debug, Clone)]
pub struct CompleteOutbox {
    /// Whose.
    pub session_id: SessionId,
    /// Which.
    pub outbox_id: OutboxId,
    /// Which payment it gives back.
    pub payment_id: PaymentId,
    /// That payment's order.
    pub order_id: OrderId,
    /// `Err` tells what went wrong.
    pub result: Result<(), String>,
}
