//! Holds: placing, giving up, sweeping.

use crate::{
    audit::Caller,
    hold::{Hold, IdempotencyKey, Wanted},
    ids::{HoldId, SessionId, UserId},
    seat::SeatId,
    session::{SessionKind, limits},
    waiting_room::token::PlaceClaim,
};

/// Sets stock aside for a buyer.
#[derive(Debug, Clone)]
pub struct PlaceHold {
    /// Who asks.
    pub caller: Caller,
    /// The hold's name, if it is placed.
    pub id: HoldId,
    /// Whose stock.
    pub session_id: SessionId,
    /// For whom.
    pub user_id: UserId,
    /// How much, or which seats.
    pub wanted: Wanted,
    /// The client's key.
    pub key: IdempotencyKey,
    /// The place in the waiting room, by its verified token.
    pub claim: QueueTicket,
}

/// The queue token a hold came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueTicket {
    /// None.
    Missing,
    /// One that this engine did not sign.
    Forged,
    /// A genuine one.
    Claim(PlaceClaim),
}

/// A hold was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The hold.
    pub hold: Hold,
    /// It was placed before, under the same key.
    pub replayed: bool,
}

/// Why no hold was placed, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoldRefusal {
    /// It is no hold: of nothing, of too much, or of one seat twice.
    #[error("a hold is of 1 to {max} tickets, and names each seat once, in ascending order", max = limits::QUANTITY_MAX)]
    InvalidWanted,
    /// The key was used for something else.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// There is no such session, or its event is not published.
    #[error("there is no such session")]
    SessionNotFound,
    /// These seats do not exist.
    #[error("there is no such seat")]
    SeatNotFound {
        /// Which.
        seat_ids: Vec<SeatId>,
    },
    /// Seats of a quantity session, or a quantity of a seated one.
    #[error("this session sells by {}", if *kind == SessionKind::Seated { "seat: name seatIds" } else { "quantity: name a quantity" })]
    WrongKind {
        /// What the session is.
        kind: SessionKind,
    },
    /// Sales have not opened.
    #[error("this session is not on sale yet")]
    NotOnSale,
    /// Sales are halted.
    #[error("the sale of this session is paused")]
    SalePaused,
    /// Sales have closed.
    #[error("the sale of this session has closed")]
    SaleClosed,
    /// The session's policy asks for a token.
    #[error("a queue token is required")]
    TokenRequired,
    /// The token's wait or window has ended.
    #[error("the queue token has expired")]
    TokenExpired,
    /// The token's turn has not come.
    #[error("the queue has not admitted this token yet")]
    NotAdmitted,
    /// The token is another user's or session's, or none of ours.
    #[error("the queue token does not belong to this user and session")]
    TokenMismatch,
    /// The user let too many holds of this session end unpaid.
    #[error("too many holds were given up or left to expire; try again in {retry_after_seconds} s")]
    CoolingDown {
        /// When to try again, in seconds.
        retry_after_seconds: u32,
    },
    /// Not enough is left.
    #[error("only {remaining} left")]
    SoldOut {
        /// What is left.
        remaining: i64,
    },
    /// Somebody has these seats.
    #[error("some of these seats are taken")]
    SeatTaken {
        /// Which.
        seat_ids: Vec<SeatId>,
    },
    /// The user has a live hold in this session.
    #[error("you already hold tickets of this session")]
    HoldExists {
        /// Which.
        hold_id: HoldId,
    },
    /// With this, the user would have more than the session allows.
    #[error("at most {max_per_user} tickets of this session per user")]
    LimitExceeded {
        /// The session's bound.
        max_per_user: u32,
    },
    /// The user has placed more holds in this session than the engine keeps track of.
    #[error("too many holds of this user in this session")]
    TooManyHolds,
}

/// Who asks for a hold's release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseBy {
    /// Its owner.
    Owner(UserId),
    /// An administrator, or whoever runs the command line.
    Administrator,
}

/// Gives a hold up.
#[derive(Debug, Clone)]
pub struct ReleaseHold {
    /// Who asks.
    pub caller: Caller,
    /// Whose stock.
    pub session_id: SessionId,
    /// Which.
    pub hold_id: HoldId,
    /// In which capacity.
    pub by: ReleaseBy,
}

/// Why a hold was not released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseRefusal {
    /// There is no such hold, or it is another user's.
    #[error("there is no such hold")]
    HoldNotFound,
    /// It was paid.
    #[error("this hold has been paid")]
    AlreadySold,
}

/// Reclaims a session's overdue holds.
#[derive(Debug, Clone)]
pub struct ExpireHolds {
    /// Whose.
    pub session_id: SessionId,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// How many holds were expired.
    pub expired: u32,
    /// Whether another sweep would find more.
    pub more: bool,
}
