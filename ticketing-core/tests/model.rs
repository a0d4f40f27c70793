//! The rules agree with a naive shop that was written without looking at them.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use ticketing_core::{
    store::memory::MemoryStore,
    testing::{
        Harness, SimClock,
        model::Model,
        walk::{Books, Seen, Step, Walk},
    },
};

fn engine_takes(steps: &[Step]) -> Vec<(Seen, Books)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(SimClock::new());
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as _));
        Walk::start(Harness::over(store, clock).await).await.take(steps).await
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: Some(Box::new(proptest::test_runner::FileFailurePersistence::Direct(
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/model.proptest-regressions"),
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_engine_and_a_naive_shop_see_the_same(numbers in vec(any::<(u8, u8, u8, u8)>(), 1..80)) {
        let steps: Vec<_> = numbers.into_iter().map(Step::of).collect();
        let (engine, model) = (engine_takes(&steps), Model::default().take(&steps));
        for (n, step) in steps.iter().enumerate() {
            prop_assert_eq!(&engine[n], &model[n], "step {} of {:#?}: {:?}", n, &steps[..=n], step);
        }
    }
}
