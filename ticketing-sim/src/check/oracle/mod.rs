//! Judges a run from outside, by what was asked and answered and by what is there at the end.
//!
//! It shares no code with the rules, and where a history leaves open in which order things happened, the
//! engine gets the benefit of the doubt: a breach is always a broken promise. Times come from one true
//! clock, so "before" means before.

mod buyers;
mod door;
mod end;
mod follower;
mod keys;
mod life;
mod line;
mod log;
mod money;
mod owners;
mod policy;
mod refusals;
mod setting;
mod span;
mod stock;
mod story;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ticketing_core::ids::{HoldId, OrderId, TicketId};

use self::story::Stories;
pub use self::{follower::Follower, life::Lives, stock::seconds};
use super::{
    history::{At, Op, User, Wish},
    plan::Line,
};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Breach {
    /// Which invariant, as docs/correctness.md numbers them.
    pub invariant: &'static str,
    /// What happened, in words.
    pub detail: String,
}

impl Breach {
    /// A breach of `invariant`.
    pub fn of(invariant: &'static str, detail: impl Into<String>) -> Self {
        Self { invariant, detail: detail.into() }
    }
}

/// What a sale was to be, before anybody changed it.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Tickets to sell.
    pub total: i64,
    /// Most tickets for one buyer.
    pub limit: i64,
    /// Price of a ticket.
    pub price: i64,
    /// Life of a hold, in microseconds.
    pub ttl: At,
    /// The waiting room in front of it.
    pub line: Option<Line>,
}

/// Everything that a run left behind.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// What was asked and answered.
    pub ops: Vec<Op>,
    /// The sales.
    pub sales: Vec<Terms>,
    /// What is there at the end, sale by sale.
    pub end: Vec<Books>,
    /// The gateway's books, by its names for payments.
    pub bank: BTreeMap<String, Account>,
    /// What happened to the waiting rooms, sale by sale.
    pub turns: Vec<Vec<Turn>>,
}

/// What the gateway knows of a payment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// What it was opened for.
    pub amount: i64,
    /// What was taken, if anything.
    pub captured: Option<i64>,
    /// What it was asked to give back, by key: each counts once.
    pub refunds: BTreeMap<String, i64>,
}

/// A change of a waiting room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// When the room had changed before: whoever decided this change had seen that one.
    pub since: At,
    /// When it was there for everybody to see.
    pub at: At,
    /// Places that were given.
    pub joined: Vec<(u64, User)>,
    /// Places whose turn it was.
    pub admitted: Vec<(u64, User)>,
}

/// A sale as it stands at the end.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Free, held and sold, by the books.
    pub stock: [i64; 3],
    /// All there is to sell.
    pub total: i64,
    /// Holds by id.
    pub holds: BTreeMap<HoldId, HoldRecord>,
    /// Orders by id.
    pub orders: BTreeMap<OrderId, OrderRecord>,
    /// Tickets by id: their order, and whether they are valid, used or revoked.
    pub tickets: BTreeMap<TicketId, (OrderId, &'static str)>,
    /// Places by number.
    pub places: BTreeMap<u64, User>,
    /// Whom the room still counts as waiting, when nobody waits any more.
    pub waiting: u64,
    /// Messages that are not delivered.
    pub undelivered: usize,
    /// The audit log.
    pub log: Vec<Record>,
}

/// A record of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: At,
    /// What was done.
    pub action: &'static str,
    /// To what.
    pub target: String,
}

/// A hold at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRecord {
    /// Whose.
    pub user: User,
    /// Under which key.
    pub key: String,
    /// Of what.
    pub wish: Wish,
    /// `ACTIVE`, `EXPIRED`, `RELEASED` or `CONFIRMED`.
    pub status: &'static str,
    /// When its time was over.
    pub expires: At,
    /// When it ended.
    pub ended: Option<At>,
}

/// An order at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Its hold.
    pub hold: HoldId,
    /// Its payment.
    pub payment_id: String,
    /// `PENDING`, `PAID`, `CANCELLED` or `REFUNDED`.
    pub status: &'static str,
    /// The gateway's name for its payment, if it has one.
    pub payment: Option<String>,
    /// What became of the payment.
    pub paid: &'static str,
    /// How many tickets it is of.
    pub count: i64,
}

/// Everything that `evidence` shows to be broken.
pub fn judge(evidence: &Evidence) -> Vec<Breach> {
    let mut found = Vec::new();
    let stories = Stories::of(evidence);
    stock::check(evidence, &stories, &mut found);
    keys::check(evidence, &stories, &mut found);
    buyers::check(evidence, &stories, &mut found);
    money::check(evidence, &stories, &mut found);
    refusals::check(evidence, &stories, &mut found);
    line::check(evidence, &mut found);
    policy::check(evidence, &stories, &mut found);
    log::check(evidence, &mut found);
    owners::check(evidence, &stories, &mut found);
    door::check(evidence, &mut found);
    end::check(evidence, &stories, &mut found);
    found
}
