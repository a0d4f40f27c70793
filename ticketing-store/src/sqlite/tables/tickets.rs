//! Tickets.

use rusqlite::{Connection, Row, params};
use ticketing_core::ticket::Ticket;

use super::Stored;
use crate::sqlite::columns::{Columns, Id};

macro_rules! columns {
    () => {
        "t.id, t.order_id, t.event_id, t.session_id, t.user_id, t.seat_id, t.status, t.issued_at"
    };
}

macro_rules! view {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            ", (SELECT title FROM events e WHERE e.id = t.event_id), \
             (SELECT start_at FROM sessions s WHERE s.id = t.session_id) FROM tickets t "
        )
    };
}

/// How many columns a ticket takes up in front of what a view adds to it.
pub(in crate::sqlite) const COLUMNS: usize = 8;

pub(in crate::sqlite) const VIEW_BY_ID: &str = concat!(view!(), "WHERE t.id = ?1");
pub(in crate::sqlite) const VIEW_OF_USER: &str =
    concat!(view!(), "INDEXED BY tickets_of_user WHERE t.user_id = ?3 AND t.id < ?1 ORDER BY t.id DESC LIMIT ?2");
pub(in crate::sqlite) const OF_ORDER: &str =
    concat!("SELECT ", columns!(), " FROM tickets t INDEXED BY tickets_of_order WHERE t.order_id = ?1 ORDER BY t.id");
pub(in crate::sqlite) const OF_SESSION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tickets t INDEXED BY tickets_of_session WHERE t.session_id = ?1 ORDER BY t.id"
);
const INSERT: &str = "INSERT INTO tickets (id, order_id, event_id, session_id, user_id, seat_id, status, issued_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[VIEW_BY_ID, VIEW_OF_USER, OF_ORDER, OF_SESSION];

impl Stored for Ticket {
    const TABLE: &'static str = "tickets";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            order_id: columns.id()?,
            event_id: columns.id()?,
            session_id: columns.id()?,
            user_id: columns.id()?,
            seat_id: columns.text_opt()?,
            status: columns.text()?,
            issued_at: columns.time()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection.prepare_cached(INSERT)?.execute(params![
            self.id.bytes(),
            self.order_id.bytes(),
            self.event_id.bytes(),
            self.session_id.bytes(),
            self.user_id.bytes(),
            self.seat_id.as_ref().map(|seat| seat.as_str()),
            self.status.as_str(),
            self.issued_at.micros(),
        ])
    }
}
