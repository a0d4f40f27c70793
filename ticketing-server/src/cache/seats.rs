//! The seats of a session, read and rendered once for all who ask.

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use ticketing_core::{Ticketing, clock::Timestamp, ids::SessionId, store::StoreError};
use tokio::task::spawn_blocking;

use super::seat_list::SeatList;
use crate::error::ApiError;

/// How old a list may be when it is shown.
const FRESH_FOR: Duration = Duration::from_millis(500);
/// Sessions whose seats are kept; 100,000 seats take some 50 MB.
const SESSIONS_MAX: usize = 64;

/// Seat lists as last read.
#[derive(Debug)]
pub(crate) struct Seats {
    fresh: Cache<SessionId, Arc<SeatList>>,
    /// What a new reading starts from.
    last: Cache<SessionId, Arc<SeatList>>,
}

impl Seats {
    pub(crate) fn new() -> Self {
        Self { fresh: Cache::new(SESSIONS_MAX), last: Cache::new(SESSIONS_MAX) }
    }

    /// The seats of session `id`, read at `now` or less than a second before; `None`: there is no such
    /// session. Whoever asks while the store is being asked waits for the same answer.
    ///
    /// # Errors
    /// [`ApiError`] when they cannot be read.
    pub(crate) async fn of(
        &self,
        ticketing: &Ticketing,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Arc<SeatList>>, ApiError> {
        if let Some(kept) = self.fresh.get(&id) {
            if now.since(kept.read_at()) < FRESH_FOR {
                return Ok(Some(kept));
            }
            self.fresh.remove_if(&id, |stale| Arc::ptr_eq(stale, &kept));
        }
        let read = async { self.read(ticketing, id, now).await.map_err(Some)?.ok_or(None) };
        match self.fresh.get_or_insert_async(&id, read).await {
            Ok(list) => Ok(Some(list)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    /// The seats of session `id` as they are now, whatever is kept.
    ///
    /// # Errors
    /// [`ApiError`] when they cannot be read.
    pub(crate) async fn read(
        &self,
        ticketing: &Ticketing,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Arc<SeatList>>, ApiError> {
        let Some(list) = self.changed(ticketing, id, now).await? else { return Ok(None) };
        self.last.insert(id, Arc::clone(&list));
        Ok(Some(list))
    }

    /// The last reading with what has changed since, or a whole new one.
    async fn changed(
        &self,
        ticketing: &Ticketing,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Arc<SeatList>>, ApiError> {
        let before = match self.last.get(&id) {
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
        Ok(Some(Arc::new(list.map_err(ApiError::internal)??)))
    }
}

async fn whole(ticketing: &Ticketing, id: SessionId, now: Timestamp) -> Result<Option<SeatList>, StoreError> {
    let found = ticketing.queries().seats(id, None).await?;
    Ok(found.map(|(session, seats)| SeatList::whole(session, seats, now)))
}
