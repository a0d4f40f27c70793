//! Lists in pages, with ids as cursors.

use std::{fmt::Display, str::FromStr};

use ticketing_core::{
    audit::AuditRecord,
    ids::{IdError, SessionId},
    store::{AuditCursor, AuditFilter, HoldFilter, OrderFilter, Page, PageRequest, StoreError},
};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::postgres::{
    PostgresStore,
    columns::{Columns, Id, int},
    flight::{Query, params},
    tables::{Stored, audit, holds, orders, record, records},
};

/// Where an ascending list goes on, or starts: no id of ours is all zeros.
pub(super) fn ascending(from: Option<Uuid>) -> Uuid {
    from.unwrap_or(Uuid::nil())
}

impl PostgresStore {
    /// A page of the records that a statement finds behind a place in the list, at most so many.
    pub(super) async fn page<R: Stored, I: Id + FromStr<Err = IdError> + Display>(
        &self,
        what: &'static str,
        page: PageRequest,
        query: impl FnOnce(Option<Uuid>, i64) -> Query,
        id: impl Fn(&R) -> I,
    ) -> Result<Page<R>, StoreError> {
        self.page_by(what, page, query, record, id).await
    }

    /// The same of whatever stands in a row.
    pub(super) async fn page_by<T, I: Id + FromStr<Err = IdError> + Display>(
        &self,
        what: &'static str,
        page: PageRequest,
        query: impl FnOnce(Option<Uuid>, i64) -> Query,
        decode: impl Fn(&Row) -> Result<T, StoreError>,
        id: impl Fn(&T) -> I,
    ) -> Result<Page<T>, StoreError> {
        let from = page.after.map(|cursor| cursor.parse().map(|id: I| Id::uuid(id))).transpose();
        let from = from.map_err(|error: IdError| StoreError::Conflict {
            detail: format!("{what}: the cursor names no place in the list: {error}"),
        })?;
        let limit = page.limit.clamp(1, PageRequest::LIMIT_MAX);
        let rows = self.rows(what, query(from, i64::from(limit) + 1)).await?;
        let found = rows.iter().map(decode).collect::<Result<_, _>>()?;
        Ok(Page::of(found, limit, |item| id(item).to_string()))
    }

    /// A page of the records of the audit log that fit `filter`.
    pub(super) async fn search_audit(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        const WHAT: &str = "searching the audit log";
        let after = AuditCursor::of(&page)?;
        let limit = page.limit.clamp(1, PageRequest::LIMIT_MAX);
        let scan = i64::from(AuditFilter::SCAN_MAX);
        // In front of the log there is a chain without a kind; in front of a chain, a record before its first.
        let (search, last, (kind, id), seq) = match (filter.stream, after) {
            (Some(stream), after) => {
                let seq = after.map_or(-1, |after| int(after.seq));
                (&audit::SEARCH_CHAIN, &audit::LAST_OF_CHAIN, audit::name(stream), seq)
            }
            (None, Some(after)) => (&audit::SEARCH, &audit::LAST, audit::name(after.stream), int(after.seq)),
            (None, None) => (&audit::SEARCH, &audit::LAST, ("", Uuid::nil()), -1),
        };
        let (target, actor) = (filter.target, filter.actor.map(|actor| actor.to_string()));
        let queries = vec![
            Query::new(search, params![id, kind, seq, scan, target, actor, i64::from(limit) + 1]),
            Query::new(last, params![id, kind, seq, scan]),
        ];
        let answers = self.view(WHAT, queries).await?;
        let [found, last] = &answers[..] else {
            return Err(StoreError::corrupt(format_args!("{WHAT}: not as many answers as questions")));
        };
        let found: Vec<AuditRecord> = records(found)?;
        let cursor = |record: &AuditRecord| AuditCursor::behind(record).to_string();
        if found.len() > limit as usize {
            return Ok(Page::of(found, limit, cursor));
        }
        let last: Option<AuditRecord> = last.first().map(record).transpose()?;
        Ok(Page { items: found, next: last.as_ref().map(cursor) })
    }

    /// The sessions that a statement names.
    pub(super) async fn ids(&self, what: &'static str, query: Query) -> Result<Vec<SessionId>, StoreError> {
        self.rows(what, query).await?.iter().map(|row| Columns::of(row).id()).collect()
    }
}

/// Orders by whichever index the filter allows.
pub(super) fn orders(filter: &OrderFilter, from: Uuid, limit: i64) -> Query {
    let status = filter.status.map(|status| status.as_str());
    match (filter.session_id.map(Id::uuid), filter.user_id.map(Id::uuid)) {
        (session, Some(user)) => Query::new(&orders::PAGE_OF_USER, params![from, limit, status, user, session]),
        (Some(session), None) => Query::new(&orders::PAGE_OF_SESSION, params![from, limit, status, session]),
        (None, None) => Query::new(&orders::PAGE, params![from, limit, status]),
    }
}

/// Holds by whichever index the filter allows.
pub(super) fn holds(filter: &HoldFilter, from: Uuid, limit: i64) -> Query {
    let status = filter.status.map(|status| status.as_str());
    match (filter.session_id.map(Id::uuid), filter.user_id.map(Id::uuid)) {
        (Some(session), Some(user)) => {
            Query::new(&holds::PAGE_OF_SESSION_AND_USER, params![from, limit, status, session, user])
        }
        (Some(session), None) => Query::new(&holds::PAGE_OF_SESSION, params![from, limit, status, session]),
        (None, user) => Query::new(&holds::PAGE, params![from, limit, status, user]),
    }
}
