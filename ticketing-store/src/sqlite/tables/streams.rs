//! Chain heads of streams without a record of their own.

use rusqlite::{Connection, Row, params};
use ticketing_core::audit::Stream;

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, int};

pub(in crate::sqlite) const BY_NAME: &str = "SELECT stream, audit_length, audit_mac FROM streams WHERE stream = ?1";
const INSERT: &str = "INSERT INTO streams (stream, audit_length, audit_mac) VALUES (?1, ?2, ?3)";
const UPDATE: &str = "UPDATE streams SET audit_length = ?2, audit_mac = ?3 WHERE stream = ?1";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_NAME, UPDATE];

fn execute(stream: &Stream, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute(params![stream.id.to_string(), int(stream.audit.length), stream.audit.mac.0])
}

impl Stored for Stream {
    const TABLE: &'static str = "streams";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self { id: columns.text()?, audit: columns.chain()? })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Stream {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
