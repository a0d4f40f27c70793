//! The engine over a store that fails: acknowledged means done once, refused means not done.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use ticketing_core::{
    audit::{Actor, Caller, StreamId},
    batcher::{BatchSettings, Batcher, SubmitError, TokioSpawn},
    command::{HoldRefusal, LeaseOutbox, PlaceHold, Placed, QueueTicket, Settlement},
    decide::Rules,
    engine::{CallbackOutcome, EngineError, TickReport},
    hold::Wanted,
    ids::{BatchId, HoldId},
    outbox::OutboxMessage,
    payment::{CallbackStatus, PaymentStatus},
    store::{BatchHeader, Decide, Decision, Store, StoreError, memory::MemoryStore},
    testing::{
        Fault, FaultRates, FaultStore, Harness, SimClock,
        harness::{ALICE, BOB, CAROL, buyer, keys, report, stock},
        records,
    },
};

/// An engine with a session of `stock` tickets over a store that works so far.
async fn shop(stock: i64) -> (Harness, Arc<FaultStore>) {
    let clock = Arc::new(SimClock::new());
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new(Arc::clone(&clock) as _))));
    let h = Harness::over(Arc::clone(&store) as _, clock).await;
    h.session(stock).await;
    (h, store)
}

type Held = Result<Placed, EngineError<HoldRefusal>>;

async fn hold(h: &Harness, n: u32, quantity: u32) -> Held {
    h.engine.hold(h.request(buyer(n), "k", Wanted::Quantity(quantity))).await
}

