//! Waiting rooms.

use rusqlite::{Connection, Row, params};
use ticketing_core::waiting_room::Room;

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, int, json};

pub(in crate::sqlite) const BY_SESSION: &str = "SELECT session_id, epoch, next, frontier, log, credited_until, wait_ended_through, window_ended_through, waiting, \
     active, past, apart FROM rooms WHERE session_id = ?1";
pub(in crate::sqlite) const TO_ADMIT: &str = "SELECT session_id FROM rooms INDEXED BY rooms_with_people \
     WHERE waiting + active > 0 AND session_id > ?1 ORDER BY session_id LIMIT ?2";
const INSERT: &str = "INSERT INTO rooms (session_id, epoch, next, frontier, log, credited_until, wait_ended_through, \
     window_ended_through, waiting, active, past, apart) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const UPDATE: &str = "UPDATE rooms SET epoch = ?2, next = ?3, frontier = ?4, log = ?5, credited_until = ?6, wait_ended_through = ?7, \
     window_ended_through = ?8, waiting = ?9, active = ?10, past = ?11, apart = ?12 WHERE session_id = ?1";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_SESSION, TO_ADMIT, UPDATE];

fn execute(room: &Room, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        room.session_id.bytes(),
        room.epoch,
        int(room.next),
        int(room.frontier),
        json(&room.log)?,
        room.credited_until.micros(),
        int(room.wait_ended_through),
        int(room.window_ended_through),
        int(room.waiting),
        int(room.active),
        json(&room.past)?,
        room.apart,
    ])
}

impl Stored for Room {
    const TABLE: &'static str = "rooms";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            session_id: columns.id()?,
            epoch: columns.count()?,
            next: columns.count()?,
            frontier: columns.count()?,
            log: columns.json()?,
            credited_until: columns.time()?,
            wait_ended_through: columns.count()?,
            window_ended_through: columns.count()?,
            waiting: columns.count()?,
            active: columns.count()?,
            past: columns.json()?,
            apart: columns.get()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Room {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
