//! The waiting room, where stories of several people meet.

use std::sync::Arc;

use ticketing_core::{
    store::memory::MemoryStore,
    testing::{
        Harness, SimClock,
        harness::{ALICE, BOB, CAROL},
    },
    waiting_room::QueuePolicy,
};

/// Found by the simulator, among the seeds of `ticketing-sim/tests/check.rs`.
#[tokio::test]
async fn a_wait_ends_behind_a_place_that_was_given_up_though_nothing_is_left_to_admit_for() {
    let clock = Arc::new(SimClock::new());
    let h = Harness::over(Arc::new(MemoryStore::new(Arc::clone(&clock) as _)), clock).await;
    let policy = QueuePolicy { max_active: Some(1), wait_ttl_seconds: Some(60), ..QueuePolicy::default() };
    let session = h.queue_session(1, policy).await;
    let first = h.token(ALICE).await;
    h.tick().await;
    let (second, _third) = (h.token(BOB).await, h.token(CAROL).await);
    let placed = h.hold_with(ALICE, "k", 1, &first).await.unwrap();
    let open = h.checkout(ALICE, placed.hold.id).await.unwrap();
    h.pay(&open).await;
    h.leave(BOB, &second).await.unwrap();
    h.advance(61);
    h.tick().await;
    let stats = h.engine.session_stats(session).await.unwrap().unwrap();
    assert_eq!(stats.waiting, 0, "whoever waited has had their time");
}
