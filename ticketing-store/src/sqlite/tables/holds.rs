//! Holds.

use rusqlite::{Connection, Row, params};
use ticketing_core::hold::{Hold, RequestDigest};

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, bytes_of, int, micros_of, seats_of};

macro_rules! from {
    () => {
        "SELECT id, session_id, user_id, quantity, seat_ids, amount_minor, amount_currency, idempotency_key, \
         request_digest, status, place, order_id, created_at, expires_at, ended_at, refunded_at, trace FROM holds "
    };
}

pub(in crate::sqlite) const BY_ID: &str = concat!(from!(), "WHERE id = ?1");
pub(in crate::sqlite) const IN_SESSION: &str = concat!(from!(), "WHERE id = ?2 AND session_id = ?1");
/// Named, because without statistics the planner may think another index as good.
pub(in crate::sqlite) const OF_USER: &str =
    concat!(from!(), "INDEXED BY holds_of_user WHERE session_id = ?1 AND user_id = ?2 LIMIT ?3");
pub(in crate::sqlite) const EARLIEST: &str = concat!(
    from!(),
    "INDEXED BY holds_due WHERE session_id = ?1 AND status = 'ACTIVE' ORDER BY expires_at, id LIMIT ?2"
);
pub(in crate::sqlite) const OVERDUE: &str =
    "SELECT id FROM holds INDEXED BY holds_due WHERE session_id = ?1 AND status = 'ACTIVE' AND expires_at <= ?2";
pub(in crate::sqlite) const OF_SESSION: &str =
    concat!(from!(), "INDEXED BY holds_of_user WHERE session_id = ?1 ORDER BY id");
pub(in crate::sqlite) const PAGE: &str = concat!(
    from!(),
    "WHERE id > ?1 AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR user_id = ?4) ORDER BY id LIMIT ?2"
);
pub(in crate::sqlite) const PAGE_OF_SESSION: &str = concat!(
    from!(),
    "INDEXED BY holds_of_user WHERE session_id = ?4 AND id > ?1 AND (?3 IS NULL OR status = ?3) ORDER BY id LIMIT ?2"
);
pub(in crate::sqlite) const PAGE_OF_SESSION_AND_USER: &str = concat!(
    from!(),
    "INDEXED BY holds_of_user WHERE session_id = ?4 AND user_id = ?5 AND id > ?1 AND (?3 IS NULL OR status = ?3) \
     ORDER BY id LIMIT ?2"
);
const INSERT: &str = "INSERT INTO holds (id, session_id, user_id, quantity, seat_ids, amount_minor, amount_currency, idempotency_key, \
     request_digest, status, place, order_id, created_at, expires_at, ended_at, refunded_at, trace) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
/// Whose hold it is, and under which key, never changes; setting that again would rewrite the one index
/// whose keys are scattered.
const UPDATE: &str = "UPDATE holds SET quantity = ?4, seat_ids = ?5, amount_minor = ?6, amount_currency = ?7, request_digest = ?9, \
     status = ?10, place = ?11, order_id = ?12, created_at = ?13, expires_at = ?14, ended_at = ?15, refunded_at = ?16, trace = ?17 \
     WHERE id = ?1 AND session_id = ?2 AND user_id = ?3 AND idempotency_key = ?8";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[
    BY_ID,
    IN_SESSION,
    OF_USER,
    EARLIEST,
    OVERDUE,
    OF_SESSION,
    PAGE,
    PAGE_OF_SESSION,
    PAGE_OF_SESSION_AND_USER,
    UPDATE,
];

fn execute(hold: &Hold, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        hold.id.bytes(),
        hold.session_id.bytes(),
        hold.user_id.bytes(),
        hold.quantity(),
        seats_of(&hold.wanted)?,
        hold.amount.minor,
        hold.amount.currency.as_str(),
        hold.key.as_str(),
        hold.request_digest.0,
        hold.status.as_str(),
        hold.place.map(int),
        bytes_of(hold.order_id),
        hold.created_at.micros(),
        hold.expires_at.micros(),
        micros_of(hold.ended_at),
        micros_of(hold.refunded_at),
        hold.trace.map(|trace| trace.to_string()),
    ])
}

impl Stored for Hold {
    const TABLE: &'static str = "holds";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            session_id: columns.id()?,
            user_id: columns.id()?,
            wanted: columns.wanted()?,
            amount: columns.money()?,
            key: columns.text()?,
            request_digest: RequestDigest(columns.get()?),
            status: columns.text()?,
            place: columns.get::<Option<i64>>()?.map(|place| place.cast_unsigned()),
            order_id: columns.id_opt()?,
            created_at: columns.time()?,
            expires_at: columns.time()?,
            ended_at: columns.time_opt()?,
            refunded_at: columns.time_opt()?,
            trace: columns.text_opt()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Hold {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
