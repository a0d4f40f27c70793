//! Logins.

use rusqlite::{Connection, Row, params};
use ticketing_core::user::login::{Login, TokenHash};

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id, micros_of};

pub(in crate::sqlite) const BY_ID: &str = "SELECT id, user_id, current_hash, previous_hash, rotated_at, created_at, expires_at, ended_at FROM logins WHERE id = ?1";
const INSERT: &str = "INSERT INTO logins (id, user_id, current_hash, previous_hash, rotated_at, created_at, expires_at, ended_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// Whose login it is never changes.
const UPDATE: &str = "UPDATE logins SET current_hash = ?3, previous_hash = ?4, rotated_at = ?5, created_at = ?6, expires_at = ?7, \
     ended_at = ?8 WHERE id = ?1 AND user_id = ?2";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_ID, UPDATE];

fn execute(login: &Login, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        login.id.bytes(),
        login.user_id.bytes(),
        login.current.0,
        login.previous.map(|hash| hash.0),
        login.rotated_at.micros(),
        login.created_at.micros(),
        login.expires_at.micros(),
        micros_of(login.ended_at),
    ])
}

impl Stored for Login {
    const TABLE: &'static str = "logins";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            user_id: columns.id()?,
            current: TokenHash(columns.get()?),
            previous: columns.get::<Option<[u8; 32]>>()?.map(TokenHash),
            rotated_at: columns.time()?,
            created_at: columns.time()?,
            expires_at: columns.time()?,
            ended_at: columns.time_opt()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for Login {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
