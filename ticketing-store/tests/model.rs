//! The engine on SQLite sees what it sees in memory, and what a naive shop sees, answer for answer.

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
use ticketing_store::{OpenOptions, Role, sqlite::SqliteStore};

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

async fn memory_takes(steps: &[Step]) -> Vec<(Seen, Books)> {
    let clock = Arc::new(SimClock::new());
    takes(Arc::new(MemoryStore::new(Arc::clone(&clock) as _)), clock, steps).await
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: Some(Box::new(proptest::test_runner::FileFailurePersistence::Direct(
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/model.proptest-regressions"),
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn sqlite_memory_and_a_naive_shop_see_the_same(numbers in vec(any::<(u8, u8, u8, u8)>(), 1..60)) {
        let steps: Vec<_> = numbers.into_iter().map(Step::of).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sqlite, memory) = runtime.block_on(async { (sqlite_takes(&steps).await, memory_takes(&steps).await) });
        let model = Model::default().take(&steps);
        for (n, step) in steps.iter().enumerate() {
            prop_assert_eq!(&sqlite[n], &memory[n], "step {} of {:#?}: {:?}", n, &steps[..=n], step);
            prop_assert_eq!(&sqlite[n], &model[n], "step {} of {:#?}: {:?}", n, &steps[..=n], step);
        }
    }
}
