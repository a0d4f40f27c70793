//! Places in waiting rooms.

use rusqlite::{Connection, Row, params};
use ticketing_core::waiting_room::Place;

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, int};

macro_rules! from {
    () => {
        "SELECT session_id, number, user_id, issued_at, admitted_at_once, state FROM places "
    };
}

pub(in crate::sqlite) const BY_NUMBER: &str = concat!(from!(), "WHERE session_id = ?1 AND number = ?2");
pub(in crate::sqlite) const BEHIND: &str =
    concat!(from!(), "WHERE session_id = ?1 AND number > ?2 ORDER BY number LIMIT ?3");
/// The newest place of a user that is `IN`.
pub(in crate::sqlite) const OF_USER: &str = concat!(
    from!(),
    "INDEXED BY places_of_user WHERE session_id = ?1 AND user_id = ?2 AND state = 'IN' ORDER BY number DESC LIMIT 1"
);
/// Numbers behind `?2` that nobody waits in.
pub(in crate::sqlite) const GIVEN_UP: &str = "SELECT number FROM places INDEXED BY places_given_up \
     WHERE session_id = ?1 AND state <> 'IN' AND number > ?2 ORDER BY number";
const INSERT: &str = "INSERT INTO places (session_id, number, user_id, issued_at, admitted_at_once, state) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// Whose place it is never changes.
const UPDATE: &str = "UPDATE places SET issued_at = ?4, admitted_at_once = ?5, state = ?6 \
     WHERE session_id = ?1 AND number = ?2 AND user_id = ?3";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_NUMBER, BEHIND, OF_USER, GIVEN_UP, UPDATE];

fn execute(place: &Place, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        place.session_id.bytes(),
        int(place.number),
        place.user_id.bytes(),
        place.issued_at.micros(),
        place.admitted_at_once,
        place.state.as_str(),
    ])
}

impl Stored for Place {
    const TABLE: &'static str = "places";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            session_id: columns.id()?,
            number: columns.count()?,
            user_id: columns.id()?,
            issued_at: columns.time()?,
            admitted_at_once: columns.get()?,
            state: columns.text()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Place {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
