//! A whole store out of a small ordered key-value store.
//!
//! The core owns the records, where each of them lies and through which indexes it is found; a
//! backend only keeps bytes in order. Whoever implements the five methods that [`KeyValue`] needs and wraps
//! the result in [`KvStore`] has a store that keeps every promise of [`Store`](super::Store),
//! [`Queries`](super::Queries) and [`Schema`](super::Schema).

mod apply;
mod encode;
mod keys;
mod load;
mod queries;
mod records;
mod shelves;
mod store;
#[cfg(test)]
mod tests;
mod turns;

use std::fmt;

use futures_util::future::BoxFuture;

pub use self::{
    shelves::{Shelf, shelf},
    store::KvStore,
};
use super::{BatchOutcome, Durability, StoreError};
use crate::{clock::Timestamp, ids::BatchId};

/// A key with what lies under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Where: at most 512 bytes.
    pub key: Vec<u8>,
    /// What.
    pub value: Vec<u8>,
}

/// From which end a span is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest key first.
    Ascending,
    /// The largest key first.
    Descending,
}

/// A stretch of keys, compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The smallest key in it.
    pub from: Vec<u8>,
    /// The smallest key above it. Not above `from`: the span is empty.
    pub to: Vec<u8>,
    /// From which end.
    pub direction: Direction,
    /// At most so many pairs; `usize::MAX` for all.
    pub limit: usize,
}

/// One question to a [`KeyValue`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The pair of this key, if there is one.
    Get(Vec<u8>),
    /// The pairs of a span, in its direction.
    Scan(Span),
    /// The pairs that the values of a span name as their keys, in the order of the span. A value
    /// that names no key there is adds nothing.
    Follow(Span),
}

/// What a [`KeyValue`] held at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// One answer per lookup, in their order.
    pub found: Vec<Vec<Pair>>,
    /// The store's time, taken no earlier than the view.
    pub at: Timestamp,
    /// Differs from that of every view that may have held something else.
    pub revision: u64,
    /// When it was taken, in whatever the store measures ages by. A [`Change`] that was decided on this view
    /// gives it back.
    pub stamp: u64,
}

/// What has to hold for a change to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Where.
    pub key: Vec<u8>,
    /// Exactly this lies there; `None`: nothing does.
    pub expected: Option<Vec<u8>>,
}

/// What is to happen under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Where.
    pub key: Vec<u8>,
    /// What lies there afterwards; `None`: nothing does.
    pub value: Option<Vec<u8>>,
}

/// Writes that happen together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name to remember it by; `None` for what nobody will ask about.
    pub batch: Option<BatchId>,
    /// The [`View::stamp`] of the latest view it was decided on; `None` for what grows no older.
    pub stamp: Option<u64>,
    /// All of these hold, or nothing is written.
    pub guards: Vec<Guard>,
    /// What is written; every key once.
    pub puts: Vec<Put>,
}

/// What came of a [`Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// All of it is there.
    Yes,
    /// None of it is.
    Refused {
        /// The first guard, in their order, that did not hold.
        key: Vec<u8>,
    },
    /// None of it is: the view that it was decided on is too long ago. What was alive then may have ended.
    Late,
}

/// A batch, and what it is going to write behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which batch.
    pub batch: BatchId,
    /// The keys of its locks: every change of the batch has a guard on each of them and moves it on.
    pub locks: Vec<Vec<u8>>,
}

/// A small ordered key-value store: what it takes to be a backend.
///
/// It knows neither records nor rules. Keys are opaque and compared byte by byte; values are opaque.
///
/// # Contract
/// - A [`View`] is one instant between changes, over all of its lookups.
/// - A [`Change`] is applied between two such instants: nobody sees part of it, and its guards are
///   checked against the instant just before it.
/// - Every view taken after [`KeyValue::apply`] has answered [`Applied::Yes`] shows the change,
///   whoever takes it.
///
/// A store may keep every key in one order, or on shelves: no span leaves its [`shelf`].
///
/// Checked by running the conformance suite over a [`KvStore`] of the backend.
pub trait KeyValue: Send + Sync + fmt::Debug + 'static {
    /// Answers every lookup out of one consistent view. Without lookups it tells the time and the
    /// revision.
    ///
    /// # Contract
    /// - The time is the store's own, taken after the view, and never earlier than one told before.
    /// - The revision differs from that of every earlier view that a change lies in between, by
    ///   whatever process; it may also change without a reason.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Corrupt`].
    fn read(&self, lookups: Vec<Lookup>) -> BoxFuture<'_, Result<View, StoreError>>;

    /// Answers as [`KeyValue::read`], once it is the turn of a batch to write. The writers of one process take
    /// turns anyway; a store that several processes share lets them wait for each other here, so that none
    /// decides in vain.
    ///
    /// # Contract
    /// - Whoever came first has the first turn. A process that is gone keeps nobody waiting for long.
    /// - It is a courtesy: whoever has no turn writes all the same, and the guards tell who was first.
    ///
    /// # Errors
    /// As [`KeyValue::read`].
    fn read_in_turn(&self, turn: &Turn, lookups: Vec<Lookup>) -> BoxFuture<'_, Result<View, StoreError>> {
        let _ = turn;
        self.read(lookups)
    }

    /// The turn of `batch` is over, and nothing was written in it. One that was written is over by itself.
    fn end_turn(&self, batch: BatchId) {
        let _ = batch;
    }

    /// Writes all of `change`, if every one of its guards holds.
    ///
    /// # Contract
    /// - [`Applied::Yes`] means durable to the degree [`KeyValue::durability`] states, together with
    ///   the name of the batch.
    /// - Every other answer means that nothing was written, and never will be.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] when the change may have been written: [`KeyValue::outcome`]
    /// tells. Every other error means that nothing was.
    fn apply(&self, change: Change) -> BoxFuture<'_, Result<Applied, StoreError>>;

    /// What became of the change with this name.
    ///
    /// # Contract
    /// Remembers at least the last 1,024 names of every process that writes. A change that was not
    /// committed when this answers never will be.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>>;

    /// What survives what, once a change is acknowledged.
    fn durability(&self) -> Durability;

    /// As [`Store::refuses_writes`](crate::store::Store::refuses_writes).
    fn refuses_writes(&self) -> Option<String> {
        None
    }

    /// How many changes it can usefully work on at once.
    fn lanes(&self) -> usize;
}
