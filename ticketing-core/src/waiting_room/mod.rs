//! The waiting room: places in arrival order, and a frontier that admits a prefix of them.
//!
//! A place is a number. Everyone whose number is at or behind the [`Room::frontier`] is admitted,
//! and a short log of when it moved tells until when: so a hold checks its token against two records
//! it finds by key, the room's and the place's, and a position is arithmetic over the few places
//! that were given up, never a count of those who wait.

pub mod admission;
mod apart;
mod epoch;
mod memory;
mod tally;
pub mod token;

use serde::{Deserialize, Serialize};

pub use self::{
    apart::{
        Advance, Arrival, Arrived, GivenUp, LineSlice, Mark, Reply, RoomAnswer, RoomError, Seen, Terms, Visitor,
        WaitingRoom,
    },
    epoch::PastEpoch,
    memory::{MemoryRooms, Remembered},
};
use crate::{
    clock::Timestamp,
    ids::{SessionId, UserId},
    state_enum,
};

state_enum! {
    /// Whether holds need a queue token.
    pub enum QueueMode {
        /// They do.
        On = "ON",
        /// They do not.
        Off = "OFF",
    }
}

/// How a session's waiting room admits. `None` is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePolicy {
    /// Whether holds need a token.
    pub mode: QueueMode,
    /// Admissions per second, on average over each second.
    pub admit_per_second: Option<u32>,
    /// Most admitted places whose window runs and who have neither bought nor left.
    pub max_active: Option<u32>,
    /// How long a place waits, from its issue; from the opening of the sale, if it was issued ahead of it.
    pub wait_ttl_seconds: Option<u32>,
    /// How long an admitted place may hold tickets, from its admission.
    pub admit_ttl_seconds: Option<u32>,
    /// Most places waiting and admitted together.
    pub max_length: Option<u32>,
    /// How long before `sales_open_at` the line opens; `None`: with the sale. Nobody is admitted before
    /// the sale is open.
    pub pre_queue_seconds: Option<u32>,
}

impl QueuePolicy {
    /// Longest window and longest wait: a week.
    pub const TTL_SECONDS_MAX: u32 = 604_800;

    /// Whether anybody ever waits.
    pub fn admits_at_once(&self) -> bool {
        self.mode == QueueMode::Off || (self.admit_per_second.is_none() && self.max_active.is_none())
    }
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            mode: QueueMode::On,
            admit_per_second: None,
            max_active: None,
            wait_ttl_seconds: Some(1800),
            admit_ttl_seconds: Some(120),
            max_length: None,
            pre_queue_seconds: None,
        }
    }
}

state_enum! {
    /// What a place is, as far as somebody did something about it.
    pub enum PlaceState {
        /// Its owner is in the room. Time may have ended it all the same: see [`Room::standing`].
        In = "IN",
        /// Its owner left, or took a newer place.
        Left = "LEFT",
        /// Its owner bought.
        Bought = "BOUGHT",
        /// Its wait ended before its turn came.
        Expired = "EXPIRED",
    }
}

/// One place in a session's waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whose waiting room.
    pub session_id: SessionId,
    /// The place: 1 came first.
    pub number: u64,
    /// Whose place.
    pub user_id: UserId,
    /// When it was given, or when the sale opens, if that was still to come: from here on its wait counts.
    pub issued_at: Timestamp,
    /// It was admitted in the instant it was given: nobody waited.
    pub admitted_at_once: bool,
    /// What it is.
    pub state: PlaceState,
}

/// "Everyone behind the one and through the other number was admitted by then." Numbers between
/// two admissions were stepped over: their wait had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The last number before the first.
    pub after: u64,
    /// The last number.
    pub through: u64,
    /// The end of the slot it happened in, from which windows are counted; [`Admission::WITHOUT_WINDOW`] where
    /// none has begun.
    pub at: Timestamp,
}

impl Admission {
    /// The end of the year 9999: those who were admitted while windows never ended. Should windows be wanted
    /// later, theirs begin then.
    pub const WITHOUT_WINDOW: Timestamp = Timestamp::from_micros(253_402_300_799_000_000);
}

