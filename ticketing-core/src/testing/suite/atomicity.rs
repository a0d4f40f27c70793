//! All or nothing, one after the other, and the truth about what became of it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use futures_util::future::{join, join_all};

use super::Bench;
use crate::{
    clock::Clock,
    event::Event,
    ids::{BatchId, SessionId},
    store::{BatchOutcome, Changes, Decision, PageRequest, ROUNDS_MAX, Read, Snapshot, StoreError},
    testing::records,
};

pub async fn a_refused_change_undoes_its_whole_batch(bench: Bench) {
    bench.ground(1).await;
    bench
        .is_refused(Vec::new(), |snapshot| {
            snapshot.holds.put(records::hold(1, 1));
            snapshot.orders.put(records::order(1, 1));
            snapshot.add_ticket(records::ticket(1, 1, 1, 1));
            snapshot.add_audit(records::audit(crate::audit::StreamId::Users, 0));
            // It exists, and was not loaded: so it goes in as a new one.
            snapshot.events.put(records::event(1));
        })
        .await;
    assert_eq!(bench.store.hold(records::hold(1, 1).id).await.unwrap(), None);
    assert_eq!(bench.store.order(records::order(1, 1).id).await.unwrap(), None);
    assert_eq!(bench.store.tickets_of_order(records::order(1, 1).id).await.unwrap(), []);
    assert_eq!(bench.store.audit(crate::audit::StreamId::Users, 0, 10).await.unwrap(), []);
}

pub async fn a_round_starts_without_traces_of_the_round_before(bench: Bench) {
    bench.ground(1).await;
    let (first, second) = (records::event(10), records::event(11));
    let ids = (first.id, second.id);
    let clean = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&clean);
    let decide = move |snapshot: &mut Snapshot, _| {
        let session = records::session(1, 1).id;
        let version = snapshot.sessions.get(&session).ok().flatten().map(|session| session.version);
        let traces = snapshot.events.get(&first.id).is_ok_and(|found| found.is_some());
        seen.lock().unwrap().push((version, traces));
        if !snapshot.has(&Read::Event(second.id)) {
            let session = snapshot.sessions.get(&session).unwrap().unwrap().clone();
            snapshot.sessions.put(crate::session::Session { version: 99, ..session });
            snapshot.events.put(first.clone());
            snapshot.add_audit(records::audit(crate::audit::StreamId::Users, 0));
            return Decision::NeedMore(vec![Read::Event(second.id)]);
        }
        snapshot.events.put(second.clone());
        Decision::Commit(snapshot.take_changes())
    };
    let batch = bench.batch(vec![Read::Session(records::session(1, 1).id)]);
    let receipt = bench.store.transact(batch, Box::new(decide)).await.unwrap();
    assert_eq!(receipt.rounds, 2);
    assert_eq!(*clean.lock().unwrap(), [(Some(3), false), (Some(3), false)]);
    assert_eq!(bench.store.event(ids.0).await.unwrap(), None);
    assert!(bench.store.event(ids.1).await.unwrap().is_some());
    assert_eq!(bench.store.audit(crate::audit::StreamId::Users, 0, 10).await.unwrap(), []);
}

pub async fn need_more_reads_are_loaded_before_the_next_round(bench: Bench) {
    bench.ground(3).await;
    let chain = [Read::Session(records::session(2, 1).id), Read::Session(records::session(3, 1).id)];
    let rounds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&rounds);
    let decide = move |snapshot: &mut Snapshot, _| {
        let loaded: Vec<_> = chain.iter().map(|read| snapshot.has(read)).collect();
        let next = loaded.iter().position(|loaded| !loaded);
        seen.lock().unwrap().push(loaded);
        match next {
            Some(next) => Decision::NeedMore(vec![chain[next].clone()]),
            None => Decision::Commit(Changes::default()),
        }
    };
    let receipt = bench.store.transact(bench.batch(Vec::new()), Box::new(decide)).await.unwrap();
    assert_eq!(receipt.rounds, 3);
    assert_eq!(*rounds.lock().unwrap(), [[false, false], [true, false], [true, true]]);
}

pub async fn a_decision_that_never_has_enough_is_refused(bench: Bench) {
    let rounds = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&rounds);
    let decide = move |_: &mut Snapshot, _| {
        let round = counted.fetch_add(1, Ordering::SeqCst);
        Decision::NeedMore(vec![Read::Event(records::event(100 + round).id)])
    };
    let answer = bench.store.transact(bench.batch(Vec::new()), Box::new(decide)).await;
    assert!(matches!(answer, Err(StoreError::Conflict { .. })), "{answer:?}");
    assert!(rounds.load(Ordering::SeqCst) <= ROUNDS_MAX, "{rounds:?}");
}

