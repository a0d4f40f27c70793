//! What one buyer asked and was answered: the history that a run is judged by.

use std::borrow::Cow;

use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    ids::{HoldId, OrderId, PaymentId},
    payment::{CallbackStatus, PaymentStatus},
};

use super::plan::Plan;

/// A step of a purchase whose time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Looking at the session.
    Read,
    /// Taking a place in the waiting room.
    Join,
    /// Asking for the place's turn.
    Poll,
    /// Giving the place up.
    Leave,
    /// Setting tickets aside.
    Hold,
    /// Giving them back.
    Release,
    /// Opening the payment.
    Checkout,
    /// The gateway's callback, or the decision on its page.
    Callback,
    /// Asking how the payment stands.
    Payment,
    /// Reading the tickets.
    Tickets,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Join,
        Self::Poll,
        Self::Leave,
        Self::Hold,
        Self::Release,
        Self::Checkout,
        Self::Callback,
        Self::Payment,
        Self::Tickets,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read session",
            Self::Join => "join queue",
            Self::Poll => "poll queue",
            Self::Leave => "leave queue",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Checkout => "checkout",
            Self::Callback => "callback",
            Self::Payment => "payment status",
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
        reason: Cow<'static, str>,
    },
    /// Nothing was done, and asking again later may help.
    Busy {
        /// A stable word.
        reason: Cow<'static, str>,
    },
    /// Nobody knows: the caller hung up, the answer was lost, or the engine said so.
    Unknown,
    /// The engine failed.
    Failed {
        /// What it said.
        error: String,
    },
}

impl Answer {
    /// A rule said no.
    pub fn refused(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    /// Come again.
    pub fn busy(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Busy { reason: reason.into() }
    }

    /// Whether a rule said exactly this.
    pub fn is_refusal_for(&self, word: &str) -> bool {
        matches!(self, Self::Refused { reason } if reason == word)
    }

    /// Whether asking again tells more.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unknown)
    }
}

/// One call, from asking to its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Of which step.
    pub step: Step,
    /// When it was to be made, for the first time: later than that is the caller's own delay, and counts.
    pub due: Timestamp,
    /// When it was made.
    pub asked: Timestamp,
    /// When its answer was there.
    pub answered: Timestamp,
    /// Asked before, with an answer that told nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// What came of it.
    #[serde(flatten)]
    pub answer: Answer,
}

/// A place in the waiting room.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    /// When it was first asked for.
    pub asked: Timestamp,
    /// When it was given.
    pub given: Timestamp,
    /// When the turn had come, as far as it was told.
    pub allowed: Option<Timestamp>,
    /// What was told of it.
    pub seen: Vec<Sighting>,
}

/// One look at a place.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sighting {
    /// When it was asked for.
    pub asked: Timestamp,
    /// When it was told.
    pub answered: Timestamp,
    /// Those waiting ahead, plus one; 0 once the turn has come.
    pub position: u64,
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
    /// When it ends, as acknowledged, by the store's clock.
    pub expires_at: Timestamp,
    /// It cannot end before, by the story's clock: it was placed after it was asked for.
    pub ends_earliest: Timestamp,
    /// It cannot end later, by the story's clock: it was placed before it was acknowledged.
    pub ends_latest: Timestamp,
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

/// A hold given back.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Released {
    /// When this was first asked.
    pub asked: Timestamp,
    /// When it was acknowledged, if it was.
    pub done: Option<Timestamp>,
}

/// A payment that its buyer paid or was declined for, and the callbacks that reported it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// The gateway's name for it.
    pub pg_payment_id: String,
    /// What the gateway has to report.
    pub status: CallbackStatus,
    /// When it was paid or declined: before the first delivery, if there was one.
    pub asked: Timestamp,
    /// When it was known to be settled: when the first delivery that did something was answered, or, where deliveries
    /// tell nothing, when the buyer saw it. `None`: nobody saw it.
    pub settled: Option<Timestamp>,
    /// How many deliveries said that they sold; where they tell nothing, what the buyer saw.
    pub sold: u32,
    /// How many said that a refund is on its way; the same.
    pub refunded: u32,
    /// How many were answered at all.
    pub answered: u32,
    /// How the payment stood then, if it was looked at.
    pub stood: Option<PaymentStatus>,
    /// Tickets that the buyer then read; `None`: they were not read.
    pub tickets: Option<usize>,
}

impl Reported {
    /// Whether it was settled more than once, as far as deliveries told.
    pub const fn is_double(&self) -> bool {
        self.sold + self.refunded > 1
    }
}

/// Everything about one buyer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// What the buyer was going to do.
    pub plan: Plan,
    /// Every call, in order.
    pub calls: Vec<Call>,
    /// The place in the waiting room, if there was one.
    pub place: Option<Place>,
    /// The hold, if there was one.
    pub held: Option<HeldTickets>,
    /// The sell-out, if that was the answer.
    pub sold_out: Option<SoldOut>,
    /// The hold's release, if it was asked for.
    pub released: Option<Released>,
    /// The payment, if it was paid or declined.
    pub reported: Option<Reported>,
    /// What was asked again until nobody had patience any more, and is not known.
    pub unresolved: Vec<Step>,
    /// Promises that this buyer saw broken.
    pub complaints: Vec<String>,
}

impl Story {
    /// The story of a buyer who has not started.
    pub const fn new(plan: Plan) -> Self {
        Self {
            plan,
            calls: Vec::new(),
            place: None,
            held: None,
            sold_out: None,
            released: None,
            reported: None,
            unresolved: Vec::new(),
            complaints: Vec::new(),
        }
    }

    /// Whether the buyer has paid and has tickets.
    pub fn bought(&self) -> bool {
        self.reported.as_ref().is_some_and(|reported| reported.sold > 0)
    }
}
