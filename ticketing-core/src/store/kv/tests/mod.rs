//! The adapter over the map in memory; the promises of every store are the conformance suite's.

mod indexes;
mod pages;
mod races;
mod writes;

use std::sync::Arc;

use uuid::Uuid;

use super::{KvStore, Lookup, Pair, encode::Key};
use crate::{
    audit::StreamId,
    clock::Timestamp,
    ids::BatchId,
    store::{
        BatchHeader, Decide, Decision, Read, Receipt, Snapshot, Store, StoreError,
        kv::{Direction, KeyValue, Span},
        memory::{MemoryKv, MemoryStore},
    },
    testing::{SimClock, records},
};

/// A store, and a clock that stands at the start.
pub(super) fn empty() -> MemoryStore {
    MemoryStore::new(Arc::new(SimClock::new()))
}

/// A batch behind the lock of the first session.
pub(super) fn batch(id: u128, reads: Vec<Read>) -> BatchHeader {
    let locks = vec![StreamId::Session(records::session(1, 1).id)];
    BatchHeader { id: BatchId::from_uuid(Uuid::from_u128(id)), locks, reads }
}

/// Writes whatever `change` makes of what was loaded.
pub(super) fn commit(mut change: impl FnMut(&mut Snapshot) + Send + 'static) -> Decide {
    Box::new(move |snapshot: &mut Snapshot, _: Timestamp| {
        change(snapshot);
        Decision::Commit(snapshot.take_changes())
    })
}

pub(super) async fn write(
    store: &MemoryStore,
    reads: Vec<Read>,
    change: impl FnMut(&mut Snapshot) + Send + 'static,
) -> Result<Receipt, StoreError> {
    store.transact(batch(1, reads), commit(change)).await
}

/// Every pair there is.
pub(super) async fn everything(kv: &MemoryKv) -> Vec<Pair> {
    let span = Span { from: vec![0], to: vec![u8::MAX], direction: Direction::Ascending, limit: usize::MAX };
    let view = kv.read(vec![Lookup::Scan(span)]).await.expect("memory is always there");
    view.found.into_iter().flatten().collect()
}

/// What a conflict names.
#[track_caller]
pub(super) fn conflict(answer: Result<Receipt, StoreError>) -> String {
    match answer {
        Err(StoreError::Conflict { detail }) => detail,
        other => panic!("expected a conflict: {other:?}"),
    }
}
