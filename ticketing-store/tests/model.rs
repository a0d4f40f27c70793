//! The engine on SQLite, on Postgres and on Redis sees what it sees in memory, and what a naive shop sees, answer for
//! answer.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use ticketing_core::{
    store::{Backend, memory::MemoryStore},
    testing::{
        Harness, SimClock,
        model::Model,
        walk::{Books, Seen, Step, Walk},
    },
};
use ticketing_store::{
    OpenOptions, Role, open,
    sqlite::SqliteStore,
    testing::{postgres::Database, redis::Namespace},
};

async fn takes(store: Arc<dyn Backend>, clock: Arc<SimClock>, steps: &[Step]) -> Vec<(Seen, Books)> {
    Walk::start(Harness::over(store, clock).await).await.take(steps).await
}

async fn sqlite_takes(steps: &[Step]) -> Vec<(Seen, Books)> {
    let clock = Arc::new(SimClock::new());
    let directory = tempfile::tempdir().unwrap();
    let options = OpenOptions { clock: Some(Arc::clone(&clock) as _), ..OpenOptions::new(Role::Server) };
    let store = SqliteStore::open(&directory.path().join("walk.db"), options).unwrap();
    takes(Arc::new(store), clock, steps).await
}

/// `None` where there is no Postgres.
async fn postgres_takes(steps: &[Step]) -> Option<Vec<(Seen, Books)>> {
    let clock = Arc::new(SimClock::new());
    let database = Database::migrated().await?;
    let options = OpenOptions { clock: Some(Arc::clone(&clock) as _), ..OpenOptions::new(Role::Server) };
    let store = open(database.url(), options).unwrap();
    Some(takes(store, clock, steps).await)
}

/// `None` where there is no Redis.
async fn redis_takes(steps: &[Step]) -> Option<Vec<(Seen, Books)>> {
    let clock = Arc::new(SimClock::new());
    let namespace = Namespace::create().await?;
    let options = OpenOptions { clock: Some(Arc::clone(&clock) as _), ..OpenOptions::new(Role::Server) };
    let store = open(namespace.url(), options).unwrap();
    Some(takes(store, clock, steps).await)
}

async fn memory_takes(steps: &[Step]) -> Vec<(Seen, Books)> {
    let clock = Arc::new(SimClock::new());
    takes(Arc::new(MemoryStore::new(Arc::clone(&clock) as _)), clock, steps).await
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(proptest::test_runner::FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/model.proptest-regressions"
        )))),
        ..ProptestConfig::default()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(any::<(u8, u8, u8, u8)>().prop_map(Step::of), 1..60)
}

fn run<T>(walk: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(walk)
}

fn same(steps: &[Step], one: &[(Seen, Books)], other: &[(Seen, Books)]) -> Result<(), TestCaseError> {
    for (n, step) in steps.iter().enumerate() {
        prop_assert_eq!(&one[n], &other[n], "step {} of {:#?}: {:?}", n, &steps[..=n], step);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn sqlite_memory_and_a_naive_shop_see_the_same(steps in steps()) {
        let (sqlite, memory) = run(async { (sqlite_takes(&steps).await, memory_takes(&steps).await) });
        same(&steps, &sqlite, &memory)?;
        same(&steps, &sqlite, &Model::default().take(&steps))?;
    }
}

proptest! {
    // A database for each takes its time.
    #![proptest_config(config(24))]

    #[test]
    fn postgres_memory_and_a_naive_shop_see_the_same(steps in steps()) {
        let (postgres, memory) = run(async { (postgres_takes(&steps).await, memory_takes(&steps).await) });
        let Some(postgres) = postgres else { return Ok(()) };
        same(&steps, &postgres, &memory)?;
        same(&steps, &postgres, &Model::default().take(&steps))?;
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn redis_memory_and_a_naive_shop_see_the_same(steps in steps()) {
        let (redis, memory) = run(async { (redis_takes(&steps).await, memory_takes(&steps).await) });
        let Some(redis) = redis else { return Ok(()) };
        same(&steps, &redis, &memory)?;
        same(&steps, &redis, &Model::default().take(&steps))?;
    }
}
