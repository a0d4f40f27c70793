//! The waiting room.

use crate::{
    audit::Caller,
    clock::Timestamp,
    ids::{SessionId, UserId},
    waiting_room::{Place, QueuePolicy, Room, token::PlaceClaim},
};

/// Takes a place in the waiting room, or finds the one the user has.
#[derive(Debug, Clone)]
pub struct JoinQueue {
    /// Who asks.
    pub caller: Caller,
    /// Whose waiting room.
    pub session_id: SessionId,
    /// For whom.
    pub user_id: UserId,
}

/// A place, and the room it is in.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The place.
    pub place: Place,
    /// Its room, as of this answer.
    pub room: Room,
    /// The session's policy.
    pub policy: QueuePolicy,
    /// The user had it already.
    pub existing: bool,
    /// When this was so.
    pub at: Timestamp,
}

/// Why no place was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueRefusal {
    /// There is no such session, or its event is not published.
    #[error("there is no such session")]
    SessionNotFound,
    /// Sales have not opened.
    #[error("this session is not on sale yet")]
    NotOnSale,
    /// Sales have closed.
    #[error("the sale of this session has closed")]
    SaleClosed,
    /// Nothing is left that could come back.
    #[error("this session is sold out")]
    SoldOut,
    /// The line is as long as its policy allows.
    #[error("the waiting room is full")]
    QueueFull,
    /// It is kept in a store that this engine was not given.
    #[error("the waiting room is kept in a store of its own")]
    KeptApart,
}

/// Gives a place up.
#[derive(Debug, Clone)]
pub struct LeaveQueue {
    /// Who asks.
    pub caller: Caller,
    /// The place, by its verified token.
    pub claim: PlaceClaim,
}

/// Sends those away who wait, [`PLACES_PER_STEP`](crate::waiting_room::admission::PLACES_PER_STEP) at most.
/// Those who are admitted stay.
#[derive(Debug, Clone)]
pub struct ClearQueue {
    /// Who asks.
    pub caller: Caller,
    /// Whose waiting room.
    pub session_id: SessionId,
    /// The last place that is to go; `None`: whatever is the last now.
    pub through: Option<u64>,
    /// How many were sent away, where the room is kept apart and that is done: what is left is to record it.
    pub apart: Option<u64>,
}

/// A waiting room was cleared, or the first of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    /// How many were sent away.
    pub sent_away: u64,
    /// The last place that is to go.
    pub through: u64,
    /// Whether another step would find more to do.
    pub more: bool,
}

/// Lets the frontier of a waiting room move on.
#[derive(Debug, Clone)]
pub struct AdvanceQueue {
    /// Whose.
    pub session_id: SessionId,
}

/// What a step of admission did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advanced {
    /// How many were admitted.
    pub admitted: u64,
    /// Whether another step would find more to do at once.
    pub more: bool,
}

/// Begins the next epoch of a waiting room that is kept apart: it was lost, or has never been there.
#[derive(Debug, Clone)]
pub struct OpenRoom {
    /// Whose.
    pub session_id: SessionId,
    /// The epoch that is over: who comes second changes nothing.
    pub after: u32,
    /// What is left of the room, where its line is still there.
    pub found: Option<Room>,
}

/// Takes a waiting room that is kept apart into its mirror.
#[derive(Debug, Clone)]
pub struct MirrorRoom {
    /// The room.
    pub room: Room,
}
