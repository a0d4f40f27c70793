//! A store alone, and words to write to it without any rule.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt;

use crate::{
    audit::StreamId,
    clock::{Clock, Timestamp},
    ids::{BatchId, IdGen},
    store::{Backend, BatchHeader, Decision, Read, Receipt, Snapshot, StoreError},
    testing::{SeededIds, SimClock, records},
};

/// A store, its clock, and names for batches.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The store.
    pub store: Arc<dyn Backend>,
    /// Its time.
    pub clock: Arc<SimClock>,
    ids: Arc<SeededIds>,
}

/// Sessions that the cases of the store write to, at most.
const SESSIONS_MAX: u32 = 6;
/// How often a batch is decided again because somebody was faster.
const CONFLICTS_MAX: u32 = 50;

impl Bench {
    /// `store`, migrated.
    pub async fn over(store: Arc<dyn Backend>, clock: Arc<SimClock>) -> Self {
        store.migrate().await.expect("an empty store is brought to the version it needs");
        Self { store, clock, ids: Arc::new(SeededIds::new(2)) }
    }

    /// A batch that locks whatever a case may write to, and loads `reads` first.
    pub fn batch(&self, reads: Vec<Read>) -> BatchHeader {
        let mut locks: Vec<_> = (1..=SESSIONS_MAX).map(|n| StreamId::Session(records::session(n, 1).id)).collect();
        locks.extend([StreamId::Event(records::event(1).id), StreamId::Users, StreamId::Callbacks]);
        locks.sort_unstable();
        BatchHeader { id: BatchId::from_uuid(self.ids.uuid(self.clock.now())), locks, reads }
    }

    /// Loads `reads` and writes whatever `change` makes of them.
    pub async fn write(
        &self,
        reads: Vec<Read>,
        mut change: impl FnMut(&mut Snapshot) + Send + 'static,
    ) -> Result<Receipt, StoreError> {
        let decide = move |snapshot: &mut Snapshot, _: Timestamp| {
            change(snapshot);
            Decision::Commit(snapshot.take_changes())
        };
        self.store.transact(self.batch(reads), Box::new(decide)).await
    }

    /// As [`Bench::write`], again while somebody else is faster.
    pub async fn write_again(
        &self,
        reads: &[Read],
        change: impl FnMut(&mut Snapshot) + Clone + Send + 'static,
    ) -> Receipt {
        for _ in 0..CONFLICTS_MAX {
            match self.write(reads.to_vec(), change.clone()).await {
                Ok(receipt) => return receipt,
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => panic!("the batch failed: {error}"),
            }
        }
        panic!("somebody else was faster {CONFLICTS_MAX} times in a row");
    }

    /// Writes new records, as a batch that must go through.
    pub async fn put(&self, change: impl FnMut(&mut Snapshot) + Send + 'static) {
        self.write(Vec::new(), change).await.expect("sound new records are written");
    }

    /// An event with this many sessions and their waiting rooms.
    pub async fn ground(&self, sessions: u32) {
        self.put(move |snapshot| records::ground(snapshot, sessions)).await;
    }

    /// Loads `reads` in a batch that writes nothing, and tells what `look` sees.
    pub async fn see<T: Send + 'static>(
        &self,
        reads: Vec<Read>,
        mut look: impl FnMut(&Snapshot) -> T + Send + 'static,
    ) -> T {
        let seen = Arc::new(Mutex::new(None));
        let into = Arc::clone(&seen);
        let looked = self.write(reads, move |snapshot| {
            *into.lock().unwrap_or_else(PoisonError::into_inner) = Some(look(snapshot));
        });
        looked.await.expect("a batch without changes is no error");
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        seen.expect("a batch that went through was decided")
    }

    /// Expects `change` to be refused by a guard, along with everything else in its batch.
    pub async fn is_refused(&self, reads: Vec<Read>, mut change: impl FnMut(&mut Snapshot) + Send + 'static) {
        let bystander = records::user(999);
        let added = bystander.clone();
        let answer = self
            .write(reads, move |snapshot| {
                snapshot.users.put(added.clone());
                change(snapshot);
            })
            .await;
        assert!(matches!(answer, Err(StoreError::Conflict { .. })), "the store did not refuse: {answer:?}");
        let found = self.store.user(bystander.id).await.expect("the store can be read");
        assert_eq!(found, None, "part of a refused batch was written");
    }

    /// Runs `work` and tells whether it panicked.
    pub async fn panics(&self, work: impl Future<Output = impl Any>) -> bool {
        AssertUnwindSafe(work).catch_unwind().await.is_err()
    }
}
