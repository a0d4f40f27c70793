//! Payments.

use rusqlite::{Connection, Row, params};
use ticketing_core::payment::{GatewayPaymentId, GatewaySession, Payment};

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id};

macro_rules! from {
    () => {
        "SELECT id, session_id, order_id, hold_id, user_id, method, amount_minor, amount_currency, pg_payment_id, \
         pg_url, status, created_at, updated_at FROM payments "
    };
}

pub(in crate::sqlite) const BY_ID: &str = concat!(from!(), "WHERE id = ?1");
pub(in crate::sqlite) const IN_SESSION: &str = concat!(from!(), "WHERE id = ?2 AND session_id = ?1");
pub(in crate::sqlite) const BY_GATEWAY: &str = concat!(from!(), "WHERE pg_payment_id = ?1");
pub(in crate::sqlite) const OF_SESSION: &str =
    concat!(from!(), "INDEXED BY payments_of_session WHERE session_id = ?1 ORDER BY id");
const INSERT: &str = "INSERT INTO payments (id, session_id, order_id, hold_id, user_id, method, amount_minor, amount_currency, \
     pg_payment_id, pg_url, status, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
/// Whose payment it is, and of what, never changes.
const UPDATE: &str = "UPDATE payments SET method = ?6, amount_minor = ?7, amount_currency = ?8, pg_payment_id = ?9, pg_url = ?10, \
     status = ?11, created_at = ?12, updated_at = ?13 \
     WHERE id = ?1 AND session_id = ?2 AND order_id = ?3 AND hold_id = ?4 AND user_id = ?5";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_ID, IN_SESSION, BY_GATEWAY, OF_SESSION, UPDATE];

fn execute(payment: &Payment, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    let gateway = payment.gateway.as_ref();
    connection.prepare_cached(sql)?.execute(params![
        payment.id.bytes(),
        payment.session_id.bytes(),
        payment.order_id.bytes(),
        payment.hold_id.bytes(),
        payment.user_id.bytes(),
        payment.method.as_str(),
        payment.amount.minor,
        payment.amount.currency.as_str(),
        gateway.map(|gateway| gateway.pg_payment_id.as_str()),
        gateway.map(|gateway| gateway.url.as_str()),
        payment.status.as_str(),
        payment.created_at.micros(),
        payment.updated_at.micros(),
    ])
}

impl Stored for Payment {
    const TABLE: &'static str = "payments";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            session_id: columns.id()?,
            order_id: columns.id()?,
            hold_id: columns.id()?,
            user_id: columns.id()?,
            method: columns.text()?,
            amount: columns.money()?,
            gateway: {
                let name: Option<GatewayPaymentId> = columns.text_opt()?;
                let url: Option<String> = columns.get()?;
                name.zip(url).map(|(pg_payment_id, url)| GatewaySession { pg_payment_id, url })
            },
            status: columns.text()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Payment {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
