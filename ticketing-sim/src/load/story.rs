//! What one buyer asked and was answered: the history that a run is judged by.

use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    ids::{HoldId, OrderId, PaymentId},
    payment::{CallbackStatus, GatewayPaymentId},
};

use super::plan::Plan;

/// A step of a purchase whose time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Taking a place in the waiting room.
    Join,
    /// Asking for the place's turn.
    Poll,
    /// Setting tickets aside.
    Hold,
    /// Opening the payment.
    Checkout,
    /// The gateway's callback.
    Callback,
    /// Reading the tickets.
    Tickets,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 6] = [Self::Join, Self::Poll, Self::Hold, Self::Checkout, Self::Callback, Self::Tickets];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Join => "join queue",
            Self::Poll => "poll queue",
            Self::Hold => "hold",
            Self::Checkout => "checkout",
            Self::Callback => "callback",
            Self::Tickets => "tickets",
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done,
    /// A rule said no, for this reason.
    Refused {
        /// A stable word.
        reason: &'static str,
    },
    /// Nobody knows: the caller hung up, or the engine said so.
    Unknown,
    /// The engine failed; nothing was done.
    Failed {
        /// What it said.
        error: String,
    },
}

impl Answer {
    /// Whether it is certain that nothing was done.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Failed { .. })
    }
}

/// One call, from asking to its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Of which step.
    pub step: Step,
    /// When it was made.
    pub asked: Timestamp,
    /// When its answer was there.
    pub answered: Timestamp,
    /// What came of it.
    #[serde(flatten)]
    pub answer: Answer,
}

/// A hold as it was acknowledged.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldTickets {
    /// Its name.
    pub hold_id: HoldId,
    /// When it was first asked for.
    pub asked: Timestamp,
    /// When it was first acknowledged.
    pub acknowledged: Timestamp,
    /// When it ends, as acknowledged.
    pub expires_at: Timestamp,
}

/// A refusal for lack of stock.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SoldOut {
    /// For how many tickets; 1 for a place in the waiting room.
    pub quantity: u32,
    /// When they were asked for.
    pub asked: Timestamp,
    /// When there were none.
    pub answered: Timestamp,
}

/// A payment, and the callback that reported it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// The gateway's name for it.
    pub pg_payment_id: GatewayPaymentId,
    /// What was reported.
    pub status: CallbackStatus,
    /// When the first delivery began.
    pub asked: Timestamp,
    /// When the first delivery that did something was answered; `None`: none did.
    pub settled: Option<Timestamp>,
    /// How many deliveries said that they sold.
    pub sold: u32,
    /// How many said that a refund is on its way.
    pub refunded: u32,
    /// How many were answered at all.
    pub answered: u32,
    /// Tickets that the buyer then read; `None`: they were not read.
    pub tickets: Option<usize>,
}

/// Everything about one buyer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// What the buyer was going to do.
    pub plan: Plan,
    /// Every call, in order.
    pub calls: Vec<Call>,
    /// The hold, if there was one.
    pub held: Option<HeldTickets>,
    /// The sell-out, if that was the answer.
    pub sold_out: Option<SoldOut>,
    /// The payment, if its callback came.
    pub reported: Option<Reported>,
    /// Promises that this buyer saw broken.
    pub complaints: Vec<String>,
}

impl Story {
    /// The story of a buyer who has not started.
    pub const fn new(plan: Plan) -> Self {
        Self { plan, calls: Vec::new(), held: None, sold_out: None, reported: None, complaints: Vec::new() }
    }
}
