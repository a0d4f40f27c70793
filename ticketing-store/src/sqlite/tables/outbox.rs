//! The outbox.

use rusqlite::{Connection, Row, params};
use ticketing_core::outbox::OutboxMessage;

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, micros_of};

macro_rules! from {
    () => {
        "SELECT id, session_id, payment_id, key, status, attempts, next_attempt_at, last_error, created_at, done_at \
         FROM outbox "
    };
}

pub(in crate::sqlite) const IN_SESSION: &str = concat!(from!(), "WHERE id = ?2 AND session_id = ?1");
pub(in crate::sqlite) const DUE: &str = concat!(
    from!(),
    "INDEXED BY outbox_due WHERE status = 'PENDING' AND next_attempt_at <= ?1 ORDER BY next_attempt_at, id LIMIT ?2"
);
pub(in crate::sqlite) const OF_SESSION: &str =
    concat!(from!(), "INDEXED BY outbox_of_session WHERE session_id = ?1 ORDER BY id");
const INSERT: &str = "INSERT INTO outbox (id, session_id, payment_id, key, status, attempts, next_attempt_at, last_error, created_at, \
     done_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
/// What is to be done, and under which key, never changes.
const UPDATE: &str = "UPDATE outbox SET status = ?5, attempts = ?6, next_attempt_at = ?7, last_error = ?8, created_at = ?9, \
     done_at = ?10 WHERE id = ?1 AND session_id = ?2 AND payment_id = ?3 AND key = ?4";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[IN_SESSION, DUE, OF_SESSION, UPDATE];

fn execute(message: &OutboxMessage, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        message.id.bytes(),
        message.session_id.bytes(),
        message.payment_id.bytes(),
        message.key,
        message.status.as_str(),
        message.attempts,
        message.next_attempt_at.micros(),
        message.last_error,
        message.created_at.micros(),
        micros_of(message.done_at),
    ])
}

impl Stored for OutboxMessage {
    const TABLE: &'static str = "outbox";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            session_id: columns.id()?,
            payment_id: columns.id()?,
            key: columns.get()?,
            status: columns.text()?,
            attempts: columns.count()?,
            next_attempt_at: columns.time()?,
            last_error: columns.get()?,
            created_at: columns.time()?,
            done_at: columns.time_opt()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for OutboxMessage {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
