//! Tickets.

use rusqlite::{Connection, Row, params};
use ticketing_core::ticket::{Redemption, Ticket};

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id};

macro_rules! columns {
    () => {
        "t.id, t.order_id, t.event_id, t.session_id, t.user_id, t.seat_id, t.status, t.issued_at, \
         t.redeemed_at, t.redeemed_by, t.redeem_nonce"
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
pub(in crate::sqlite) const COLUMNS: usize = 11;

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
pub(in crate::sqlite) const IN_SESSION: &str =
    concat!("SELECT ", columns!(), " FROM tickets t WHERE t.id = ?2 AND t.session_id = ?1");
const INSERT: &str = "INSERT INTO tickets (id, order_id, event_id, session_id, user_id, seat_id, status, issued_at, redeemed_at, \
     redeemed_by, redeem_nonce) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
/// Of which order, whose, and which seat never changes.
const UPDATE: &str = "UPDATE tickets SET status = ?7, redeemed_at = ?9, redeemed_by = ?10, redeem_nonce = ?11 \
     WHERE id = ?1 AND order_id = ?2 AND event_id = ?3 AND session_id = ?4 AND user_id = ?5 AND seat_id IS ?6 \
     AND issued_at = ?8";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[VIEW_BY_ID, VIEW_OF_USER, OF_ORDER, OF_SESSION, IN_SESSION, UPDATE];

fn execute(ticket: &Ticket, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    let used = ticket.redemption.as_ref();
    connection.prepare_cached(sql)?.execute(params![
        ticket.id.bytes(),
        ticket.order_id.bytes(),
        ticket.event_id.bytes(),
        ticket.session_id.bytes(),
        ticket.user_id.bytes(),
        ticket.seat_id.as_ref().map(|seat| seat.as_str()),
        ticket.status.as_str(),
        ticket.issued_at.micros(),
        used.map(|used| used.at.micros()),
        used.map(|used| used.by.to_string()),
        used.map(|used| used.nonce.as_str()),
    ])
}

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
            redemption: {
                let (at, by, nonce) = (columns.time_opt()?, columns.text_opt()?, columns.text_opt()?);
                at.zip(by).zip(nonce).map(|((at, by), nonce)| Redemption { at, by, nonce })
            },
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Ticket {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
