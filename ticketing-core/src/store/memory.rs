//! The reference store: everything in memory, gone with the process.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{BoxFuture, ready};

use super::{
    BatchOutcome, Durability, StoreError,
    kv::{Applied, Change, Direction, KeyValue, KvStore, Lookup, Pair, Span, View},
};
use crate::{clock::Clock, ids::BatchId};

/// A store that forgets everything when the process ends: for tests, for trying things out, and as
/// the measure of every other store.
pub type MemoryStore = KvStore<MemoryKv>;

impl MemoryStore {
    /// An empty store whose time is `clock`'s.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::over(MemoryKv::new(clock))
    }
}

/// An ordered map behind a lock. A clone is another handle to the same map, as another process would
/// have to a store of its own kind.
#[derive(Clone)]
pub struct MemoryKv {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    revision: u64,
    batches: Batches,
}

impl MemoryKv {
    /// An empty map whose time is `clock`'s.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here stops halfway through a change, so what a panic leaves behind is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryKv")
            .field("pairs", &state.pairs.len())
            .field("revision", &state.revision)
            .finish_non_exhaustive()
    }
}

impl State {
    fn answer(&self, lookup: &Lookup) -> Vec<Pair> {
        match lookup {
            Lookup::Get(key) => self.pair(key).into_iter().collect(),
            Lookup::Scan(span) => self.scan(span, |(key, value)| Pair { key: key.clone(), value: value.clone() }),
            Lookup::Follow(span) => self.scan(span, |(_, target)| self.pair(target)).into_iter().flatten().collect(),
        }
    }

    fn pair(&self, key: &[u8]) -> Option<Pair> {
        self.pairs.get_key_value(key).map(|(key, value)| Pair { key: key.clone(), value: value.clone() })
    }

    fn scan<T>(&self, span: &Span, of: impl Fn((&Vec<u8>, &Vec<u8>)) -> T) -> Vec<T> {
        if span.from >= span.to {
            return Vec::new();
        }
        let bounds = (Bound::Included(&span.from), Bound::Excluded(&span.to));
        let range = self.pairs.range::<Vec<u8>, _>(bounds);
        match span.direction {
            Direction::Ascending => range.take(span.limit).map(of).collect(),
            Direction::Descending => range.rev().take(span.limit).map(of).collect(),
        }
    }

    fn apply(&mut self, change: Change) -> Applied {
        let broken = change.guards.into_iter().find(|guard| self.pairs.get(&guard.key) != guard.expected.as_ref());
        if let Some(guard) = broken {
            return Applied::Refused { key: guard.key };
        }
        for put in change.puts {
            match put.value {
                Some(value) => self.pairs.insert(put.key, value),
                None => self.pairs.remove(&put.key),
            };
        }
        self.revision += 1;
        if let Some(batch) = change.batch {
            self.batches.remember(batch);
        }
        Applied::Yes
    }
}

impl KeyValue for MemoryKv {
    fn read(&self, lookups: Vec<Lookup>) -> BoxFuture<'_, Result<View, StoreError>> {
        let state = self.state();
        let found = lookups.iter().map(|lookup| state.answer(lookup)).collect();
        let view = View { found, at: self.clock.now(), revision: state.revision };
        Box::pin(ready(Ok(view)))
    }

    fn apply(&self, change: Change) -> BoxFuture<'_, Result<Applied, StoreError>> {
        let applied = self.state().apply(change);
        Box::pin(ready(Ok(applied)))
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        let known = self.state().batches.known.contains(&batch);
        let outcome = if known { BatchOutcome::Committed } else { BatchOutcome::NotCommitted };
        Box::pin(ready(Ok(outcome)))
    }

    fn durability(&self) -> Durability {
        Durability::Process
    }

    fn lanes(&self) -> usize {
        LANES
    }
}

/// One map takes one change at a time; while it does, the next ones are decided.
const LANES: usize = 4;

/// How many names are remembered: four times what is promised, for four writers of one map.
const BATCHES_MAX: usize = 4 * 1_024;

/// The names of the latest batches.
#[derive(Default)]
struct Batches {
    known: BTreeSet<BatchId>,
    order: VecDeque<BatchId>,
}

impl Batches {
    fn remember(&mut self, batch: BatchId) {
        if !self.known.insert(batch) {
            return;
        }
        self.order.push_back(batch);
        if self.order.len() > BATCHES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
