//! Sessions and the lanes of a store: who waits for whom.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use ticketing_core::{
    audit::{Actor, Caller, StreamId},
    batcher::{BatchSettings, Batcher, SubmitError, TokioSpawn},
    clock::Timestamp,
    command::{HoldRefusal, PlaceHold, Placed, QueueTicket, UpdateEvent},
    decide::Rules,
    hold::Wanted,
    ids::{BatchId, HoldId, IdGen, SessionId},
    store::{BatchHeader, BatchOutcome, Decide, Durability, Receipt, Store, StoreError, memory::MemoryStore},
    testing::{
        Harness, SimClock,
        harness::{OPERATOR, buyer, keys},
    },
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use uuid::Uuid;

/// A store of so many lanes that writes nothing to some streams before it is let.
#[derive(Debug)]
struct Gate {
    inner: Arc<dyn Store>,
    lanes: usize,
    shut: Vec<StreamId>,
    open: Semaphore,
    /// The streams of each batch so far, in order of arrival.
    batches: watch::Sender<Vec<Vec<StreamId>>>,
}

impl Gate {
    fn open(&self) {
        self.open.close();
    }

    /// Waits until so many batches have come.
    async fn batches(&self, count: usize) {
        let came = self.batches.subscribe().wait_for(|batches| batches.len() >= count).await.map(|_| ());
        came.expect("the sender is this gate's own");
    }
}

impl Store for Gate {
    fn transact(&self, batch: BatchHeader, decide: Decide) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        Box::pin(async move {
            self.batches.send_modify(|batches| batches.push(batch.locks.clone()));
            if batch.locks.iter().any(|stream| self.shut.contains(stream)) {
                let opened = self.open.acquire().await;
                assert!(opened.is_err(), "nobody is let through before everybody is");
            }
            self.inner.transact(batch, decide).await
        })
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        self.inner.outcome(batch)
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    fn lanes(&self) -> usize {
        self.lanes
    }
}

/// An engine's lanes in front of a gate, and sessions behind it.
struct Shop {
    h: Harness,
    gate: Arc<Gate>,
    batcher: Arc<Batcher>,
    sessions: Vec<SessionId>,
}

type Held = Result<Result<Placed, HoldRefusal>, SubmitError>;

impl Shop {
    /// So many sessions of 1,000 tickets; the gate is shut for the first `shut` of them.
    async fn new(lanes: usize, sessions: usize, shut: usize) -> Self {
        let clock = Arc::new(SimClock::new());
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as _));
        let h = Harness::over(Arc::clone(&store) as _, clock).await;
        let mut ids = Vec::new();
        for _ in 0..sessions {
            ids.push(h.session(1_000).await);
        }
        let gate = Arc::new(Gate {
            inner: store,
            lanes,
            shut: ids[..shut].iter().copied().map(StreamId::Session).collect(),
            open: Semaphore::new(0),
            batches: watch::Sender::default(),
        });
        let batcher = Arc::new(batcher(&h, Arc::clone(&gate) as _, Arc::clone(&h.ids) as _));
        Self { h, gate, batcher, sessions: ids }
    }

    /// The `n`-th buyer holds one ticket of a session.
    fn hold(&self, session: usize, n: u32) -> JoinHandle<Held> {
        let (batcher, command) = (Arc::clone(&self.batcher), place(&self.h, self.sessions[session], n));
        tokio::spawn(async move { batcher.ask(command).await })
    }

    /// Waits until so many commands wait.
    async fn waiting(&self, count: usize) {
        while self.batcher.len() != count {
            tokio::task::yield_now().await;
        }
    }
}

fn batcher(h: &Harness, store: Arc<dyn Store>, ids: Arc<dyn IdGen>) -> Batcher {
    let (rules, clock) = (Arc::new(Rules::new(keys().audit)), Arc::clone(&h.clock) as _);
    Batcher::start(store, rules, ids, clock, &TokioSpawn::current(), BatchSettings::default())
}

fn place(h: &Harness, session_id: SessionId, n: u32) -> PlaceHold {
    PlaceHold {
        caller: Caller::of(Actor::User(buyer(n))),
        id: HoldId::from_uuid(h.fresh()),
        session_id,
        user_id: buyer(n),
        wanted: Wanted::Quantity(1),
        key: "k".parse().expect("it is a sound key"),
        claim: QueueTicket::Missing,
    }
}

#[track_caller]
fn succeeded(held: Result<Held, tokio::task::JoinError>) {
    let placed = held.expect("asking does not panic").expect("the batcher answers").expect("there is stock");
    assert!(!placed.replayed);
}

