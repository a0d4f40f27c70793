//! Payments, the gateway's callbacks, and the trait a gateway implements.

pub mod gateway;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{CallbackId, HoldId, OrderId, PaymentId, SessionId, UserId},
    money::Money,
    state_enum,
};

state_enum! {
    /// What became of a payment.
    pub enum PaymentStatus {
        /// The gateway has not answered.
        Pending = "PENDING",
        /// Paid, and its order has its tickets.
        Succeeded = "SUCCEEDED",
        /// Declined.
        Failed = "FAILED",
        /// Paid, but there was nothing to sell any more: a refund is on its way.
        RefundPending = "REFUND_PENDING",
        /// Given back in full.
        Refunded = "REFUNDED",
    }
}

state_enum! {
    /// How a buyer pays.
    pub enum PaymentMethod {
        /// By card, on the gateway's page.
        Card = "CARD",
    }
}

state_enum! {
    /// What a callback of the gateway reports.
    pub enum CallbackStatus {
        /// The money is captured.
        Success = "SUCCESS",
        /// It is not, and will not be.
        Fail = "FAIL",
    }
}

/// The gateway's name for a payment: 1–255 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GatewayPaymentId(String);

/// The text cannot be a gateway's payment id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a gateway payment id is 1 to 255 visible ASCII characters")]
pub struct GatewayPaymentIdError;

impl GatewayPaymentId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GatewayPaymentId {
    type Error = GatewayPaymentIdError;

    fn try_from(text: String) -> Result<Self, GatewayPaymentIdError> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err(GatewayPaymentIdError) }
    }
}

impl std::str::FromStr for GatewayPaymentId {
    type Err = GatewayPaymentIdError;

    fn from_str(text: &str) -> Result<Self, GatewayPaymentIdError> {
        text.to_owned().try_into()
    }
}

impl From<GatewayPaymentId> for String {
    fn from(id: GatewayPaymentId) -> Self {
        id.0
    }
}

impl fmt::Debug for GatewayPaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for GatewayPaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the gateway takes the money for a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewaySession {
    /// The gateway's name for the payment; unique.
    pub pg_payment_id: GatewayPaymentId,
    /// The page the buyer is sent to.
    pub url: String,
}

/// A payment of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its name, and the merchant reference.
    pub id: PaymentId,
    /// Whose stock.
    pub session_id: SessionId,
    /// The order it pays.
    pub order_id: OrderId,
    /// The order's hold.
    pub hold_id: HoldId,
    /// Who pays.
    pub user_id: UserId,
    /// How.
    pub method: PaymentMethod,
    /// What the order costs.
    pub amount: Money,
    /// The gateway's side, once it is known.
    pub gateway: Option<GatewaySession>,
    /// What became of it.
    pub status: PaymentStatus,
    /// When checkout began.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Payment {
    /// What can never change about it, and names everything a callback touches.
    pub fn link(&self) -> PaymentLink {
        PaymentLink {
            payment_id: self.id,
            session_id: self.session_id,
            order_id: self.order_id,
            hold_id: self.hold_id,
            user_id: self.user_id,
        }
    }
}

/// The immutable relations of a payment: resolved without a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentLink {
    /// The payment.
    pub payment_id: PaymentId,
    /// Its session.
    pub session_id: SessionId,
    /// Its order.
    pub order_id: OrderId,
    /// Its hold.
    pub hold_id: HoldId,
    /// Its payer.
    pub user_id: UserId,
}

/// What a verified callback says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackReport {
    /// The gateway's name for the payment.
    pub pg_payment_id: GatewayPaymentId,
    /// What happened.
    pub status: CallbackStatus,
    /// What was captured, if the gateway says.
    pub amount: Option<i64>,
    /// In which currency, if the gateway says.
    pub currency: Option<String>,
    /// The body as received, without card data.
    pub raw_payload: String,
}

impl CallbackReport {
    /// The payment was captured, says whoever took the money: nothing about amounts, and no body.
    pub fn success(pg_payment_id: GatewayPaymentId) -> Self {
        Self::of(pg_payment_id, CallbackStatus::Success)
    }

    /// The payment was declined, says whoever was to take the money: nothing about amounts, and no body.
    pub fn fail(pg_payment_id: GatewayPaymentId) -> Self {
        Self::of(pg_payment_id, CallbackStatus::Fail)
    }

    fn of(pg_payment_id: GatewayPaymentId, status: CallbackStatus) -> Self {
        Self { pg_payment_id, status, amount: None, currency: None, raw_payload: String::new() }
    }
}

/// A callback that was kept. One row per payment and distinct payload: duplicates add nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Its name.
    pub id: CallbackId,
    /// What it said.
    pub report: CallbackReport,
    /// The payment it was matched to; `None` while that is unknown.
    pub payment_id: Option<PaymentId>,
    /// When it came first.
    pub received_at: Timestamp,
}