#[tokio::test(start_paused = true)]
async fn a_reply_lost_after_the_commit_is_found_out_and_answered() {
    let (h, store) = shop(10).await;
    store.script([Some(Fault::ReplyLost)]);
    let placed = h.hold(ALICE, "k1", 3).await.unwrap();
    assert!(!placed.replayed, "the first answer, not a second hold");
    assert_eq!((store.injected_of(Fault::ReplyLost), h.stock().await), (1, stock(7, 3, 0)));
    assert!(h.hold(ALICE, "k1", 3).await.unwrap().replayed);
    h.verify().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_lost_before_the_commit_is_decided_again() {
    let (h, store) = shop(10).await;
    store.script([Some(Fault::RequestLost), Some(Fault::RequestLost)]);
    let placed = h.hold(ALICE, "k1", 3).await.unwrap();
    assert!(!placed.replayed);
    assert_eq!(h.stock().await, stock(7, 3, 0));
    h.verify().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_whose_reply_was_lost_is_still_a_refusal() {
    let (h, store) = shop(2).await;
    store.script([Some(Fault::ReplyLost)]);
    assert_eq!(h.hold(ALICE, "k1", 3).await, Err(HoldRefusal::SoldOut { remaining: 2 }));
    assert_eq!(h.stock().await, stock(2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn conflicts_are_decided_again_and_only_the_last_answer_counts() {
    let (h, store) = shop(10).await;
    for fault in [Fault::ConflictBefore, Fault::ConflictAfter, Fault::DecidedTwice, Fault::Delay(9), Fault::Panic] {
        store.script([Some(fault)]);
        let user = buyer(store.injected().len() as u32);
        assert!(!h.hold(user, "k", 1).await.unwrap().replayed, "{fault:?}");
        assert_eq!(store.injected_of(fault), 1);
    }
    assert_eq!(h.stock().await, stock(5, 5, 0));
    h.verify().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_for_ever_fails_and_leaves_nothing() {
    let (h, store) = shop(10).await;
    store.script([Some(Fault::ConflictBefore); 5]);
    let answer = hold(&h, 1, 3).await;
    assert!(matches!(answer, Err(EngineError::Store(StoreError::Conflict { .. }))), "{answer:?}");
    assert_eq!(h.stock().await, stock(10, 0, 0));
    assert!(hold(&h, 1, 3).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_store_is_told_at_once_and_nothing_is_repeated_behind_the_back() {
    let (h, store) = shop(10).await;
    store.script([Some(Fault::Unavailable)]);
    let answer = hold(&h, 1, 3).await;
    assert!(matches!(answer, Err(EngineError::Store(StoreError::Unavailable { .. }))), "{answer:?}");
    assert_eq!(h.stock().await, stock(10, 0, 0));
    assert!(!h.hold(buyer(1), "k", 3).await.unwrap().replayed);
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_leaves_unknown_is_resolved_by_its_key() {
    for (fault, replayed) in [(Fault::CrashAfter, true), (Fault::CrashBefore, false)] {
        let (h, store) = shop(10).await;
        store.script([Some(fault)]);
        let answer = hold(&h, 1, 3).await;
        assert!(matches!(answer, Err(EngineError::Store(_))), "{answer:?}");
        assert!(store.is_down() && hold(&h, 2, 1).await.is_err());
        assert!(h.engine.verify().await.is_err());
        store.restart();
        let placed = hold(&h, 1, 3).await.unwrap();
        assert_eq!(placed.replayed, replayed, "{fault:?}");
        assert_eq!(h.stock().await, stock(7, 3, 0));
        h.verify().await;
    }
}

#[tokio::test(start_paused = true)]
async fn everything_acknowledged_before_a_crash_is_there_behind_it() {
    let (h, store) = shop(50).await;
    let mut acknowledged = Vec::new();
    for n in 0..40 {
        if n % 7 == 3 {
            store.script([Some(if n % 2 == 0 { Fault::CrashAfter } else { Fault::CrashBefore })]);
        }
        match hold(&h, n, 1).await {
            Ok(placed) => acknowledged.push(placed.hold.id),
            Err(_) => store.restart(),
        }
    }
    let after = h.another_engine();
    for id in &acknowledged {
        assert!(after.hold_record(*id).await.is_live(h.now()), "{id}");
    }
    for n in 0..40 {
        assert!(after.hold(buyer(n), "k", 1).await.is_ok());
    }
    assert_eq!(after.stock().await, stock(10, 40, 0));
    after.verify().await;
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_applied_once_whatever_happens_to_its_reply() {
    for fault in [Fault::ReplyLost, Fault::RequestLost, Fault::ConflictAfter, Fault::DecidedTwice, Fault::CrashAfter] {
        let (h, store) = shop(10).await;
        let open = h.held_and_checked_out(ALICE, "k1", 2).await;
        store.script([Some(fault)]);
        let report = report(&open, CallbackStatus::Success);
        // The gateway delivers until it is answered.
        while h.engine.payment_callback(Caller::of(Actor::Gateway), report.clone()).await.is_err() {
            store.restart();
        }
        assert_eq!((h.tickets(ALICE).await.len(), h.stock().await), (2, stock(8, 0, 2)), "{fault:?}");
        h.verify().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_a_refund_and_its_record_gives_the_money_back_once() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::ReplyLost, Fault::Unavailable] {
        let (h, store) = shop(10).await;
        let open = h.held_and_checked_out(ALICE, "k1", 2).await;
        h.release(ALICE, open.order.hold_id).await.unwrap();
        assert!(matches!(h.pay(&open).await, Settlement::RefundRequested(_)));
        // The lease goes through, and so does the gateway's refund; its record meets the fault.
        store.script([None, Some(fault)]);
        let _ = h.engine.tick().await;
        assert_eq!(store.injected_of(fault), 1);
        store.restart();
        h.advance(30);
        h.tick().await;
        assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
        assert_eq!(h.gateway.refunds().len(), 1, "{fault:?}");
        h.verify().await;
    }
}

#[tokio::test(start_paused = true)]
async fn housekeeping_that_failed_goes_on_where_it_stopped() {
    let (h, store) = shop(10).await;
    h.hold(ALICE, "k1", 3).await.unwrap();
    h.advance(120);
    store.script([Some(Fault::Unavailable)]);
    assert!(h.engine.tick().await.is_err());
    assert_eq!(h.tick().await, TickReport { expired: 1, ..TickReport::default() });
}

#[tokio::test(start_paused = true)]
async fn a_command_the_store_refuses_does_not_take_its_batch_along() {
    let (h, store) = shop(10).await;
    // Somebody is always faster than the batch, and then than one of its commands alone.
    let script = [Some(Fault::ConflictBefore); 5].into_iter().chain([None]).chain([Some(Fault::ConflictBefore); 5]);
    store.script(script);
    let answers = join_all((1..=3).map(|n| hold(&h, n, 1))).await;
    let refused: Vec<_> = answers.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, true, false]);
    assert_eq!(h.stock().await, stock(8, 2, 0));
    h.verify().await;
}

/// A crowd buys out a session while every kind of fault strikes, and everyone asks again in the end.
#[tokio::test(start_paused = true)]
async fn under_every_fault_at_once_nothing_is_doubled_and_nothing_acknowledged_is_lost() {
    for seed in 0..10 {
        let (h, store) = shop(60).await;
        store.plan(seed, FaultRates { crash_before: 5, crash_after: 5, ..FaultRates::all_but_crashes(40) });
        let mut acknowledged = Vec::new();
        for round in 0..30 {
            let crowd = round * 4..round * 4 + 4;
            let bought = join_all(crowd.clone().map(|n| buys(&h, n))).await;
            acknowledged.extend(crowd.zip(bought).filter(|(_, bought)| *bought).map(|(n, _)| n));
            store.restart();
        }
        store.heal();
        for n in 0..120 {
            buys(&h, n).await;
        }
        let mut tickets = 0;
        for n in 0..120 {
            let of_buyer = h.tickets(buyer(n)).await.len();
            assert!(of_buyer <= 1, "seed {seed}: buyer {n} was sold one ticket {of_buyer} times");
            assert!(of_buyer == 1 || !acknowledged.contains(&n), "seed {seed}: the purchase of {n} was lost");
            tickets += of_buyer;
        }
        assert_eq!((tickets, h.stock().await), (60, stock(0, 0, 60)), "seed {seed}");
        assert!(store.injected().len() >= 8, "seed {seed} met only {:?}", store.injected());
        h.verify().await;
    }
}

/// Buys one ticket as far as the store lets it; tells whether that was acknowledged.
async fn buys(h: &Harness, n: u32) -> bool {
    let Ok(placed) = hold(h, n, 1).await else { return false };
    let Ok(open) = h.engine.checkout(h.checkout_request(buyer(n), placed.hold.id)).await else { return false };
    let settled = h.engine.payment_callback(Caller::of(Actor::Gateway), report(&open, CallbackStatus::Success)).await;
    matches!(settled, Ok(CallbackOutcome::Settled(Settlement::Sold | Settlement::Duplicate)))
}

/// Overflow is a panic in test builds only: there, this many attempts make the lease's rule panic.
#[cfg(debug_assertions)]
#[tokio::test(start_paused = true)]
async fn a_poisoned_command_fails_alone_and_its_batch_goes_on() {
    let (h, store) = shop(10).await;
    let session_id = h.session_id();
    let poison = OutboxMessage { session_id, attempts: u32::MAX, next_attempt_at: h.now(), ..records::message(1, 1) };
    let lease = LeaseOutbox { session_id, outbox_id: poison.id, seen_attempts: u32::MAX };
    let header = BatchHeader {
        id: BatchId::from_uuid(h.fresh()),
        locks: vec![StreamId::Session(session_id)],
        reads: Vec::new(),
    };
    let put: Decide = Box::new(move |snapshot, _| {
        snapshot.outbox.put(poison.clone());
        Decision::Commit(snapshot.take_changes())
    });
    store.transact(header, put).await.unwrap();

    let batcher = Batcher::start(
        Arc::clone(&store) as _,
        Arc::new(Rules::new(keys().audit)),
        Arc::clone(&h.ids) as _,
        Arc::clone(&h.clock) as _,
        &TokioSpawn::current(),
        BatchSettings::default(),
    );
    let place = |n| PlaceHold {
        caller: Caller::of(Actor::User(buyer(n))),
        id: HoldId::from_uuid(h.fresh()),
        session_id,
        user_id: buyer(n),
        wanted: Wanted::Quantity(1),
        key: "k".parse().unwrap(),
        claim: QueueTicket::Missing,
    };
    let writes = store.writes();
    let ((before, poisoned), after) =
        join(join(batcher.ask(place(1)), batcher.ask(lease)), batcher.ask(place(2))).await;
    assert_eq!(store.writes(), writes + 1, "they were one batch");
    assert!(matches!(poisoned, Err(SubmitError::Failed)), "{poisoned:?}");
    assert!(!before.unwrap().unwrap().replayed && !after.unwrap().unwrap().replayed);
    assert_eq!(h.stock().await, stock(8, 2, 0));
}

#[tokio::test]
async fn the_same_seed_meets_the_same_faults() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (h, store) = shop(10).await;
        store.plan(7, FaultRates { delay: 200, decided_twice: 200, conflict_after: 100, ..FaultRates::default() });
        for user in [ALICE, BOB, CAROL] {
            let hold = h.hold(user, "k", 1).await.unwrap().hold;
            h.release(user, hold.id).await.unwrap();
        }
        runs.push((store.injected(), store.writes()));
    }
    assert_eq!(runs[0], runs[1]);
}