pub async fn a_decision_is_told_the_store_s_time(bench: Bench) {
    for _ in 0..3 {
        bench.clock.advance(std::time::Duration::from_micros(1_000_001));
        let told = Arc::new(Mutex::new(None));
        let into = Arc::clone(&told);
        let decide = move |_: &mut Snapshot, now| {
            *into.lock().unwrap() = Some(now);
            Decision::Commit(Changes::default())
        };
        let receipt = bench.store.transact(bench.batch(Vec::new()), Box::new(decide)).await.unwrap();
        assert_eq!((receipt.at, *told.lock().unwrap()), (bench.clock.now(), Some(bench.clock.now())));
    }
}

pub async fn a_decision_that_panics_leaves_nothing_behind(bench: Bench) {
    let decide = |snapshot: &mut Snapshot, _| -> Decision {
        snapshot.events.put(records::event(1));
        panic!("a defect in a decision")
    };
    let store = Arc::clone(&bench.store);
    let batch = bench.batch(Vec::new());
    let id = batch.id;
    let outcome = async move { store.transact(batch, Box::new(decide)).await.is_err() };
    // An error or a panic, as the store likes.
    let failed = Arc::new(Mutex::new(false));
    let into = Arc::clone(&failed);
    let panicked = bench.panics(async move { *into.lock().unwrap() = outcome.await }).await;
    assert!(panicked || *failed.lock().unwrap(), "a decision that panicked was taken for done");
    assert_eq!(bench.store.outcome(id).await.unwrap(), BatchOutcome::NotCommitted);
    assert_eq!(bench.store.event(records::event(1).id).await.unwrap(), None);
    bench.ground(1).await;
    assert!(bench.store.event(records::event(1).id).await.unwrap().is_some(), "the store goes on");
}

const RACERS: u64 = 20;

pub async fn racing_batches_see_each_other(bench: Bench) {
    bench.ground(1).await;
    let id = records::session(1, 1).id;
    let before = version(&bench, id).await;
    let reads = [Read::Session(id)];
    let races = (0..RACERS).map(|_| bench.write_again(&reads, move |snapshot| bump(snapshot, &[id])));
    let receipts = join_all(races).await;
    assert_eq!(receipts.len() as u64, RACERS);
    assert_eq!(version(&bench, id).await, before + RACERS, "an update was lost");
}

pub async fn nobody_sees_part_of_a_batch(bench: Bench) {
    bench.ground(2).await;
    let ids = [records::session(1, 1).id, records::session(2, 1).id];
    let reads = ids.map(Read::Session);
    let writing = async {
        for _ in 0..50 {
            bench.write_again(&reads, move |snapshot| bump(snapshot, &ids)).await;
        }
    };
    let reading = async {
        for _ in 0..100 {
            let page = bench.store.sessions(Some(records::event(1).id), PageRequest::first()).await.unwrap();
            let versions: Vec<_> = page.items.iter().map(|view| view.session.version).collect();
            assert_eq!(versions[0], versions[1], "one session is ahead of the other");
            tokio::task::yield_now().await;
        }
    };
    join(writing, reading).await;
}

fn bump(snapshot: &mut Snapshot, ids: &[SessionId]) {
    for id in ids {
        let mut session = snapshot.sessions.get(id).unwrap().unwrap().clone();
        session.version += 1;
        snapshot.sessions.put(session);
    }
}

async fn version(bench: &Bench, id: SessionId) -> u64 {
    bench.store.session(id).await.unwrap().unwrap().session.version
}

pub async fn a_committed_batch_is_remembered_and_another_is_not(bench: Bench) {
    let outcome = async |id| bench.store.outcome(id).await.unwrap();
    let committed = put_event(&bench, records::event(1)).await;
    assert_eq!(outcome(committed.0).await, BatchOutcome::Committed);
    let refused = put_event(&bench, records::event(1)).await;
    assert!(refused.1.is_err());
    assert_eq!(outcome(refused.0).await, BatchOutcome::NotCommitted);
    assert_eq!(outcome(bench.batch(Vec::new()).id).await, BatchOutcome::NotCommitted);
}

pub async fn the_last_1024_batches_are_remembered(bench: Bench) {
    let mut ids = Vec::new();
    for n in 1..=1_024 {
        let (id, answer) = put_event(&bench, records::event(n)).await;
        answer.unwrap();
        ids.push(id);
    }
    for id in ids {
        assert_eq!(bench.store.outcome(id).await.unwrap(), BatchOutcome::Committed);
    }
}

async fn put_event(bench: &Bench, event: Event) -> (BatchId, Result<(), StoreError>) {
    let batch = bench.batch(Vec::new());
    let id = batch.id;
    let decide = move |snapshot: &mut Snapshot, _| {
        snapshot.events.put(event.clone());
        Decision::Commit(snapshot.take_changes())
    };
    (id, bench.store.transact(batch, Box::new(decide)).await.map(drop))
}

pub async fn nothing_to_write_is_no_error(bench: Bench) {
    let receipt = bench.write(Vec::new(), |_| {}).await.unwrap();
    assert_eq!(receipt.rounds, 1);
    assert_eq!(bench.store.events(None, PageRequest::first()).await.unwrap().items, []);
}
