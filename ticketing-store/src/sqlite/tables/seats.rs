//! Seats.

use rusqlite::{Connection, Row, params};
use ticketing_core::{money::Money, seat::Seat};

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, bytes_of, int};

macro_rules! columns {
    () => {
        "s.session_id, s.id, s.section, s.\"row\", s.number, s.price_minor, s.price_currency, s.status, s.hold_id, \
         s.version"
    };
}

pub(in crate::sqlite) const BY_ID: &str =
    concat!("SELECT ", columns!(), " FROM seats s WHERE s.session_id = ?1 AND s.id = ?2");
pub(in crate::sqlite) const OF_SESSION: &str =
    concat!("SELECT ", columns!(), " FROM seats s WHERE s.session_id = ?1 ORDER BY s.id");
/// Those that changed behind a version.
pub(in crate::sqlite) const CHANGED: &str =
    concat!("SELECT ", columns!(), " FROM seats s INDEXED BY seats_changed WHERE s.session_id = ?1 AND s.version > ?2");
const INSERT: &str = "INSERT INTO seats (session_id, id, section, \"row\", number, price_minor, price_currency, status, hold_id, \
     version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const UPDATE: &str = "UPDATE seats SET section = ?3, \"row\" = ?4, number = ?5, price_minor = ?6, price_currency = ?7, status = ?8, \
     hold_id = ?9, version = ?10 WHERE session_id = ?1 AND id = ?2";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_ID, OF_SESSION, CHANGED, UPDATE];

fn execute(seat: &Seat, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        seat.session_id.bytes(),
        seat.id.as_str(),
        seat.section,
        seat.row,
        seat.number,
        seat.price.map(|price| price.minor),
        seat.price.as_ref().map(|price| price.currency.as_str()),
        seat.status.as_str(),
        bytes_of(seat.hold_id),
        int(seat.version),
    ])
}

impl Stored for Seat {
    const TABLE: &'static str = "seats";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            session_id: columns.id()?,
            id: columns.text()?,
            section: columns.get()?,
            row: columns.get()?,
            number: columns.get()?,
            price: {
                let minor: Option<i64> = columns.get()?;
                let currency = columns.text_opt()?;
                minor.zip(currency).map(|(minor, currency)| Money { minor, currency })
            },
            status: columns.text()?,
            hold_id: columns.id_opt()?,
            version: columns.count()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Seat {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
