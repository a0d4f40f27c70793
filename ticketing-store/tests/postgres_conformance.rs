//! The Postgres store keeps every promise of the storage traits, and the engine its own on it.

use std::sync::Arc;

use ticketing_core::{clock::Clock, testing::Fixture};
use ticketing_store::{OpenOptions, Role, open, testing::postgres::Database};

async fn postgres(clock: Arc<dyn Clock>) -> Option<Fixture> {
    let database = Database::migrated().await?;
    let options = OpenOptions { clock: Some(clock), ..OpenOptions::new(Role::Server) };
    let store = open(database.url(), options).expect("a database's URL is read");
    Some(Fixture::of(store).keeping(database))
}

ticketing_core::conformance!(postgres);
