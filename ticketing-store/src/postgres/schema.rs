//! The schema: which version the database has, and how it gets the one this program needs.

use refinery::{Migration, Runner};
use ticketing_core::store::{SchemaVersion, StoreError};
use tokio_postgres::Client;

use super::{columns::Columns, error::store_error, pool};

/// Every migration, in order. One that was released never changes.
const MIGRATIONS: [(&str, &str); 4] = [
    ("V1__tables", include_str!("migrations/V1__tables.sql")),
    ("V2__views", include_str!("migrations/V2__views.sql")),
    ("V3__people_door_refunds", include_str!("migrations/V3__people_door_refunds.sql")),
    ("V4__rooms_apart", include_str!("migrations/V4__rooms_apart.sql")),
];

/// The version this program needs.
const NEEDED: u32 = MIGRATIONS.len() as u32;

/// Programs that start at once migrate one after the other: whoever has this lock is at it.
const LOCK: i64 = 0x7469_636b_6574_0001;

const READING: &str = "reading the schema's version";

/// What the database has and what is needed.
pub(super) async fn version(client: &Client) -> Result<SchemaVersion, StoreError> {
    let failed = |error| store_error(READING, error);
    let known = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let found = if flag(client, known).await? {
        let latest = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
        let row = client.query_one(latest, &[]).await.map_err(failed)?;
        Columns::of(&row).count()?
    } else {
        0
    };
    Ok(SchemaVersion { found, needed: NEEDED })
}

async fn flag(client: &Client, sql: &str) -> Result<bool, StoreError> {
    let row = client.query_one(sql, &[]).await.map_err(|error| store_error(READING, error))?;
    Columns::of(&row).get()
}

/// Refuses a schema that a newer program made.
pub(super) fn refuse_newer(version: SchemaVersion) -> Result<SchemaVersion, StoreError> {
    if version.found <= version.needed {
        return Ok(version);
    }
    let SchemaVersion { found, needed } = version;
    Err(StoreError::corrupt(format_args!("its schema is version {found}, this program knows {needed}: it is newer")))
}

/// Brings the database to the version needed. The lock goes with the connection, however that ends.
pub(super) async fn migrate(client: &mut Client) -> Result<SchemaVersion, StoreError> {
    let failed = |error| store_error("waiting to migrate", error);
    client.batch_execute(pool::MIGRATING).await.map_err(failed)?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.map_err(failed)?;
    let before = version(client).await?;
    if refuse_newer(before)?.found < NEEDED {
        run(client).await?;
        tracing::info!(from = before.found, to = NEEDED, "the schema was migrated");
    }
    version(client).await
}

/// All that is missing, in one transaction.
async fn run(client: &mut Client) -> Result<(), StoreError> {
    let migrations: Result<Vec<_>, _> = MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect();
    let migrations = migrations.map_err(|error| StoreError::corrupt(format_args!("a migration's name: {error}")))?;
    let migrated = Runner::new(&migrations).set_grouped(true).run_async(client).await;
    migrated.map(drop).map_err(|error| StoreError::unavailable("migrating the schema", error))
}
