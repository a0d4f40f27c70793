//! Lists in pages, with ids as cursors.

use std::{fmt::Display, str::FromStr};

use rusqlite::{Connection, params};
use ticketing_core::{
    hold::Hold,
    ids::IdError,
    store::{HoldFilter, Page, PageRequest, StoreError},
};

use crate::sqlite::{
    SqliteStore,
    columns::{Id, bytes_of},
    tables::{all, holds},
};

/// Before every id: where an ascending list starts.
pub(super) const ASCENDING: &[u8] = &[];
/// After every id, being longer than the greatest: where a descending list starts.
pub(super) const DESCENDING: &[u8] = &[0xff; 17];

impl SqliteStore {
    /// A page of what `read` finds behind a place in the list, at most so many.
    pub(super) async fn page<I, T>(
        &self,
        what: &'static str,
        page: PageRequest,
        start: &'static [u8],
        read: impl FnOnce(&Connection, &[u8], u32) -> rusqlite::Result<Vec<T>> + Send + 'static,
        id: impl Fn(&T) -> I,
    ) -> Result<Page<T>, StoreError>
    where
        I: Id + FromStr<Err = IdError> + Display,
        T: Send + 'static,
    {
        let from = match &page.after {
            None => start.to_vec(),
            Some(cursor) => cursor.parse().map(|id: I| id.bytes().to_vec()).map_err(|error: IdError| {
                StoreError::Conflict { detail: format!("{what}: the cursor names no place in the list: {error}") }
            })?,
        };
        let limit = page.limit.clamp(1, PageRequest::LIMIT_MAX);
        let found = self.readers.ask(what, move |db| read(db, &from, limit + 1)).await?;
        Ok(Page::of(found, limit, |item| id(item).to_string()))
    }
}

/// Holds by whichever index the filter allows.
pub(super) fn holds(db: &Connection, filter: &HoldFilter, from: &[u8], limit: u32) -> rusqlite::Result<Vec<Hold>> {
    let status = filter.status.map(|status| status.as_str());
    match (filter.session_id, filter.user_id) {
        (Some(session), Some(user)) => {
            all(db, holds::PAGE_OF_SESSION_AND_USER, params![from, limit, status, session.bytes(), user.bytes()])
        }
        (Some(session), None) => all(db, holds::PAGE_OF_SESSION, params![from, limit, status, session.bytes()]),
        (None, user) => all(db, holds::PAGE, params![from, limit, status, bytes_of(user)]),
    }
}
