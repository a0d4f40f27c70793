//! A store behind a bad network: what is committed stays, everything else may be late, lost or refused.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::BoxFuture;
use ticketing_core::{
    ids::BatchId,
    store::{
        BatchOutcome, Durability, StoreError,
        kv::{Applied, Change, KeyValue, Lookup, View},
        memory::MemoryKv,
    },
};
use tokio::{
    sync::{oneshot, watch},
    time::sleep,
};

use super::{
    executor::{Executor, Owner},
    faults::{Fault, Faults},
    trace::Trace,
};

/// The one store, as every node sees it: from afar. A clone is another way to the same store.
#[derive(Clone)]
pub struct DistantKv {
    shared: Arc<Shared>,
}

struct Shared {
    kv: MemoryKv,
    executor: Executor,
    faults: Faults,
    trace: Trace,
    down: AtomicBool,
    committed: watch::Sender<u64>,
    state: Mutex<State>,
}

struct State {
    random: Rng,
    /// Batches that were told not to be committed: they never will be.
    closed: BTreeSet<BatchId>,
}

impl DistantKv {
    /// The way to `kv`.
    pub fn to(kv: MemoryKv, executor: Executor, faults: Faults, trace: Trace, seed: u64) -> Self {
        let state = Mutex::new(State { random: Rng::with_seed(seed), closed: BTreeSet::new() });
        let (down, committed) = (AtomicBool::new(false), watch::Sender::new(0));
        Self { shared: Arc::new(Shared { kv, executor, faults, trace, down, committed, state }) }
    }

    /// Takes the store down, or brings it back with all that was committed.
    pub fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::Relaxed);
    }

    /// Changes that were committed: how many, and when there is another.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.shared.committed.subscribe()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::Relaxed) { Err(unavailable("it is down")) } else { Ok(()) }
    }

    /// How long a message takes: mostly no time worth a timer, sometimes seconds.
    fn travel(&self) -> Duration {
        if self.faults.strikes(Fault::StoreSlow) {
            return Duration::from_millis(self.state().random.u64(200..12_000));
        }
        let mut state = self.state();
        if state.random.bool() { Duration::ZERO } else { Duration::from_millis(state.random.u64(1..4)) }
    }

    /// What happens to a change where the store is.
    async fn arrive(&self, change: Change) -> Result<Applied, StoreError> {
        self.up().map_err(|_| unknown("it went down"))?;
        let name = change.batch;
        if name.is_some_and(|name| self.state().closed.contains(&name)) {
            return Err(unavailable("this batch is over"));
        }
        let applied = self.kv.apply(change).await?;
        if applied == Applied::Yes {
            self.committed.send_modify(|commits| *commits += 1);
        }
        Ok(applied)
    }

    async fn write(self: Arc<Self>, change: Change) -> Result<Applied, StoreError> {
        self.up()?;
        if self.faults.strikes(Fault::StoreUnavailable) {
            self.trace.fault("the store refuses a write");
            return Err(unavailable("injected"));
        }
        let there = self.travel();
        if self.faults.strikes(Fault::RequestLost) {
            self.trace.fault("a write is lost on its way to the store");
            pause(there).await;
            return Err(unknown("the request was lost"));
        }
        let reordered = self.faults.strikes(Fault::WriteReordered);
        let late = if reordered { Duration::from_millis(self.state().random.u64(20..9_000)) } else { Duration::ZERO };
        let (send, answer) = oneshot::channel();
        let store = Arc::clone(&self);
        // Once sent, it arrives, whatever becomes of the node that sent it.
        self.executor.spawn(Owner::World, async move {
            pause(there + late).await;
            let arrived = store.arrive(change).await;
            // Nobody waits any more if the node is gone.
            let _ = send.send(arrived);
        });
        if reordered {
            self.trace.fault("a write is under way, and its reply will not come");
            pause(Duration::from_millis(10)).await;
            return Err(unknown("the reply was lost, the request was late"));
        }
        let arrived = answer.await.map_err(|_| unknown("the store is gone"))?;
        if matches!(arrived, Ok(Applied::Yes)) && self.faults.strikes(Fault::ReplyLost) {
            self.trace.fault("a write has arrived, and its reply is lost");
            return Err(unknown("the reply was lost"));
        }
        pause(self.travel()).await;
        arrived
    }
}

impl KeyValue for DistantKv {
    fn read(&self, lookups: Vec<Lookup>) -> BoxFuture<'_, Result<View, StoreError>> {
        Box::pin(async move {
            let shared = &self.shared;
            shared.up()?;
            if shared.faults.strikes(Fault::StoreUnavailable) {
                shared.trace.fault("the store refuses a read");
                return Err(unavailable("injected"));
            }
            pause(shared.travel()).await;
            shared.up()?;
            let view = shared.kv.read(lookups).await?;
            pause(shared.travel()).await;
            Ok(view)
        })
    }

    fn apply(&self, change: Change) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(Arc::clone(&self.shared).write(change))
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        Box::pin(async move {
            let shared = &self.shared;
            pause(shared.travel()).await;
            shared.up()?;
            let outcome = shared.kv.outcome(batch).await?;
            if outcome == BatchOutcome::NotCommitted {
                shared.state().closed.insert(batch);
            }
            Ok(outcome)
        })
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    fn lanes(&self) -> usize {
        self.shared.kv.lanes()
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

fn unavailable(detail: &str) -> StoreError {
    StoreError::Unavailable { detail: detail.to_owned(), source: None }
}

fn unknown(detail: &str) -> StoreError {
    StoreError::OutcomeUnknown { detail: detail.to_owned() }
}

impl fmt::Debug for DistantKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DistantKv")
    }
}
