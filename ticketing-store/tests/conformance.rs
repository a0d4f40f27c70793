//! The SQLite store keeps every promise of the storage traits, and the engine its own on it.

use std::sync::Arc;

use ticketing_core::{clock::Clock, testing::Fixture};
use ticketing_store::{OpenOptions, Role, sqlite::SqliteStore};

async fn sqlite(clock: Arc<dyn Clock>) -> Fixture {
    let directory = tempfile::tempdir().expect("a directory for one case's file is made");
    let options = OpenOptions { clock: Some(clock), ..OpenOptions::new(Role::Server) };
    let store = SqliteStore::open(&directory.path().join("case.db"), options).expect("a new file is opened");
    Fixture::of(Arc::new(store)).keeping(directory)
}

ticketing_core::conformance!(sqlite);
