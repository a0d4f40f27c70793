//! The invariants as plain SQL, as docs/correctness.md prints them: no row on a sound store, and a row for each
//! invariant on one that somebody tampered with.

use std::sync::Arc;

use ticketing_core::testing::{Harness, SimClock, harness};
use ticketing_store::{
    OpenOptions, Role,
    testing::postgres::{Database, connect},
};

/// What breaks one invariant each, in the order of the docs; the last one has to make a table without its guard.
const TAMPERED: [&str; 4] = [
    "UPDATE sessions SET available = available - 1, held = held + 1",
    "UPDATE holds SET status = 'EXPIRED' WHERE status = 'CONFIRMED'",
    "UPDATE tickets SET status = 'REVOKED'",
    "ALTER TABLE holds RENAME TO guarded; \
     CREATE TABLE holds AS SELECT * FROM guarded UNION ALL SELECT * FROM guarded",
];

fn queries() -> Vec<&'static str> {
    let docs = include_str!("../../docs/correctness.md");
    let (_, behind) = docs.split_once("```sql\n").expect("the docs have a block of SQL");
    let (block, _) = behind.split_once("\n```").expect("the block ends");
    let queries: Vec<_> = block.split(';').filter(|query| query.contains("SELECT")).collect();
    assert_eq!(queries.len(), TAMPERED.len(), "one way to tamper for each query");
    queries
}

/// A shop that sold, at `url`.
async fn shop(url: &str) {
    let clock = Arc::new(SimClock::new());
    let options = OpenOptions { clock: Some(Arc::clone(&clock) as _), ..OpenOptions::new(Role::Server) };
    let store = ticketing_store::open(url, options).unwrap();
    let harness = Harness::over(store, clock).await;
    harness.session(10).await;
    harness.buy(harness::buyer(1), "k", 2).await;
    harness.hold(harness::buyer(2), "k", 3).await.unwrap();
    harness.engine.shutdown().await;
}

#[tokio::test]
async fn every_query_of_the_docs_judges_an_sqlite_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    shop(&format!("sqlite://{}", path.display())).await;
    let mut connection = rusqlite::Connection::open(path).unwrap();
    for (query, tampered) in queries().into_iter().zip(TAMPERED) {
        let transaction = connection.transaction().unwrap();
        assert!(!transaction.prepare(query).unwrap().exists([]).unwrap(), "{query}");
        transaction.execute_batch(tampered).unwrap();
        assert!(transaction.prepare(query).unwrap().exists([]).unwrap(), "{tampered}: {query}");
    }
}

#[tokio::test]
async fn every_query_of_the_docs_judges_a_postgres_store() {
    let Some(database) = Database::migrated().await else { return };
    shop(database.url()).await;
    let mut client = connect(database.url()).await;
    for (query, tampered) in queries().into_iter().zip(TAMPERED) {
        let transaction = client.transaction().await.unwrap();
        assert!(transaction.query(query, &[]).await.unwrap().is_empty(), "{query}");
        transaction.batch_execute(tampered).await.unwrap();
        assert!(!transaction.query(query, &[]).await.unwrap().is_empty(), "{tampered}: {query}");
    }
}
