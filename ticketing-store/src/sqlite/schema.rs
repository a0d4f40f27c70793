//! The schema: which version the file has, and how it gets the one this program needs.

use std::path::Path;

use refinery::{Migration, Runner};
use rusqlite::{Connection, TransactionBehavior};
use ticketing_core::store::{SchemaVersion, StoreError};

use super::{connection, error::store_error, lock};

/// Every migration, in order. One that was released never changes.
const MIGRATIONS: [(&str, &str); 4] = [
    ("V1__tables", include_str!("migrations/V1__tables.sql")),
    ("V2__views", include_str!("migrations/V2__views.sql")),
    ("V3__people_door_refunds", include_str!("migrations/V3__people_door_refunds.sql")),
    ("V4__rooms_apart", include_str!("migrations/V4__rooms_apart.sql")),
];

/// The version of the schema that this program needs.
pub const NEEDED: u32 = MIGRATIONS.len() as u32;

/// What the file has and what is needed.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<SchemaVersion> {
    let known = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history')";
    let found = if connection.query_row(known, [], |row| row.get(0))? {
        connection.query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))?
    } else {
        0
    };
    Ok(SchemaVersion { found, needed: NEEDED })
}

/// Refuses a schema that a newer program made.
pub(super) fn refuse_newer(version: SchemaVersion) -> Result<SchemaVersion, StoreError> {
    if version.found <= version.needed {
        return Ok(version);
    }
    let SchemaVersion { found, needed } = version;
    Err(StoreError::corrupt(format_args!("its schema is version {found}, this program knows {needed}: it is newer")))
}

/// Brings the file at `path` to the version needed. `connection` is one that writes to it.
pub(super) fn migrate(path: &Path, connection: &mut Connection) -> Result<SchemaVersion, StoreError> {
    let _lock = lock::migration(path)?;
    let before = version(connection).map_err(|error| store_error("reading the schema's version", error))?;
    if refuse_newer(before)?.found < NEEDED {
        run(connection)?;
        tracing::info!(from = before.found, to = NEEDED, "the schema was migrated");
    }
    version(connection).map_err(|error| store_error("reading the schema's version", error))
}

/// Makes sure that the file is one of ours, set up and not newer, leaving a newer one as it is.
pub(super) fn admit(path: &Path) -> Result<(), StoreError> {
    let _lock = lock::migration(path)?;
    if path.exists() {
        let opened = connection::onlooker(path).and_then(|connection| version(&connection));
        refuse_newer(opened.map_err(|error| store_error("looking into the file", error))?)?;
    }
    connection::prepare(path).map_err(|error| store_error("setting up the file", error))
}

/// All that is missing, in one transaction. Whoever calls this sees to it that nobody else does.
pub(super) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let migrations: Result<Vec<_>, _> = MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect();
    let migrations = migrations.map_err(|error| StoreError::corrupt(format_args!("a migration's name: {error}")))?;
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let migrated = Runner::new(&migrations).set_grouped(true).run(connection);
    migrated.map(drop).map_err(|error| StoreError::unavailable("migrating the schema", error))
}
