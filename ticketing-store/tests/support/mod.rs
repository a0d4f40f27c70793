//! What the tests of the stores share: writes without a rule, and for SQLite a file of their own.

#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rusqlite::Connection;
use tempfile::TempDir;
use ticketing_core::{
    ids::BatchId,
    store::{BatchHeader, Decide, Decision, PageRequest, Queries, Read, Receipt, Schema, Snapshot, Store, StoreError},
    testing::{SimClock, records},
};
use ticketing_store::{OpenOptions, Role, sqlite::SqliteStore};
use uuid::Uuid;

static BATCHES: AtomicU32 = AtomicU32::new(1);

/// A folder that goes when the test does, and the database in it.
pub struct Place {
    pub folder: TempDir,
    pub clock: Arc<SimClock>,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(SimClock::new()) }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("ticketing.db")
    }

    pub fn options(&self, role: Role) -> OpenOptions {
        OpenOptions { clock: Some(self.clock.clone()), role, create: true }
    }

    pub fn open(&self, role: Role) -> SqliteStore {
        SqliteStore::open(&self.path(), self.options(role)).unwrap()
    }

    pub async fn migrated(&self, role: Role) -> SqliteStore {
        let store = self.open(role);
        store.migrate().await.unwrap();
        store
    }

    /// A look at the file from outside.
    pub fn raw(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

pub fn batch(reads: Vec<Read>) -> BatchHeader {
    let id = BatchId::from_uuid(Uuid::from_u128(BATCHES.fetch_add(1, Ordering::Relaxed).into()));
    BatchHeader { id, locks: vec![], reads }
}

/// A decision that makes one change and asks nothing.
pub fn decide(mut change: impl FnMut(&mut Snapshot) + Send + 'static) -> Decide {
    Box::new(move |snapshot, _| {
        change(snapshot);
        Decision::Commit(snapshot.take_changes())
    })
}

pub async fn write(
    store: &(impl Store + ?Sized),
    reads: Vec<Read>,
    change: impl FnMut(&mut Snapshot) + Send + 'static,
) -> Result<Receipt, StoreError> {
    store.transact(batch(reads), decide(change)).await
}

/// One event, one session, no holds.
pub async fn ground(store: &(impl Store + ?Sized)) {
    write(store, vec![], |snapshot| records::ground(snapshot, 1)).await.unwrap();
}

pub async fn count_users(store: &(impl Queries + ?Sized)) -> usize {
    store.users(PageRequest { limit: 200, after: None }).await.unwrap().items.len()
}

#[track_caller]
pub fn contents(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
