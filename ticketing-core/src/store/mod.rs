//! What a store promises: one way to write, several to read.
//!
//! A store knows no rule. It locks, loads what [`Read`]s name into a [`Snapshot`], lets a decision
//! run over it, and writes the [`Changes`] all or nothing.

pub mod kv;
pub mod memory;
mod queries;
mod read;
mod snapshot;

use std::{error::Error, fmt, sync::Arc};

use futures_util::future::BoxFuture;

pub use self::{
    queries::{
        AuditCursor, AuditCursorError, AuditFilter, CallbackToMatch, HoldFilter, Ledger, OrderFilter, Page,
        PageRequest, Queries, QueueView, SeatMap, SessionView, TicketView,
    },
    read::{Missing, Read, Record},
    snapshot::{Changes, Earliest, Snapshot, Table, Write},
};
use crate::{audit::StreamId, clock::Timestamp, ids::BatchId};

/// Why a store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, or has no room; nothing was written.
    #[error("the store is unavailable: {detail}")]
    Unavailable {
        /// What it was doing.
        detail: String,
        /// What its driver said.
        #[source]
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
    /// The commit was sent and its reply lost: ask [`Store::outcome`].
    #[error("the outcome of the write is unknown: {detail}")]
    OutcomeUnknown {
        /// What is known.
        detail: String,
    },
    /// Somebody was faster, or a guard of the store refused a change; nothing was written.
    #[error("conflict: {detail}")]
    Conflict {
        /// Which key or guard.
        detail: String,
    },
    /// What it holds cannot be read as what it should be.
    #[error("the store is corrupt: {detail}")]
    Corrupt {
        /// Where, and how.
        detail: String,
    },
}

impl StoreError {
    /// Its kind in a word: a metric's label.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::Conflict { .. } => "conflict",
            Self::Corrupt { .. } => "corrupt",
        }
    }

    /// It cannot be reached or written: `detail` says what was tried.
    pub fn unavailable(detail: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Unavailable { detail: detail.into(), source: Some(Arc::new(source)) }
    }

    /// What was read makes no sense: `detail` says where.
    pub fn corrupt(detail: impl fmt::Display) -> Self {
        Self::Corrupt { detail: detail.to_string() }
    }
}

/// One atomic write: its name, what it locks, and what is known to be needed.
#[derive(Debug, Clone)]
pub struct BatchHeader {
    /// Its name; [`Store::outcome`] knows it afterwards.
    pub id: BatchId,
    /// The streams it locks, ascending, each once.
    pub locks: Vec<StreamId>,
    /// What to load first.
    pub reads: Vec<Read>,
}

/// What a decision came to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one per batch, and it is moved once")]
pub enum Decision {
    /// Write this. Empty changes need no commit.
    Commit(Changes),
    /// Load this too, and ask again.
    NeedMore(Vec<Read>),
}

/// A decision over a snapshot at an instant. Runs on whatever thread the store likes; may run again.
pub type Decide = Box<dyn FnMut(&mut Snapshot, Timestamp) -> Decision + Send>;

/// A batch was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The instant the last decision was told.
    pub at: Timestamp,
    /// How often it was asked.
    pub rounds: u32,
}

/// What became of a batch whose reply was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOutcome {
    /// All of it is there.
    Committed,
    /// None of it is, or ever will be.
    NotCommitted,
}

/// What survives what, once a write is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing survives the process.
    Process,
    /// Everything acknowledged survives the process, and nothing of it a crash of the server that has it in
    /// memory.
    Memory,
    /// Everything acknowledged survives the process; a crash of the store's server or its machine loses the last
    /// seconds.
    Seconds,
    /// Everything acknowledged survives a crash of the process and of the machine.
    Disk,
}

/// Most rounds a decision may take before its batch is refused as [`StoreError::Conflict`].
pub const ROUNDS_MAX: u32 = 32;

/// The only way to write.
pub trait Store: Send + Sync + fmt::Debug {
    /// Locks the streams of `batch`, loads its reads, takes the time, runs `decide` until it
    /// commits, and writes its changes.
    ///
    /// # Contract
    /// - Nobody sees part of the changes.
    /// - Everything loaded is the latest committed state, read behind the locks; the time is taken
    ///   after that.
    /// - `decide` may run again, after [`Decision::NeedMore`] and after a conflict, over a snapshot
    ///   without traces of the run before; only its last answer counts.
    /// - `Ok` means durable to the degree [`Store::durability`] states.
    /// - [`StoreError::OutcomeUnknown`]: ask [`Store::outcome`] with the batch's id. Every other
    ///   error means that nothing was written.
    ///
    /// Checked by `suite::{a_refused_change_undoes_its_whole_batch, racing_batches_see_each_other,
    /// need_more_reads_are_loaded_before_the_next_round, …}`.
    fn transact(&self, batch: BatchHeader, decide: Decide) -> BoxFuture<'_, Result<Receipt, StoreError>>;

    /// What became of a batch.
    ///
    /// # Contract
    /// Remembers at least the last 1,024 batches of every process that writes, those of the last ten minutes
    /// where it forgets by time. When it cannot be sure any more, it says that it is unavailable.
    ///
    /// Checked by `suite::a_committed_batch_is_remembered_and_another_is_not`.
    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>>;

    /// What survives what.
    fn durability(&self) -> Durability;

    /// Why it takes no writes before somebody has looked at it, as far as it said so when it was last asked for
    /// anything. A store that has no such state has nothing to say.
    fn refuses_writes(&self) -> Option<String> {
        None
    }

    /// How many batches it can usefully write at once; 0 counts as 1.
    ///
    /// With several, a stream is in one of them at a time, and a hot stream in one of its own: one
    /// that waits for its lock makes no other wait. A store whose every commit waits for the one
    /// before says 1, and is given all that waits in one batch.
    fn lanes(&self) -> usize;
}

/// Whether a store's tables are the ones this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaVersion {
    /// What the store has; 0 for an empty one.
    pub found: u32,
    /// What this program needs.
    pub needed: u32,
}

/// Keeps a store's tables.
pub trait Schema: Send + Sync {
    /// Brings the store to the version this program needs; does nothing when it is there.
    ///
    /// # Contract
    /// Safe when several processes start at once. Refuses a newer schema as
    /// [`StoreError::Corrupt`], untouched.
    fn migrate(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>>;

    /// What it has and what this program needs.
    fn version(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>>;
}

/// Everything the engine asks of a store.
pub trait Backend: Store + Queries + Schema {}

impl<T: Store + Queries + Schema> Backend for T {}
