//! Answers that many ask for, rendered once.

mod seat_list;
mod seats;

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use quick_cache::sync::Cache;
use ticketing_core::{
    clock::Timestamp,
    event::EventStatus,
    ids::{EventId, SessionId},
    store::SessionView,
};

use crate::{dto::catalogue::SessionBody, error::ApiError};

/// How old a rendered list may be.
const FRESH_FOR: Duration = Duration::from_millis(250);
/// Sessions and lists kept.
const ENTRIES_MAX: usize = 10_000;

/// Sessions and lists of sessions, rendered as JSON.
#[derive(Debug)]
pub(crate) struct Rendered {
    sessions: Cache<SessionId, RenderedSession>,
    lists: Cache<EventId, RenderedList>,
    /// Seats of seated sessions.
    pub(crate) seats: seats::Seats,
}

/// The body for one reading of a session.
#[derive(Debug, Clone)]
struct RenderedSession {
    view: Arc<SessionView>,
    body: Bytes,
}

/// The first page of an event's sessions.
#[derive(Debug, Clone)]
pub(crate) struct RenderedList {
    /// Whether the event is shown to everyone.
    pub(crate) event_status: EventStatus,
    /// The page.
    pub(crate) body: Bytes,
    /// When it was read.
    pub(crate) read_at: Timestamp,
}

impl Rendered {
    pub(crate) fn new() -> Self {
        Self { sessions: Cache::new(ENTRIES_MAX), lists: Cache::new(ENTRIES_MAX), seats: seats::Seats::default() }
    }

    /// The body of `view`, rendered once for as long as the engine hands out the same reading.
    pub(crate) fn session(&self, view: &Arc<SessionView>) -> Result<Bytes, ApiError> {
        let id = view.session.id;
        let known = self.sessions.get(&id).filter(|rendered| Arc::ptr_eq(&rendered.view, view));
        if let Some(rendered) = known {
            return Ok(rendered.body);
        }
        let body = Bytes::from(serde_json::to_vec(&SessionBody::from(&**view)).map_err(ApiError::internal)?);
        self.sessions.insert(id, RenderedSession { view: Arc::clone(view), body: body.clone() });
        Ok(body)
    }

    /// The rendered sessions of an event: those kept while they are fresh at `now`, else `read`,
    /// once for all who wait for it.
    pub(crate) async fn sessions_of(
        &self,
        event: EventId,
        now: Timestamp,
        read: impl Future<Output = Result<RenderedList, ApiError>>,
    ) -> Result<RenderedList, ApiError> {
        if let Some(kept) = self.lists.get(&event) {
            if now.since(kept.read_at) < FRESH_FOR {
                return Ok(kept);
            }
            self.lists.remove_if(&event, |stale| stale.read_at == kept.read_at);
        }
        self.lists.get_or_insert_async(&event, read).await
    }
}
