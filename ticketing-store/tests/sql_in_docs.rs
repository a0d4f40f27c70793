//! The invariants as plain SQL, as docs/correctness.md prints them: no row on a sound store.

#![cfg(feature = "sqlite")]

use std::sync::Arc;

use ticketing_core::testing::{Harness, SimClock, harness};
use ticketing_store::{OpenOptions, Role};

#[tokio::test]
async fn every_query_of_the_docs_runs_and_finds_nothing_on_a_sound_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let clock = Arc::new(SimClock::new());
    let options = OpenOptions { clock: Some(Arc::clone(&clock) as _), ..OpenOptions::new(Role::Server) };
    let store = ticketing_store::open(&format!("sqlite://{}", path.display()), options).unwrap();
    let harness = Harness::over(store, clock).await;
    harness.session(10).await;
    harness.buy(harness::buyer(1), "k", 2).await;
    harness.hold(harness::buyer(2), "k", 3).await.unwrap();
    harness.engine.shutdown().await;

    let docs = include_str!("../../docs/correctness.md");
    let (_, behind) = docs.split_once("```sql\n").expect("the docs have a block of SQL");
    let (block, _) = behind.split_once("\n```").expect("the block ends");
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut ran = 0;
    for query in block.split(';').filter(|query| query.contains("SELECT")) {
        let mut statement = connection.prepare(query).unwrap();
        assert!(!statement.exists([]).unwrap(), "{query}");
        ran += 1;
    }
    assert!(ran >= 4, "only {ran} queries were found");
}
