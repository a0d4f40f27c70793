//! A waiting room in a store of its own, beside the ledger.
//!
//! The store keeps a line and applies what the engine decided; it knows no policy. Everything it holds may be
//! lost: the ledger has the room's mirror, by which holds check their tokens, and from which a lost room is
//! begun anew under its next epoch.

use std::fmt;

use futures_util::future::BoxFuture;

use super::{Place, PlaceState, Room};
use crate::{
    clock::Timestamp,
    ids::{SessionId, UserId},
    store::StoreError,
};

/// How far a room has come: of two states of one room, the later one has the greater mark.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Its epoch.
    pub epoch: u32,
    /// Counts its changes within the epoch.
    pub version: u64,
}

/// Why a room's store did not tell what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RoomError {
    /// The room is not there, or has fallen back behind what the caller knows of it. Nothing was changed.
    #[error("the waiting room is lost, or has fallen back to {found:?}")]
    Lost {
        /// What is there.
        found: Option<Mark>,
    },
    /// Its store failed, perhaps when it had done what it was asked. Asking again does no harm, but that a line is
    /// sent away anew.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a room's store answered, and the room behind it.
#[derive(Debug, Clone)]
pub struct Reply<T> {
    /// The room, with those who wait and who are active counted.
    pub room: Room,
    /// How far it has come.
    pub mark: Mark,
    /// The frontier of which the ledger knows: nobody behind it is told that they are admitted, so that whoever is
    /// told may hold whatever becomes of this store.
    pub shown: u64,
    /// The store's time.
    pub at: Timestamp,
    /// What was asked for.
    pub found: T,
}

/// A call's answer.
pub type RoomAnswer<'a, T> = BoxFuture<'a, Result<Reply<T>, RoomError>>;

/// Somebody who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Who.
    pub user_id: UserId,
    /// The place they had, which is over: it is given up for a new one.
    pub over: Option<u64>,
}

/// What the room does with those who come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// It gives new places.
    pub open: bool,
    /// Most places, waiting and admitted together.
    pub max_length: Option<u32>,
    /// While nobody waits, whoever comes is admitted in that instant.
    pub at_once: bool,
    /// Waits count from here at the earliest: whoever comes ahead of the sale waits for it to open, and that is no
    /// part of their wait.
    pub waits_from: Option<Timestamp>,
}

/// What came of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// A new place.
    New {
        /// The place.
        place: Place,
        /// Those who wait ahead, plus one.
        position: u64,
    },
    /// The place that the user has had.
    Had {
        /// The place.
        place: Place,
        /// Those who wait ahead, plus one.
        position: u64,
    },
    /// None: the room is full, or gives no new places.
    Nothing,
}

/// Somebody with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    /// Who.
    pub user_id: UserId,
    /// Their number.
    pub number: u64,
}

/// What is known of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What their place is; `None`: it is over, or was never theirs.
    pub state: Option<PlaceState>,
    /// Those who wait ahead, plus one.
    pub position: u64,
}

/// A place that its owner needs no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp {
    /// Whose, and which.
    pub visitor: Visitor,
    /// [`PlaceState::Left`] or [`PlaceState::Bought`].
    pub state: PlaceState,
}

/// The part of a line that a step of admission looks at. Places that were given up are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSlice {
    /// Places behind [`Room::window_ended_through`] that are admitted, in ascending order.
    pub admitted: Vec<Place>,
    /// Places behind [`Room::head`], in ascending order.
    pub line: Vec<Place>,
    /// Counts the steps of admission so far.
    pub steps: u64,
}

/// A step of admission, as decided over a [`LineSlice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The room before.
    pub before: Room,
    /// The room behind: its epoch and next number are those before.
    pub room: Room,
    /// [`LineSlice::steps`] as loaded.
    pub steps: u64,
}

/// Keeps the lines of waiting rooms, each in strict order of arrival.
///
/// # Contract
/// - Calls about one room happen one after another, each whole or not at all, over all processes.
/// - Calls take a [`Mark`], the furthest that the caller has seen; a room that is not as far, or absent, answers
///   [`RoomError::Lost`] and stays as it is.
/// - [`Room::waiting`] and [`Room::active`] of every reply are exact: places behind the head, and admitted ones
///   behind [`Room::window_ended_through`], that nobody gave up.
/// - A position is exact, and takes no longer the longer the line is, but for a logarithm.
///
/// Checked by `suite::room`.
pub trait WaitingRoom: Send + Sync + fmt::Debug {
    /// The store's time.
    fn now(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>>;

    /// Gives places in the order of `arrivals`; whoever has one keeps it.
    ///
    /// # Contract
    /// - Numbers follow each other without gaps, and every place is behind all that were given before.
    /// - A user has one place at a time. [`Arrival::over`] gives theirs up, if it is still that one.
    /// - A place admitted at once moves the frontier onto its number.
    fn append(
        &self,
        session_id: SessionId,
        since: Mark,
        arrivals: Vec<Arrival>,
        terms: Terms,
    ) -> RoomAnswer<'_, Vec<Arrived>>;

    /// Looks at places. Changes nothing.
    ///
    /// Checked by `suite::room::{whoever_has_a_place_keeps_it, who_gives_a_place_up_is_stepped_over}`.
    fn look(&self, session_id: SessionId, since: Mark, visitors: Vec<Visitor>) -> RoomAnswer<'_, Vec<Seen>>;

    /// Gives places up; one that is over already, or another's, stays as it is.
    ///
    /// Checked by `suite::room::{who_gives_a_place_up_is_stepped_over, nobody_gives_up_the_place_of_another}`.
    fn give_up(&self, session_id: SessionId, since: Mark, places: Vec<GivenUp>) -> RoomAnswer<'_, ()>;

    /// The part of the line to decide about, at most `limit` places of each kind. Changes nothing.
    ///
    /// Checked by `suite::room::the_line_is_told_in_slices_and_in_order`.
    fn load(&self, session_id: SessionId, since: Mark, limit: u32) -> RoomAnswer<'_, LineSlice>;

    /// Applies a step of admission, unless the epoch has ended or another step was taken since it was loaded:
    /// then answers `false`.
    ///
    /// # Contract
    /// Whoever came or went meanwhile did so; the frontier never retreats.
    fn advance_if(&self, advance: Advance) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Notes that the ledger knows of this epoch's frontier through `frontier`: [`Reply::shown`], which never
    /// retreats. Does nothing in another epoch.
    fn mirrored(&self, session_id: SessionId, epoch: u32, frontier: u64) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Sends away everybody who waits; answers how many that were.
    ///
    /// # Contract
    /// Once at most for each call: whoever comes behind it stays, though its answer was lost.
    ///
    /// Checked by `suite::room::who_waits_is_sent_away_and_who_is_admitted_stays`.
    fn clear(&self, session_id: SessionId, since: Mark) -> RoomAnswer<'_, u64>;

    /// Begins `room`'s epoch with the line that is there, if `keeps_line`, or an empty one, in which
    /// [`Room::active`] places at the frontier count as taken until their windows end. Does nothing and
    /// answers `false` where this or a later epoch is begun.
    ///
    /// # Contract
    /// The next number of a line that is kept is behind all that it has given, whatever [`Room::next`] says.
    ///
    /// Checked by `suite::room::{an_epoch_begins_once, an_epoch_may_keep_its_line,
    /// an_epoch_that_keeps_its_line_gives_no_number_twice}`.
    fn begin(&self, room: Room, keeps_line: bool) -> BoxFuture<'_, Result<bool, StoreError>>;
}
