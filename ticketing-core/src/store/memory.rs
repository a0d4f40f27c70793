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
        let view = View { found, at: self.clock.now(), revision: state.revision, stamp: 0 };
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;
    use crate::{
        store::kv::{Guard, Put},
        testing::SimClock,
    };

    fn empty() -> MemoryKv {
        MemoryKv::new(Arc::new(SimClock::new()))
    }

    fn now<T>(answer: BoxFuture<'_, Result<T, StoreError>>) -> T {
        answer.now_or_never().expect("nothing in memory waits").expect("memory is always there")
    }

    fn put(key: &str, value: Option<&str>) -> Put {
        Put { key: key.into(), value: value.map(Into::into) }
    }

    fn guard(key: &str, expected: Option<&str>) -> Guard {
        Guard { key: key.into(), expected: expected.map(Into::into) }
    }

    fn change(guards: Vec<Guard>, puts: Vec<Put>) -> Change {
        Change { batch: None, stamp: None, guards, puts }
    }

    fn with(pairs: &[(&str, &str)]) -> MemoryKv {
        let kv = empty();
        let puts = pairs.iter().map(|(key, value)| put(key, Some(value))).collect();
        assert_eq!(now(kv.apply(change(vec![], puts))), Applied::Yes);
        kv
    }

    fn keys(kv: &MemoryKv, lookup: Lookup) -> Vec<String> {
        let found = now(kv.read(vec![lookup])).found.remove(0);
        found.into_iter().map(|pair| String::from_utf8(pair.key).unwrap()).collect()
    }

    fn span(from: &str, to: &str, direction: Direction, limit: usize) -> Span {
        Span { from: from.into(), to: to.into(), direction, limit }
    }

    #[test]
    fn a_span_is_read_from_either_end_and_no_further_than_asked() {
        let kv = with(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
        let scan = |from, to, direction, limit| keys(&kv, Lookup::Scan(span(from, to, direction, limit)));
        assert_eq!(scan("b", "d", Direction::Ascending, usize::MAX), ["b", "c"]);
        assert_eq!(scan("a", "z", Direction::Ascending, 2), ["a", "b"]);
        assert_eq!(scan("a", "z", Direction::Descending, 2), ["d", "c"]);
        assert_eq!(scan("c", "b", Direction::Ascending, 2), [""; 0], "a span that ends before it starts is empty");
        assert_eq!(scan("b", "b", Direction::Descending, 2), [""; 0]);
    }

    #[test]
    fn an_index_is_followed_to_what_it_points_to() {
        let kv = with(&[("i1", "b"), ("i2", "a"), ("i3", "gone"), ("a", "1"), ("b", "2")]);
        let follow = |direction| keys(&kv, Lookup::Follow(span("i", "j", direction, usize::MAX)));
        assert_eq!(follow(Direction::Ascending), ["b", "a"]);
        assert_eq!(follow(Direction::Descending), ["a", "b"]);
    }

    #[test]
    fn the_first_guard_that_does_not_hold_is_named_and_nothing_is_written() {
        let kv = with(&[("a", "1")]);
        let before = now(kv.read(vec![])).revision;
        let puts = || vec![put("a", None), put("c", Some("3"))];
        let refused = |guards| match now(kv.apply(change(guards, puts()))) {
            Applied::Refused { key } => String::from_utf8(key).unwrap(),
            Applied::Yes | Applied::Late => panic!("a guard that does not hold was passed"),
        };
        assert_eq!(refused(vec![guard("a", Some("1")), guard("b", Some("2")), guard("c", Some("3"))]), "b");
        assert_eq!(refused(vec![guard("a", None)]), "a");
        assert_eq!(keys(&kv, Lookup::Scan(span("a", "z", Direction::Ascending, 9))), ["a"]);
        assert_eq!(now(kv.read(vec![])).revision, before);
        assert_eq!(now(kv.apply(change(vec![guard("a", Some("1")), guard("b", None)], puts()))), Applied::Yes);
        assert_eq!(keys(&kv, Lookup::Scan(span("a", "z", Direction::Ascending, 9))), ["c"]);
        assert_ne!(now(kv.read(vec![])).revision, before);
    }

    #[test]
    fn another_handle_sees_the_same_map_and_the_same_names() {
        let kv = empty();
        let batch = BatchId::from_uuid(Uuid::from_u128(1));
        now(kv.clone().apply(Change { batch: Some(batch), ..change(vec![], vec![put("a", Some("1"))]) }));
        assert_eq!(keys(&kv, Lookup::Get("a".into())), ["a"]);
        assert_eq!(now(kv.outcome(batch)), BatchOutcome::Committed);
    }

    #[test]
    fn as_many_names_are_remembered_as_promised_and_no_more_are_kept() {
        let kv = empty();
        let batch = |n: usize| BatchId::from_uuid(Uuid::from_u128(n as u128));
        for n in 0..=BATCHES_MAX {
            now(kv.apply(Change { batch: Some(batch(n)), ..change(vec![], vec![]) }));
        }
        assert_eq!(now(kv.outcome(batch(0))), BatchOutcome::NotCommitted);
        assert!((1..=BATCHES_MAX).all(|n| now(kv.outcome(batch(n))) == BatchOutcome::Committed));
    }
}
