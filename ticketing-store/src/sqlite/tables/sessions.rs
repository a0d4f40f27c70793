//! Sessions.

use rusqlite::{Connection, Row, params};
use ticketing_core::{
    session::{Session, Stock},
    waiting_room::QueuePolicy,
};

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, int, micros_of};

macro_rules! columns {
    () => {
        "s.id, s.event_id, s.start_at, s.sales_open_at, s.sales_close_at, s.kind, s.total_stock, s.available, s.held, \
         s.sold, s.price_minor, s.price_currency, s.max_per_user, s.hold_ttl_seconds, s.status, s.queue_mode, \
         s.queue_admit_per_second, s.queue_max_active, s.queue_wait_ttl_seconds, s.queue_admit_ttl_seconds, \
         s.queue_max_length, s.queue_pre_queue_seconds, s.version, s.created_at, s.updated_at, s.audit_length, s.audit_mac"
    };
}

/// How many columns a session takes up in front of what a view adds to it.
pub(in crate::sqlite) const COLUMNS: usize = 27;

macro_rules! view {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            ", (SELECT status FROM events e WHERE e.id = s.event_id), \
             (SELECT coalesce(sum(h.quantity), 0) FROM holds h INDEXED BY holds_due \
              WHERE h.session_id = s.id AND h.status = 'ACTIVE' AND h.expires_at <= ?1) FROM sessions s "
        )
    };
}

pub(in crate::sqlite) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM sessions s WHERE s.id = ?1");
pub(in crate::sqlite) const VIEW_BY_ID: &str = concat!(view!(), "WHERE s.id = ?2");
pub(in crate::sqlite) const VIEW_PAGE: &str = concat!(view!(), "WHERE s.id > ?2 ORDER BY s.id LIMIT ?3");
pub(in crate::sqlite) const VIEW_PAGE_OF_EVENT: &str =
    concat!(view!(), "WHERE s.event_id = ?4 AND s.id > ?2 ORDER BY s.id LIMIT ?3");
/// Sessions that hold something overdue at `?1`.
pub(in crate::sqlite) const TO_SWEEP: &str = "SELECT s.id FROM sessions s INDEXED BY sessions_with_holds WHERE s.held > 0 AND EXISTS \
     (SELECT 1 FROM holds h INDEXED BY holds_due \
      WHERE h.session_id = s.id AND h.status = 'ACTIVE' AND h.expires_at <= ?1) ORDER BY s.id LIMIT ?2";
const INSERT: &str = "INSERT INTO sessions (id, event_id, start_at, sales_open_at, sales_close_at, kind, total_stock, available, held, \
     sold, price_minor, price_currency, max_per_user, hold_ttl_seconds, status, queue_mode, queue_admit_per_second, \
     queue_max_active, queue_wait_ttl_seconds, queue_admit_ttl_seconds, queue_max_length, version, created_at, \
     updated_at, audit_length, audit_mac, queue_pre_queue_seconds) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
     ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)";
/// The event of a session never changes, and its version only grows: the guards against a write that was
/// decided over something older.
const UPDATE: &str = "UPDATE sessions SET start_at = ?3, sales_open_at = ?4, sales_close_at = ?5, kind = ?6, total_stock = ?7, \
     available = ?8, held = ?9, sold = ?10, price_minor = ?11, price_currency = ?12, max_per_user = ?13, \
     hold_ttl_seconds = ?14, status = ?15, queue_mode = ?16, queue_admit_per_second = ?17, queue_max_active = ?18, \
     queue_wait_ttl_seconds = ?19, queue_admit_ttl_seconds = ?20, queue_max_length = ?21, version = ?22, \
     created_at = ?23, updated_at = ?24, audit_length = ?25, audit_mac = ?26, queue_pre_queue_seconds = ?27 \
     WHERE id = ?1 AND event_id = ?2 AND version < ?22";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_ID, VIEW_BY_ID, VIEW_PAGE, VIEW_PAGE_OF_EVENT, TO_SWEEP, UPDATE];

fn execute(session: &Session, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        session.id.bytes(),
        session.event_id.bytes(),
        session.start_at.micros(),
        micros_of(session.sales_open_at),
        micros_of(session.sales_close_at),
        session.kind.as_str(),
        session.stock.total,
        session.stock.available,
        session.stock.held,
        session.stock.sold,
        session.price.minor,
        session.price.currency.as_str(),
        session.max_per_user,
        session.hold_ttl_seconds,
        session.status.as_str(),
        session.queue.mode.as_str(),
        session.queue.admit_per_second,
        session.queue.max_active,
        session.queue.wait_ttl_seconds,
        session.queue.admit_ttl_seconds,
        session.queue.max_length,
        int(session.version),
        session.created_at.micros(),
        session.updated_at.micros(),
        int(session.audit.length),
        session.audit.mac.0,
        session.queue.pre_queue_seconds,
    ])
}

impl Stored for Session {
    const TABLE: &'static str = "sessions";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            event_id: columns.id()?,
            start_at: columns.time()?,
            sales_open_at: columns.time_opt()?,
            sales_close_at: columns.time_opt()?,
            kind: columns.text()?,
            stock: Stock {
                total: columns.get()?,
                available: columns.get()?,
                held: columns.get()?,
                sold: columns.get()?,
            },
            price: columns.money()?,
            max_per_user: columns.count()?,
            hold_ttl_seconds: columns.count()?,
            status: columns.text()?,
            queue: QueuePolicy {
                mode: columns.text()?,
                admit_per_second: columns.get()?,
                max_active: columns.get()?,
                wait_ttl_seconds: columns.get()?,
                admit_ttl_seconds: columns.get()?,
                max_length: columns.get()?,
                pre_queue_seconds: columns.get()?,
            },
            version: columns.count()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
            audit: columns.chain()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Session {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
