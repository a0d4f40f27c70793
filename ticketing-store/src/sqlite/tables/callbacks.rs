//! Callbacks of the gateway.

use rusqlite::{Connection, Row, params};
use ticketing_core::payment::{Callback, CallbackReport};

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, bytes_of};

macro_rules! columns {
    () => {
        "c.id, c.pg_payment_id, c.status, c.amount, c.currency, c.raw_payload, c.payment_id, c.received_at"
    };
}

/// How many columns a callback takes up in front of what is joined to it.
pub(in crate::sqlite) const COLUMNS: usize = 8;

pub(in crate::sqlite) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM callbacks c WHERE c.id = ?1");
/// Unmatched callbacks whose payment is known by now, with the payment's links.
pub(in crate::sqlite) const TO_MATCH: &str = concat!(
    "SELECT ",
    columns!(),
    ", p.id, p.session_id, p.order_id, p.hold_id, p.user_id FROM callbacks c INDEXED BY callbacks_unmatched \
     CROSS JOIN payments p ON p.pg_payment_id = c.pg_payment_id \
     WHERE c.payment_id IS NULL AND c.id > ?1 ORDER BY c.id LIMIT ?2"
);
/// Those matched to no payment so far.
pub(in crate::sqlite) const UNMATCHED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM callbacks c INDEXED BY callbacks_unmatched WHERE c.payment_id IS NULL AND c.id > ?1 ORDER BY c.id LIMIT ?2"
);
/// Those matched to the payments of a session.
pub(in crate::sqlite) const OF_SESSION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM payments p INDEXED BY payments_of_session CROSS JOIN callbacks c ON c.payment_id = p.id \
     WHERE p.session_id = ?1 ORDER BY c.id"
);
const INSERT: &str = "INSERT INTO callbacks (id, pg_payment_id, status, amount, currency, raw_payload, payment_id, received_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const UPDATE: &str = "UPDATE callbacks SET pg_payment_id = ?2, status = ?3, amount = ?4, currency = ?5, raw_payload = ?6, \
     payment_id = ?7, received_at = ?8 WHERE id = ?1";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_ID, TO_MATCH, UNMATCHED, OF_SESSION, UPDATE];

fn execute(callback: &Callback, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        callback.id.bytes(),
        callback.report.pg_payment_id.as_str(),
        callback.report.status.as_str(),
        callback.report.amount,
        callback.report.currency,
        callback.report.raw_payload,
        bytes_of(callback.payment_id),
        callback.received_at.micros(),
    ])
}

impl Stored for Callback {
    const TABLE: &'static str = "callbacks";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            report: CallbackReport {
                pg_payment_id: columns.text()?,
                status: columns.text()?,
                amount: columns.get()?,
                currency: columns.get()?,
                raw_payload: columns.get()?,
            },
            payment_id: columns.id_opt()?,
            received_at: columns.time()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Callback {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
