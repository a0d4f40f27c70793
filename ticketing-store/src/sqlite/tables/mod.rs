//! One file per table: its statements, and its rows as records.

pub(super) mod audit;
pub(super) mod callbacks;
pub(super) mod events;
pub(super) mod holds;
pub(super) mod logins;
pub(super) mod orders;
pub(super) mod outbox;
pub(super) mod payments;
pub(super) mod places;
pub(super) mod rooms;
pub(super) mod seats;
pub(super) mod sessions;
pub(super) mod streams;
pub(super) mod tickets;
pub(super) mod users;

use rusqlite::{Connection, OptionalExtension, Params, Row};

/// How a record stands in its table.
pub(super) trait Stored: Sized {
    /// Its table, as errors name it.
    const TABLE: &'static str;

    fn decode(row: &Row<'_>) -> rusqlite::Result<Self>;

    /// Adds a new row.
    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize>;
}

/// A record that changes.
pub(super) trait Replaced: Stored {
    /// Replaces its row whole and tells how many rows that were: none when it was never there, or when
    /// what must never change about it differs.
    fn update(&self, connection: &Connection) -> rusqlite::Result<usize>;
}

/// The one record that `sql` finds.
pub(super) fn one<T: Stored>(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Option<T>> {
    connection.prepare_cached(sql)?.query_row(params, T::decode).optional()
}

/// Every record that `sql` finds, in its order.
pub(super) fn all<T: Stored>(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(params, T::decode)?.collect()
}
