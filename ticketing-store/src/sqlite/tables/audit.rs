//! The audit log.

use rusqlite::{Connection, Row, params};
use ticketing_core::audit::{AuditRecord, ChainMac, TraceId};

use super::Stored;
use crate::sqlite::columns::{Columns, IdBytes, int};

pub(in crate::sqlite) const FROM: &str = "SELECT stream, seq, at, actor, action, target, meta, trace_id, mac FROM audit_log \
     WHERE stream = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3";
/// Behind a place in the whole log.
pub(in crate::sqlite) const SEARCH: &str = "SELECT stream, seq, at, actor, action, target, meta, trace_id, mac FROM audit_log \
     WHERE (stream, seq) > (?1, ?2) ORDER BY stream, seq LIMIT ?3";
const INSERT: &str = "INSERT INTO audit_log (stream, seq, at, actor, action, target, meta, trace_id, mac) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[FROM, SEARCH];

impl Stored for AuditRecord {
    const TABLE: &'static str = "audit_log";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            stream: columns.text()?,
            seq: columns.count()?,
            at: columns.time()?,
            actor: columns.text()?,
            action: columns.text()?,
            target: columns.get()?,
            meta: columns.get()?,
            trace_id: columns.get::<Option<IdBytes>>()?.map(|bytes| TraceId(u128::from_be_bytes(bytes))),
            mac: ChainMac(columns.get()?),
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection.prepare_cached(INSERT)?.execute(params![
            self.stream.to_string(),
            int(self.seq),
            self.at.micros(),
            self.actor.to_string(),
            self.action.as_str(),
            self.target,
            self.meta,
            self.trace_id.map(|trace| trace.0.to_be_bytes()),
            self.mac.0,
        ])
    }
}
