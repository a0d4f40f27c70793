//! Lists in pages, with ids as cursors.

use std::{fmt::Display, str::FromStr};

use rusqlite::{Connection, params};
use ticketing_core::{
    audit::AuditRecord,
    hold::Hold,
    ids::IdError,
    order::Order,
    store::{AuditCursor, AuditFilter, HoldFilter, OrderFilter, Page, PageRequest, StoreError},
};

use crate::sqlite::{
    SqliteStore,
    columns::{Id, bytes_of, int},
    tables::{Stored, all, audit, holds, orders},
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

/// Orders by whichever index the filter allows.
pub(super) fn orders(db: &Connection, filter: &OrderFilter, from: &[u8], limit: u32) -> rusqlite::Result<Vec<Order>> {
    let status = filter.status.map(|status| status.as_str());
    match (filter.session_id, filter.user_id) {
        (session, Some(user)) => {
            all(db, orders::PAGE_OF_USER, params![from, limit, status, user.bytes(), bytes_of(session)])
        }
        (Some(session), None) => all(db, orders::PAGE_OF_SESSION, params![from, limit, status, session.bytes()]),
        (None, None) => all(db, orders::PAGE, params![from, limit, status]),
    }
}

/// A page of the records of the audit log that fit `filter`, behind `after`.
pub(super) fn audit_records(
    db: &Connection,
    filter: &AuditFilter,
    after: Option<AuditCursor>,
    limit: u32,
) -> rusqlite::Result<Page<AuditRecord>> {
    let scan = AuditFilter::SCAN_MAX;
    let mut statement = db.prepare_cached(if filter.stream.is_some() { audit::FROM } else { audit::SEARCH })?;
    let mut rows = match filter.stream {
        Some(stream) => {
            let from = after.map_or(0, |after| int(after.seq) + 1);
            statement.query(params![stream.to_string(), from, scan])?
        }
        None => {
            let (stream, seq) = after.map_or((String::new(), -1), |after| (after.stream.to_string(), int(after.seq)));
            statement.query(params![stream, seq, scan])?
        }
    };
    let (mut items, mut looked_at, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let record = AuditRecord::decode(row)?;
        looked_at += 1;
        last = Some(AuditCursor::behind(&record));
        if filter.matches(&record) {
            items.push(record);
        }
        if items.len() > limit as usize {
            return Ok(Page::of(items, limit, |record| AuditCursor::behind(record).to_string()));
        }
    }
    let more = last.filter(|_| looked_at == scan);
    Ok(Page { items, next: more.map(|cursor| cursor.to_string()) })
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
