//! Accounts.

use rusqlite::{Connection, Row, params};
use ticketing_core::user::{User, password::PasswordHash};

use super::{Replaced, Stored};
use crate::sqlite::columns::{Columns, Id};

macro_rules! from {
    () => {
        "SELECT id, email, password_hash, role, created_at FROM users "
    };
}

pub(in crate::sqlite) const BY_ID: &str = concat!(from!(), "WHERE id = ?1");
pub(in crate::sqlite) const BY_EMAIL: &str = concat!(from!(), "WHERE email = ?1");
pub(in crate::sqlite) const PAGE: &str = concat!(from!(), "WHERE id > ?1 ORDER BY id LIMIT ?2");
const INSERT: &str = "INSERT INTO users (id, email, password_hash, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const UPDATE: &str = "UPDATE users SET email = ?2, password_hash = ?3, role = ?4, created_at = ?5 WHERE id = ?1";

#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BY_ID, BY_EMAIL, PAGE, UPDATE];

fn execute(user: &User, connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        user.id.bytes(),
        user.email.as_str(),
        user.password_hash.as_str(),
        user.role.as_str(),
        user.created_at.micros(),
    ])
}

impl Stored for User {
    const TABLE: &'static str = "users";

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.id()?,
            email: columns.text()?,
            password_hash: PasswordHash::from_stored(columns.get()?),
            role: columns.text()?,
            created_at: columns.time()?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, INSERT)
    }
}

impl Replaced for User {
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize> {
        execute(self, connection, UPDATE)
    }
}
