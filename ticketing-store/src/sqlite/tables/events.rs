//! Events.

use rusqlite::{Connection, Row, params};
use ticketing_core::event::Event;

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, int};

macro_rules! from {
    () => {
        "SELECT id, title, description, venue, status, created_at, updated_at, audit_length, audit_mac FROM events "
    };
}

pub(in crate::sqlite) const BY_ID: &str = concat!(from!(), "WHERE id = ?1");
pub(in crate::sqlite) const PAGE: &str = concat!(from!(), "WHERE id > ?1 ORDER BY id LIMIT ?2");
pub(in crate::sqlite) const PAGE_OF_STATUS: &str =
    concat!(from!(), "WHERE status = ?3 AND id > ?1 ORDER BY id LIMIT ?2");
const INSERT: &str = "INSERT INTO events (id, title, description, venue, status, created_at, updated_at, audit_length, audit_mac) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const UPDATE: &str = "UPDATE events SET title = ?2, description = ?3, venue = ?4, status = ?5, created_at = ?6, updated_at = ?7, \
     audit_length = ?8, audit_mac = ?9 WHERE id = ?1";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_ID, PAGE, PAGE_OF_STATUS, UPDATE];

fn execute(event: &Event, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        event.id.bytes(),
        event.title,
        event.description,
        event.venue,
        event.status.as_str(),
        event.created_at.micros(),
        event.updated_at.micros(),
        int(event.audit.length),
        event.audit.mac.0,
    ])
}

impl Stored for Event {
    const TABLE: &'static str = "events";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            title: columns.get()?,
            description: columns.get()?,
            venue: columns.get()?,
            status: columns.text()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
            audit: columns.chain()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Event {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
