//! The schema comes once, whoever brings it, and one that is newer is left alone.

use std::sync::Arc;

use futures_util::future::join_all;
use ticketing_core::store::{Backend, PageRequest, SchemaVersion, StoreError};
use ticketing_store::{
    OpenOptions, Role, open,
    testing::postgres::{Database, connect},
};

const NODES: usize = 8;

fn store(url: &str) -> Arc<dyn Backend> {
    open(url, OpenOptions::new(Role::Server)).unwrap()
}

/// Whatever a schema is made of, and the history of it.
async fn contents(url: &str) -> Vec<String> {
    let sql = "SELECT concat(relname, ' ', relkind) FROM pg_class WHERE relnamespace = 'public'::regnamespace
               UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
               UNION ALL SELECT concat(version, name, applied_on) FROM refinery_schema_history ORDER BY 1";
    connect(url).await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_database_without_tables_has_version_0() {
    let Some(database) = Database::create().await else { return };
    let store = store(database.url());
    let version = store.version().await.unwrap();
    assert_eq!(version.found, 0);
    assert!(version.needed > 0);
    assert!(matches!(store.events(None, PageRequest::first()).await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn nodes_that_start_at_once_migrate_once() {
    let Some(database) = Database::create().await else { return };
    let nodes: Vec<_> = (0..NODES).map(|_| store(database.url())).collect();
    let versions = join_all(nodes.iter().map(|node| node.migrate())).await;
    for version in versions {
        let SchemaVersion { found, needed } = version.unwrap();
        assert_eq!(found, needed);
    }
    let client = connect(database.url()).await;
    let applied = client.query_one("SELECT count(*) FROM refinery_schema_history", &[]).await.unwrap();
    let needed = nodes[0].version().await.unwrap().needed;
    assert_eq!(applied.get::<_, i64>(0), i64::from(needed));
    // Of this database: the server has others, where others migrate.
    let locks = "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid
        WHERE locktype = 'advisory' AND datname = current_database()";
    let locks = client.query_one(locks, &[]).await.unwrap();
    assert_eq!(locks.get::<_, i64>(0), 0, "somebody still has the lock");
}

#[tokio::test]
async fn a_node_that_dies_while_it_migrates_leaves_the_next_one_free_to() {
    let Some(database) = Database::create().await else { return };
    let client = connect(database.url()).await;
    // Something in the way of the last table: the migration waits for this transaction.
    client.batch_execute("BEGIN; CREATE TABLE batches (n int)").await.unwrap();
    let node = store(database.url());
    let waiting = tokio::spawn(async move { node.migrate().await });
    let blocked =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let watch = connect(database.url()).await;
    while watch.query_one(blocked, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
    watch.query_one(kill, &[]).await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(StoreError::Unavailable { .. })));
    client.batch_execute("ROLLBACK").await.unwrap();

    let version = store(database.url()).migrate().await.unwrap();
    assert_eq!(version.found, version.needed);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let Some(database) = Database::migrated().await else { return };
    let newer =
        "INSERT INTO refinery_schema_history SELECT max(version) + 1, 'later', 'now', '0' FROM refinery_schema_history";
    connect(database.url()).await.batch_execute(newer).await.unwrap();
    let before = contents(database.url()).await;

    let store = store(database.url());
    let SchemaVersion { found, needed } = store.version().await.unwrap();
    assert_eq!(found, needed + 1);
    let refused = store.migrate().await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Corrupt { detail } if detail.contains(&format!("version {found}"))),
        "{refused}"
    );
    assert_eq!(contents(database.url()).await, before);
}