/// The state of one session's waiting room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Whose waiting room.
    pub session_id: SessionId,
    /// Counts how often the room was lost and rebuilt; tokens of other epochs are void.
    pub epoch: u32,
    /// The number the next arrival gets.
    pub next: u64,
    /// Everyone through here is admitted, or was stepped over. Only ever moves forward.
    pub frontier: u64,
    /// When the frontier moved, as far back as a window may still run.
    pub log: Vec<Admission>,
    /// Admissions up to this instant are used up, as far as the rate is concerned.
    pub credited_until: Timestamp,
    /// Waiting places through here have had their wait, or were sent away.
    pub wait_ended_through: u64,
    /// Admitted places through here no longer count as active.
    pub window_ended_through: u64,
    /// Places behind the frontier that still wait.
    pub waiting: u64,
    /// Admitted places whose window runs and whose owners have neither bought nor left.
    pub active: u64,
    /// The epochs before, as far back as a token of theirs may still count, oldest first.
    #[serde(default)]
    pub past: Vec<PastEpoch>,
    /// The room is kept in a store of its own, and this is its mirror in the ledger: a place without a
    /// record is believed by its token alone.
    #[serde(default)]
    pub apart: bool,
}

/// Where a place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its turn has not come; `None`: it waits for ever.
    Waiting {
        /// When its wait ends.
        until: Option<Timestamp>,
    },
    /// It may hold tickets; `None`: for ever.
    Allowed {
        /// When its window ends.
        until: Option<Timestamp>,
    },
    /// Its wait or its window has ended.
    Expired,
}

impl Room {
    /// An empty room.
    pub fn new(session_id: SessionId, now: Timestamp) -> Self {
        Self {
            session_id,
            epoch: 1,
            next: 1,
            frontier: 0,
            log: Vec::new(),
            credited_until: now,
            wait_ended_through: 0,
            window_ended_through: 0,
            waiting: 0,
            active: 0,
            past: Vec::new(),
            apart: false,
        }
    }

    /// The last number that no longer waits: those who wait come behind it.
    pub fn head(&self) -> u64 {
        self.frontier.max(self.wait_ended_through)
    }

    /// Where the place `number`, given at `issued_at`, stands at `now` — as far as time and the
    /// frontier decide; [`Place::state`] tells whether its owner gave it up.
    pub fn standing(
        &self,
        policy: &QueuePolicy,
        number: u64,
        issued_at: Timestamp,
        admitted_at_once: bool,
        now: Timestamp,
    ) -> Standing {
        let running = |until: Option<Timestamp>| until.is_none_or(|until| now < until);
        if number > self.frontier && !admitted_at_once {
            let until = policy.wait_ttl_seconds.map(|ttl| issued_at.plus_seconds(ttl));
            let sent_away = number <= self.wait_ended_through;
            return if !sent_away && running(until) { Standing::Waiting { until } } else { Standing::Expired };
        }
        if number <= self.window_ended_through {
            // Whatever the policy says by now: somebody else was admitted for it.
            return Standing::Expired;
        }
        let Some(ttl) = policy.admit_ttl_seconds else {
            // Of a room apart no record tells that a place was stepped over; its log does.
            let admitted = admitted_at_once || !self.apart || self.admission_of(number).is_some();
            return if admitted { Standing::Allowed { until: None } } else { Standing::Expired };
        };
        let admitted_at = match self.admission_of(number) {
            Some(admission) if admitted_at_once => issued_at.max(admission.at),
            Some(admission) => admission.at,
            None if admitted_at_once => issued_at,
            None => return Standing::Expired,
        };
        let until = Some(admitted_at.plus_seconds(ttl));
        if running(until) { Standing::Allowed { until } } else { Standing::Expired }
    }

    /// The entry of the log that tells when `number` was admitted.
    fn admission_of(&self, number: u64) -> Option<&Admission> {
        let entry = self.log.partition_point(|admission| admission.through < number);
        self.log.get(entry).filter(|admission| number > admission.after)
    }

    /// Position of the place `number` while it waits: those still waiting ahead of it, plus one.
    /// `given_up` lists, in ascending order, the places behind [`Room::head`] that nobody waits in.
    pub fn position(&self, number: u64, given_up: &[u64]) -> u64 {
        let head = self.head();
        let from = given_up.partition_point(|gone| *gone <= head);
        let to = given_up.partition_point(|gone| *gone < number);
        number.saturating_sub(head).saturating_sub(to.saturating_sub(from) as u64)
    }
}