#[tokio::test]
async fn while_a_hot_session_is_being_written_every_other_stream_is_answered() {
    let shop = Shop::new(4, 25, 1).await;
    let mut hot = vec![shop.hold(0, 0)];
    shop.gate.batches(1).await;
    hot.extend((1..500).map(|n| shop.hold(0, n)));
    shop.waiting(499).await;

    for session in 1..25 {
        join_all((0..3).map(|n| shop.hold(session, n))).await.into_iter().for_each(succeeded);
    }
    let id = shop.h.event().await;
    let venue = Some("Hall 2".to_owned());
    let update = UpdateEvent { caller: OPERATOR, id, title: None, description: None, venue, status: None };
    let updated = shop.batcher.ask(update).await.expect("the batcher answers").expect("the event is there");
    assert_eq!(updated.venue, "Hall 2");
    assert_eq!(shop.batcher.len(), 499, "the hot session waits for itself alone");
    assert!(hot.iter().all(|hold| !hold.is_finished()));

    shop.gate.open();
    join_all(hot).await.into_iter().for_each(succeeded);
    shop.batcher.shutdown().await;
    shop.h.verify().await;
}

#[tokio::test]
async fn a_hot_session_is_written_alone_while_cool_ones_share_a_batch() {
    let shop = Shop::new(2, 43, 2).await;
    let mut holds = Vec::new();
    for busy in 0..2 {
        holds.push(shop.hold(busy, 0));
        shop.gate.batches(busy + 1).await;
    }
    holds.extend((0..40).map(|n| shop.hold(2, n)));
    holds.extend((3..43).map(|session| shop.hold(session, 0)));
    shop.waiting(80).await;
    shop.gate.open();
    join_all(holds).await.into_iter().for_each(succeeded);
    let batches = shop.gate.batches.borrow();
    assert_eq!(batches[2..].iter().map(Vec::len).collect::<Vec<_>>(), [1, 40]);
    assert_eq!(batches[2], [StreamId::Session(shop.sessions[2])]);
}

#[tokio::test]
async fn one_lane_writes_all_sessions_together() {
    let shop = Shop::new(1, 101, 1).await;
    let mut holds = vec![shop.hold(0, 0)];
    shop.gate.batches(1).await;
    holds.extend((1..101).flat_map(|session| (0..3).map(move |n| (session, n))).map(|(s, n)| shop.hold(s, n)));
    shop.waiting(300).await;
    shop.gate.open();
    join_all(holds).await.into_iter().for_each(succeeded);
    let streams: Vec<usize> = shop.gate.batches.borrow().iter().map(Vec::len).collect();
    assert_eq!(streams, [1, 100]);
}

#[tokio::test]
async fn what_was_queued_before_a_shutdown_is_written() {
    for lanes in [1, 4] {
        let shop = Shop::new(lanes, 1, 1).await;
        let mut holds = vec![shop.hold(0, 0)];
        shop.gate.batches(1).await;
        holds.extend((1..80).map(|n| shop.hold(0, n)));
        shop.waiting(79).await;
        let mut shutdown = Box::pin(shop.batcher.shutdown());
        assert!((&mut shutdown).now_or_never().is_none(), "{lanes} lanes: 80 commands are not written yet");
        let late = shop.hold(0, 80).await.expect("asking does not panic");
        assert!(matches!(late, Err(SubmitError::ShuttingDown)), "{late:?}");
        shop.gate.open();
        shutdown.await;
        assert!(shop.batcher.is_empty());
        join_all(holds).await.into_iter().for_each(succeeded);
    }
}

/// Makes ids unless it is broken: then the writer of a batch panics outside of store and rules.
#[derive(Debug)]
struct BreakableIds {
    inner: Arc<dyn IdGen>,
    broken: AtomicBool,
}

impl IdGen for BreakableIds {
    fn uuid(&self, at: Timestamp) -> Uuid {
        assert!(!self.broken.load(Ordering::Relaxed), "injected: no ids");
        self.inner.uuid(at)
    }
}

#[tokio::test]
async fn a_batch_whose_writer_panics_fails_alone_and_frees_its_session() {
    let Shop { h, gate, sessions, .. } = Shop::new(2, 1, 0).await;
    let ids = Arc::new(BreakableIds { inner: Arc::clone(&h.ids) as _, broken: AtomicBool::new(true) });
    let batcher = batcher(&h, gate, Arc::clone(&ids) as _);
    for _ in 0..3 {
        let broken = batcher.ask(place(&h, sessions[0], 1)).await;
        assert!(matches!(broken, Err(SubmitError::Store(StoreError::OutcomeUnknown { .. }))), "{broken:?}");
    }
    ids.broken.store(false, Ordering::Relaxed);
    succeeded(Ok(batcher.ask(place(&h, sessions[0], 1)).await));
    batcher.shutdown().await;
}
