//! What was asked and what was answered, as everybody outside of the engine saw it.
//!
//! Nothing in here is the engine's own idea of a sale: buyers are numbers, times are microseconds of the
//! simulated time, and an answer says no more than its receiver was told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ticketing_core::ids::{HoldId, OrderId, TicketId};

/// An instant, in microseconds since the beginning of the run.
pub type At = i64;
/// A buyer, by number.
pub type User = u32;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A buyer.
    Buyer(User),
    /// Whoever runs the sale.
    Organiser,
    /// The gateway.
    Gateway,
}

/// One call, from its question to its answer.
#[derive(Debug, Clone)]
pub struct Op {
    /// Who asked.
    pub who: Who,
    /// Of which sale.
    pub sale: usize,
    /// When.
    pub asked: At,
    /// When the answer came, if one did.
    pub answered: Option<At>,
    /// What was asked.
    pub ask: Ask,
    /// What was answered.
    pub answer: Answer,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is one question of the engine's public face")]
pub enum Ask {
    Hold { key: String, wish: Wish, token_of: Option<User> },
    Release { hold: HoldId },
    Checkout { hold: HoldId },
    Callback { payment: String, paid: bool, in_full: bool },
    Join,
    Poll { token_of: User, place: u64 },
    Leave { token_of: User, place: u64 },
    SetTotal(i64),
    SetLimit(i64),
    SetPrice(i64),
    SetOpen(bool),
    Clear,
    Refund { order: OrderId },
    Scan { ticket: TicketId, nonce: String },
}

/// What a hold is to hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// So many tickets.
    Tickets(u32),
    /// These seats.
    Seats(Vec<String>),
}

impl Wish {
    /// How many tickets that is.
    pub fn count(&self) -> i64 {
        match self {
            Self::Tickets(count) => i64::from(*count),
            Self::Seats(seats) => seats.len() as i64,
        }
    }

    /// The seats.
    pub fn seats(&self) -> &[String] {
        match self {
            Self::Tickets(_) => &[],
            Self::Seats(seats) => seats,
        }
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named like the engine's answers")]
pub enum Answer {
    /// Nothing yet.
    Pending,
    Held {
        hold: HoldId,
        owner: User,
        wish: Wish,
        amount: i64,
        created: At,
        expires: At,
        replayed: bool,
    },
    Ended {
        expired: bool,
    },
    CheckedOut {
        order: OrderId,
        payment: String,
        amount: i64,
    },
    Settled(Settled),
    Unmatched,
    Placed {
        number: u64,
        existing: bool,
        allowed: bool,
    },
    Standing {
        allowed: bool,
        sold_out: bool,
        position: u64,
    },
    Refunded,
    Scanned {
        replayed: bool,
    },
    Done,
    /// A rule said no.
    Refused(No),
    /// It was not done, says the engine.
    Failed(String),
    /// Nobody can tell.
    Unknown,
}

/// What a callback led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named like the engine's settlements")]
pub enum Settled {
    Sold,
    Declined,
    Refund(&'static str),
    Duplicate,
    Contradicted,
}

/// Why a rule said no.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named like the engine's refusals")]
pub enum No {
    SoldOut,
    SeatTaken(Vec<String>),
    HoldExists(HoldId),
    Limit,
    KeyReused,
    NotAdmitted,
    TokenExpired,
    TokenMismatch,
    NotSelling,
    NotFound,
    NotActive,
    AlreadySold,
    AlreadyIn,
    StockInUse,
    Other(String),
}

/// What is known of an operation's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not answered.
    Pending,
    /// Done, and said so.
    Acked,
    /// Not done, and said so.
    Failed,
    /// Done or not: nobody was told.
    Unknown,
}

impl Op {
    /// What is known of its effect.
    pub fn state(&self) -> State {
        match self.answer {
            Answer::Pending => State::Pending,
            Answer::Unknown => State::Unknown,
            Answer::Refused(_) | Answer::Failed(_) => State::Failed,
            Answer::Held { .. }
            | Answer::Ended { .. }
            | Answer::CheckedOut { .. }
            | Answer::Settled(_)
            | Answer::Unmatched
            | Answer::Placed { .. }
            | Answer::Standing { .. }
            | Answer::Refunded
            | Answer::Scanned { .. }
            | Answer::Done => State::Acked,
        }
    }

    /// Whether it may have had an effect.
    pub fn may_have_happened(&self) -> bool {
        self.state() != State::Failed
    }

    /// When its effect was there at the latest: when it was acknowledged, or never for sure.
    pub fn acked_at(&self) -> Option<At> {
        self.answered.filter(|_| self.state() == State::Acked)
    }
}

/// Writes operations down as they happen. A clone writes into the same book.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    ops: Arc<Mutex<Vec<Op>>>,
}

impl Recorder {
    /// Notes a question; answers its number.
    pub fn ask(&self, who: Who, sale: usize, ask: Ask, asked: At) -> usize {
        let mut ops = self.ops();
        ops.push(Op { who, sale, asked, answered: None, ask, answer: Answer::Pending });
        ops.len() - 1
    }

    /// Notes the answer to question `number`.
    pub fn answer(&self, number: usize, answer: Answer, answered: At) {
        let op = &mut self.ops()[number];
        op.answered = Some(answered);
        op.answer = answer;
    }

    /// Everything so far.
    pub fn all(&self) -> Vec<Op> {
        self.ops().clone()
    }

    fn ops(&self) -> MutexGuard<'_, Vec<Op>> {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
