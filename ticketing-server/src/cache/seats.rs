//! The seats of a session, read and rendered once for all who ask.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ticketing_core::{
    Ticketing,
    clock::{Clock, Timestamp},
    ids::SessionId,
    store::StoreError,
};
use tokio::task::spawn_blocking;

use super::seat_list::SeatList;
use crate::error::ApiError;

/// How old a list may be when it is shown.
const FRESH_FOR: Duration = Duration::from_millis(500);
/// Most memory for lists; the newest is kept whatever it takes. 100,000 seats take some 50 MB.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// Seat lists as last read.
#[derive(Debug, Default)]
pub(crate) struct Seats(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sessions: HashMap<SessionId, Slot>,
    /// Counts looks: whose last is longest ago goes first.
    looks: u64,
}

/// What is kept of one session.
#[derive(Debug, Default)]
struct Slot {
    /// Held by whoever reads: one at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
    last: Option<Arc<SeatList>>,
    bytes: usize,
    /// The last reading, if it failed, and when that was.
    failed: Option<(Timestamp, ApiError)>,
    looked_at: u64,
}

/// What somebody wants to see.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    asked_at: Timestamp,
    /// At this version, or read since it was asked for.
    version: u64,
}

impl Wanted {
    fn is_met_by(self, list: &SeatList, now: Timestamp) -> bool {
        let read_for_it = list.read_at() >= self.asked_at;
        read_for_it || (list.version() >= self.version && now.since(list.read_at()) < FRESH_FOR)
    }
}

impl Seats {
    /// The seats of session `id`, less than a second old, and at `version` at least: another node may have
    /// shown what is newer than what is kept here. They are older than that if the store's own are.
    /// `None`: there is no such session. Whoever asks while the store is being asked waits for the same
    /// answer, or the next.
    ///
    /// # Errors
    /// [`ApiError`] when they cannot be read.
    pub(crate) async fn of(
        &self,
        ticketing: &Ticketing,
        clock: &dyn Clock,
        id: SessionId,
        version: u64,
    ) -> Result<Option<Arc<SeatList>>, ApiError> {
        let wanted = Wanted { asked_at: clock.now(), version };
        let met =
            |(list, _): &(Option<Arc<SeatList>>, _)| list.clone().filter(|list| wanted.is_met_by(list, clock.now()));
        if let Some(list) = met(&self.look(id)) {
            return Ok(Some(list));
        }
        let turn = self.turn(id);
        let _turn = turn.lock().await;
        let seen = self.look(id);
        if let Some(list) = met(&seen) {
            return Ok(Some(list));
        }
        let (before, failed) = seen;
        if let Some((_, error)) = failed.filter(|(at, _)| *at >= wanted.asked_at) {
            return Err(error);
        }
        let read = read(ticketing, clock, id, before).await;
        self.keep(id, &read, clock.now());
        read
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Every change of it is whole, whatever happens to the thread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last reading, and the last failure.
    fn look(&self, id: SessionId) -> (Option<Arc<SeatList>>, Option<(Timestamp, ApiError)>) {
        let mut kept = self.kept();
        kept.looks += 1;
        let looks = kept.looks;
        let Some(slot) = kept.sessions.get_mut(&id) else { return (None, None) };
        slot.looked_at = looks;
        (slot.last.clone(), slot.failed.clone())
    }

    fn turn(&self, id: SessionId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.kept().sessions.entry(id).or_default().turn)
    }

    /// Keeps what was read, and lets go of those that nobody has looked at for longest.
    fn keep(&self, id: SessionId, read: &Result<Option<Arc<SeatList>>, ApiError>, now: Timestamp) {
        let mut kept = self.kept();
        let slot = kept.sessions.entry(id).or_default();
        match read {
            Ok(list) => {
                slot.bytes = list.as_ref().map_or(0, |list| list.bytes());
                slot.last.clone_from(list);
                slot.failed = None;
            }
            // What was read before is still what the next reading starts from.
            Err(error) => slot.failed = Some((now, error.clone())),
        }
        kept.make_room(id, BYTES_MAX);
    }
}

impl Kept {
    /// Forgets sessions but `newest` until the others and it take `bytes_max` at most.
    fn make_room(&mut self, newest: SessionId, bytes_max: usize) {
        let mut bytes: usize = self.sessions.values().map(|slot| slot.bytes).sum();
        while bytes > bytes_max {
            // A slot whose turn somebody has, or waits for, is in use.
            let idle = |(id, slot): &(&SessionId, &Slot)| {
                **id != newest && slot.bytes > 0 && Arc::strong_count(&slot.turn) == 1
            };
            let oldest = self.sessions.iter().filter(idle).min_by_key(|(_, slot)| slot.looked_at);
            let Some(id) = oldest.map(|(id, _)| *id) else { break };
            bytes -= self.sessions.remove(&id).map_or(0, |slot| slot.bytes);
        }
    }
}

/// `before` with what has changed since, or a whole new reading.
async fn read(
    ticketing: &Ticketing,
    clock: &dyn Clock,
    id: SessionId,
    before: Option<Arc<SeatList>>,
) -> Result<Option<Arc<SeatList>>, ApiError> {
    let now = clock.now();
    let before = match before {
        Some(list) => list,
        None => match whole(ticketing, id, now).await? {
            Some(list) => Arc::new(list),
            None => return Ok(None),
        },
    };
    let found = ticketing.queries().seats(id, Some(before.version())).await?;
    let Some((session, changed)) = found else { return Ok(None) };
    if session.version < before.version() {
        // The store has lost its last writes: what was read is no ground to build on.
        return Ok(whole(ticketing, id, now).await?.map(Arc::new));
    }
    let list = spawn_blocking(move || before.then(session, changed, now)).await;
    Ok(Some(Arc::new(list.map_err(ApiError::internal)?)))
}

async fn whole(ticketing: &Ticketing, id: SessionId, now: Timestamp) -> Result<Option<SeatList>, StoreError> {
    let found = ticketing.queries().seats(id, None).await?;
    Ok(found.map(|(session, seats)| SeatList::whole_of(session, seats, now)))
}
