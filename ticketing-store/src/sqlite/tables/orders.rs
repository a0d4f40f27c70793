//! Orders.

use rusqlite::{Connection, Row, params};
use ticketing_core::order::Order;

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, micros_of, seats_of};

macro_rules! from {
    () => {
        "SELECT id, session_id, hold_id, payment_id, user_id, quantity, seat_ids, amount_minor, amount_currency, \
         status, created_at, updated_at, paid_at, trace FROM orders "
    };
}

pub(in crate::sqlite) const BY_ID: &str = concat!(from!(), "WHERE id = ?1");
pub(in crate::sqlite) const IN_SESSION: &str = concat!(from!(), "WHERE id = ?2 AND session_id = ?1");
pub(in crate::sqlite) const OF_SESSION: &str =
    concat!(from!(), "INDEXED BY orders_of_session WHERE session_id = ?1 ORDER BY id");
pub(in crate::sqlite) const OF_USER: &str =
    concat!(from!(), "INDEXED BY orders_of_user WHERE user_id = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2");
pub(in crate::sqlite) const PAGE: &str =
    concat!(from!(), "WHERE id > ?1 AND (?3 IS NULL OR status = ?3) ORDER BY id LIMIT ?2");
pub(in crate::sqlite) const PAGE_OF_SESSION: &str = concat!(
    from!(),
    "INDEXED BY orders_of_session WHERE session_id = ?4 AND id > ?1 AND (?3 IS NULL OR status = ?3) ORDER BY id LIMIT ?2"
);
pub(in crate::sqlite) const PAGE_OF_USER: &str = concat!(
    from!(),
    "INDEXED BY orders_of_user WHERE user_id = ?4 AND id > ?1 AND (?3 IS NULL OR status = ?3) \
     AND (?5 IS NULL OR session_id = ?5) ORDER BY id LIMIT ?2"
);
const INSERT: &str = "INSERT INTO orders (id, session_id, hold_id, payment_id, user_id, quantity, seat_ids, amount_minor, \
     amount_currency, status, created_at, updated_at, paid_at, trace) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
/// Whose order it is, of which hold and by which payment, never changes.
const UPDATE: &str = "UPDATE orders SET quantity = ?6, seat_ids = ?7, amount_minor = ?8, amount_currency = ?9, status = ?10, \
     created_at = ?11, updated_at = ?12, paid_at = ?13, trace = ?14 \
     WHERE id = ?1 AND session_id = ?2 AND hold_id = ?3 AND payment_id = ?4 AND user_id = ?5";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] =
    &[BY_ID, IN_SESSION, OF_SESSION, OF_USER, PAGE, PAGE_OF_SESSION, PAGE_OF_USER, UPDATE];

fn execute(order: &Order, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        order.id.bytes(),
        order.session_id.bytes(),
        order.hold_id.bytes(),
        order.payment_id.bytes(),
        order.user_id.bytes(),
        order.wanted.quantity(),
        seats_of(&order.wanted)?,
        order.amount.minor,
        order.amount.currency.as_str(),
        order.status.as_str(),
        order.created_at.micros(),
        order.updated_at.micros(),
        micros_of(order.paid_at),
        order.trace.map(|trace| trace.to_string()),
    ])
}

impl Stored for Order {
    const TABLE: &'static str = "orders";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            session_id: columns.id()?,
            hold_id: columns.id()?,
            payment_id: columns.id()?,
            user_id: columns.id()?,
            wanted: columns.wanted()?,
            amount: columns.money()?,
            status: columns.text()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
            paid_at: columns.time_opt()?,
            trace: columns.text_opt()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Order {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
