//! Epochs: what a room that was lost still owes to those it had let in.

use serde::{Deserialize, Serialize};

use super::{Room, token::PlaceClaim};

/// An epoch that is over: whoever it had admitted goes on to the end of their window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastEpoch {
    /// Which.
    pub epoch: u32,
    /// Its frontier when it ended: numbers behind that had not been admitted, and never will be.
    pub through: u64,
    /// The room was kept in a store of its own: see [`Room::apart`].
    pub apart: bool,
}

impl Room {
    /// So many past epochs are remembered.
    pub const PAST_MAX: usize = 64;

    /// Whether this room stands by the place of `claim` at all: it gave it, or an epoch before did and had let
    /// it in. Whether its time has come, and is not over, [`Room::standing`] tells.
    pub fn honours(&self, claim: &PlaceClaim) -> bool {
        if claim.epoch == self.epoch {
            return true;
        }
        let past = self.past.iter().find(|past| past.epoch == claim.epoch);
        past.is_some_and(|past| claim.admitted_at_once || claim.number <= past.through)
    }

    /// Whether the place of `claim`, which this room honours, is believed though the ledger has no record of it.
    pub fn is_believed(&self, claim: &PlaceClaim) -> bool {
        if claim.epoch == self.epoch {
            return self.apart;
        }
        self.past.iter().any(|past| past.epoch == claim.epoch && past.apart)
    }

    /// Ends the epoch, and begins the next: those who were let in go on, nobody waits any more, and the next
    /// number is behind all that are known of. `apart` tells where the room is kept from here on.
    pub fn begin_epoch(&mut self, apart: bool) {
        self.past.push(PastEpoch { epoch: self.epoch, through: self.frontier, apart: self.apart });
        let forgotten = self.past.len().saturating_sub(Self::PAST_MAX);
        self.past.drain(..forgotten);
        self.epoch += 1;
        self.apart = apart;
        self.next = self.next.max(self.frontier + 1);
        self.wait_ended_through = self.wait_ended_through.max(self.next - 1);
        self.waiting = 0;
        if !apart {
            self.active = 0;
        }
    }

    /// The same for a room whose line is still there, as `found`, though not all of what was done to it: those
    /// who stand in it keep their places, and find them when they ask. Where it is this room that is of an earlier
    /// epoch, since it fell back, whoever `found` had let in goes on as well.
    pub fn begin_epoch_with(&mut self, found: &Self) {
        if found.epoch > self.epoch {
            self.past.clone_from(&found.past);
            (self.epoch, self.apart) = (found.epoch, found.apart);
        }
        if found.epoch == self.epoch && found.frontier >= self.frontier {
            self.frontier = found.frontier;
            self.log.clone_from(&found.log);
            self.window_ended_through = self.window_ended_through.max(found.window_ended_through);
        }
        let wait_ended_through = self.wait_ended_through.max(found.wait_ended_through);
        self.next = self.next.max(found.next);
        self.begin_epoch(true);
        self.epoch = self.epoch.max(found.epoch + 1);
        self.wait_ended_through = wait_ended_through;
    }

    /// Whether this is an earlier state of the room than `known`, of the same epoch: all four only ever grow.
    pub fn is_behind(&self, known: &Self) -> bool {
        self.next < known.next
            || self.frontier < known.frontier
            || self.wait_ended_through < known.wait_ended_through
            || self.window_ended_through < known.window_ended_through
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        clock::Timestamp,
        ids::{SessionId, UserId},
        waiting_room::Admission,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn claim(epoch: u32, number: u64) -> PlaceClaim {
        let (session_id, user_id) = (SessionId::from_uuid(Uuid::nil()), UserId::from_uuid(Uuid::nil()));
        PlaceClaim { session_id, user_id, epoch, number, issued_at: at(0), admitted_at_once: false }
    }

    fn room() -> Room {
        let log = vec![Admission { after: 0, through: 40, at: at(10) }];
        Room { next: 60, frontier: 40, log, ..Room::new(SessionId::from_uuid(Uuid::nil()), at(0)) }
    }

    #[test]
    fn a_new_epoch_honours_the_frontier_of_the_one_before_and_nothing_behind_it() {
        let mut room = room();
        room.begin_epoch(true);
        assert_eq!((room.epoch, room.next, room.head()), (2, 60, 59));
        assert!(room.honours(&claim(1, 40)) && !room.honours(&claim(1, 41)));
        assert!(room.honours(&claim(2, 60)) && !room.honours(&claim(3, 1)));
        assert!(room.honours(&PlaceClaim { admitted_at_once: true, ..claim(1, 55) }), "it carries its own window");
    }

    #[test]
    fn what_was_void_stays_so_when_the_frontier_has_passed_it_in_a_later_epoch() {
        let mut room = room();
        room.begin_epoch(true);
        room.frontier = 80;
        room.begin_epoch(true);
        assert!(!room.honours(&claim(1, 41)) && room.honours(&claim(2, 70)) && room.honours(&claim(1, 12)));
    }

    #[test]
    fn a_line_that_is_still_there_keeps_its_places() {
        let mut mirror = Room { wait_ended_through: 3, ..room() };
        let found = Room { next: 55, frontier: 35, wait_ended_through: 3, ..room() };
        assert!(found.is_behind(&mirror) && !mirror.is_behind(&found));
        mirror.begin_epoch_with(&found);
        assert_eq!((mirror.epoch, mirror.frontier, mirror.next, mirror.head()), (2, 40, 60, 40));
        assert!(!mirror.honours(&claim(1, 45)), "they find it when they ask");
    }

    #[test]
    fn a_room_that_fell_back_behind_an_epoch_goes_on_behind_it() {
        let (mut ledger, mut found) = (room(), room());
        found.begin_epoch(true);
        found.frontier = 70;
        found.next = 90;
        found.log.push(Admission { after: 59, through: 70, at: at(20) });
        ledger.begin_epoch_with(&found);
        assert_eq!((ledger.epoch, ledger.frontier, ledger.next, ledger.head()), (3, 70, 90, 70));
        assert!(ledger.honours(&claim(1, 40)) && !ledger.honours(&claim(1, 41)));
        assert!(ledger.honours(&claim(2, 70)) && !ledger.honours(&claim(2, 71)));
        assert!(ledger.is_believed(&claim(2, 70)) && !ledger.is_believed(&claim(1, 40)));
        assert_eq!(ledger.log, found.log);
    }
}
