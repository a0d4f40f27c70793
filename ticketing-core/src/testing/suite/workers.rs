//! Housekeeping.

use crate::{
    command::Settlement,
    engine::{EngineError, TickReport},
    hold::Wanted,
    testing::{
        Harness,
        harness::{ALICE, BOB, CAROL, buyer, stock},
    },
    waiting_room::QueuePolicy,
};

pub async fn an_idle_round_finds_nothing_to_do(h: Harness) {
    assert_eq!(h.tick().await, TickReport::default());
    h.session(5).await;
    h.hold(ALICE, "k1", 1).await.unwrap();
    let before = h.written().await;
    assert_eq!(h.tick().await, TickReport::default());
    assert_eq!(h.written().await, before, "an idle round writes nothing");
}

pub async fn a_sweep_expires_every_overdue_hold_of_every_session(h: Harness) {
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(h.session(40).await);
        for n in 0..10 {
            h.hold(buyer(n), "k", 2).await.unwrap();
        }
    }
    h.advance(60);
    h.hold(CAROL, "later", 1).await.unwrap();
    h.advance(60);
    assert_eq!(h.tick().await.expired, 30);
    let event = h.event_id();
    for (session, held) in sessions.into_iter().zip([0, 0, 1]) {
        h.select(event, session);
        assert_eq!(h.stock().await, stock(40 - held, held, 0));
    }
    assert_eq!(h.tick().await.expired, 0);
}

pub async fn one_round_does_all_the_housekeeping(h: Harness) {
    h.queue_session(50, QueuePolicy { max_active: Some(1), ..QueuePolicy::default() }).await;
    h.token(ALICE).await;
    h.session(50).await;
    h.hold(BOB, "k2", 1).await.unwrap();
    let open = h.held_and_checked_out(CAROL, "k3", 1).await;
    h.release(CAROL, open.order.hold_id).await.unwrap();
    assert!(matches!(h.pay(&open).await, Settlement::RefundRequested(_)));
    h.advance(120);
    assert_eq!(h.tick().await, TickReport { expired: 1, admitted: 1, delivered: 1, matched: 0 });
}

pub async fn an_engine_that_shut_down_takes_nothing_more(h: Harness) {
    h.session(5).await;
    let other = h.another_engine();
    other.hold(ALICE, "k1", 1).await.unwrap();
    other.engine.start_workers();
    other.engine.shutdown().await;
    let answer = other.engine.hold(h.request(BOB, "k2", Wanted::Quantity(1))).await;
    assert!(matches!(answer, Err(EngineError::ShuttingDown)), "{answer:?}");
    assert!(h.hold(BOB, "k2", 1).await.is_ok(), "the other engine goes on");
}
