//! What this node knows of rooms: how far each has come, and what of it the ledger has.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quick_cache::sync::Cache;

use crate::{
    clock::Timestamp,
    ids::SessionId,
    waiting_room::{Mark, Room},
};

/// Rooms of which something is known. What is forgotten is asked of the ledger again.
const KNOWN_MAX: usize = 10_000;

/// How far a room has come, as far as this node has seen.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    /// No state before this one is believed.
    pub(super) mark: Mark,
    /// Its mirror when this node learned of it, which it must not be behind either.
    pub(super) floor: Arc<Room>,
}

/// One room.
#[derive(Debug)]
pub(super) struct Known {
    progress: Mutex<Progress>,
    mirrored: Mutex<Mirrored>,
    /// Whoever begins it anew, so that a crowd does it once.
    pub(super) restoring: tokio::sync::Mutex<()>,
}

/// What the ledger was last told.
#[derive(Debug)]
struct Mirrored {
    room: Arc<Room>,
    at: Timestamp,
}

/// A mirror may lag so far behind in what no hold asks about.
const MIRRORED_EVERY_SECONDS: u32 = 1;

impl Known {
    /// What the ledger tells. A room that was never kept apart has not begun: it counts as lost.
    pub(super) fn of(room: Room) -> Self {
        let epoch = if room.apart { room.epoch } else { room.epoch + 1 };
        let floor = Arc::new(room);
        let mirrored = Mirrored { room: Arc::clone(&floor), at: Timestamp::from_micros(i64::MIN) };
        Self {
            progress: Mutex::new(Progress { mark: Mark { epoch, version: 0 }, floor }),
            mirrored: Mutex::new(mirrored),
            restoring: tokio::sync::Mutex::new(()),
        }
    }

    pub(super) fn progress(&self) -> Progress {
        lock(&self.progress).clone()
    }

    /// Notes that the room has come as far as `mark`.
    pub(super) fn seen(&self, mark: Mark) {
        let mut progress = lock(&self.progress);
        progress.mark = progress.mark.max(mark);
    }

    /// Notes that `room` stands in the ledger, and is as far as `mark`.
    pub(super) fn learned(&self, mark: Mark, room: Room, at: Timestamp) {
        let room = Arc::new(room);
        *lock(&self.progress) = Progress { mark, floor: Arc::clone(&room) };
        *lock(&self.mirrored) = Mirrored { room, at };
    }

    /// Whether the ledger should be told of `room` at `at`: of what holds ask about at once, of the rest now
    /// and then.
    pub(super) fn is_news(&self, room: &Room, at: Timestamp) -> bool {
        let mirrored = lock(&self.mirrored);
        let known = &*mirrored.room;
        let differs = known.epoch != room.epoch
            || known.log != room.log
            || known.wait_ended_through != room.wait_ended_through
            || known.window_ended_through != room.window_ended_through;
        differs || (*known != *room && at >= mirrored.at.plus_seconds(MIRRORED_EVERY_SECONDS))
    }

    /// Notes that the ledger was told of `room` at `at`.
    pub(super) fn mirrored(&self, room: Room, at: Timestamp) {
        let mut mirrored = lock(&self.mirrored);
        if !room.is_behind(&mirrored.room) || room.epoch > mirrored.room.epoch {
            *mirrored = Mirrored { room: Arc::new(room), at };
        }
    }
}

/// Rooms with people in them, each with the number of the last sign of life.
#[derive(Debug, Default)]
struct Lively {
    rooms: BTreeMap<SessionId, u64>,
    signs: u64,
}

/// All rooms.
#[derive(Debug)]
pub(super) struct KnownRooms {
    rooms: Cache<SessionId, Arc<Known>>,
    /// Rooms that somebody came into or asked about here, of which the ledger may not know yet.
    lively: Mutex<Lively>,
}

impl KnownRooms {
    pub(super) fn new() -> Self {
        Self { rooms: Cache::new(KNOWN_MAX), lively: Mutex::default() }
    }

    pub(super) fn get(&self, session_id: SessionId) -> Option<Arc<Known>> {
        self.rooms.get(&session_id)
    }

    /// The room as known, or as just read from the ledger.
    pub(super) fn get_or(&self, session_id: SessionId, room: Room) -> Arc<Known> {
        let read = || Ok::<_, std::convert::Infallible>(Arc::new(Known::of(room)));
        match self.rooms.get_or_insert_with(&session_id, read) {
            Ok(known) => known,
            Err(never) => match never {},
        }
    }

    pub(super) fn forget(&self, session_id: SessionId) {
        self.rooms.remove(&session_id);
    }

    /// Notes that somebody is in the room.
    pub(super) fn note_life(&self, session_id: SessionId) {
        let mut lively = lock(&self.lively);
        lively.signs += 1;
        let sign = lively.signs;
        lively.rooms.insert(session_id, sign);
    }

    /// The last sign of life in the room, to be read before the room is.
    pub(super) fn life(&self, session_id: SessionId) -> Option<u64> {
        lock(&self.lively).rooms.get(&session_id).copied()
    }

    /// Notes that nobody was in the room when it was read, unless somebody has come since that sign of `life`.
    pub(super) fn note_rest(&self, session_id: SessionId, life: Option<u64>) {
        let mut lively = lock(&self.lively);
        if lively.rooms.get(&session_id).copied() == life {
            lively.rooms.remove(&session_id);
        }
    }

    pub(super) fn lively(&self) -> BTreeSet<SessionId> {
        lock(&self.lively).rooms.keys().copied().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_comes_while_an_empty_room_is_read_is_not_forgotten() {
        let (known, session_id) = (KnownRooms::new(), SessionId::from_uuid(Uuid::from_u128(1)));
        known.note_life(session_id);
        let life = known.life(session_id);
        known.note_life(session_id);
        known.note_rest(session_id, life);
        assert!(known.lively().contains(&session_id));
        known.note_rest(session_id, known.life(session_id));
        assert!(known.lively().is_empty());
    }
}
