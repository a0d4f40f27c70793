//! The names of the latest batches, so that one whose reply was lost can be looked up.
//!
//! Whoever looks up a name that is not there writes it down as not committed. If its batch is still on its
//! way, the two wait for each other at the name's row, and one of them finds the other's: the answer is final.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ticketing_core::{clock::Timestamp, ids::BatchId, store::BatchOutcome};

use super::{
    clock::steady,
    flight::{Query, params},
};

/// Names are forgotten after an hour: no batch is under way for longer than its timeouts, and whoever asks later
/// than [`TELLS_FOR`] is not answered.
const FORGET: &str = "DELETE FROM batches WHERE id IN (SELECT b.id FROM batches b \
     WHERE b.at < now() - interval '1 hour' ORDER BY b.at LIMIT 1024 FOR UPDATE SKIP LOCKED)";
const PUT: &str = "INSERT INTO batches (id, committed) VALUES ($1, true)";
const CLOSE: &str = "INSERT INTO batches (id, committed) VALUES ($1, false) ON CONFLICT (id) DO NOTHING";
const LOOK_UP: &str = "SELECT committed FROM batches WHERE id = $1";

const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);
/// How long after its commit was sent a batch's outcome is told. Far less than names are remembered: a process
/// that was stopped in between must not hear that its batch never was.
pub(super) const TELLS_FOR: Duration = Duration::from_secs(600);

/// Batches between two times that old names are forgotten.
const FORGET_EVERY: u64 = 512;

/// Batches whose commit was sent and not answered, and when it was sent.
#[derive(Debug, Default)]
pub(super) struct Unanswered(Mutex<HashMap<BatchId, Timestamp>>);

impl Unanswered {
    /// The commit of `batch` was sent at `sent`, by [`steady`].
    pub(super) fn note(&self, batch: BatchId, sent: Timestamp) {
        let mut sent_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent_at.retain(|_, sent| steady().since(*sent) < FORGOTTEN_AFTER);
        sent_at.insert(batch, sent);
    }

    /// Whether it is too late to ask what became of `batch`.
    pub(super) fn is_stale(&self, batch: BatchId) -> bool {
        let sent_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent_at.get(&batch).is_some_and(|sent| steady().since(*sent) > TELLS_FOR)
    }
}

/// Every statement, to be prepared.
pub(super) const WARM: [&str; 1] = [PUT];

#[cfg(test)]
pub(super) const STATEMENTS: [&str; 4] = [FORGET, PUT, CLOSE, LOOK_UP];

/// Writes a batch down within its own transaction, and now and then forgets old ones.
pub(super) fn put(id: BatchId, written: &AtomicU64) -> Vec<Query> {
    let mut queries = vec![Query::new(PUT, params![id.uuid()])];
    if written.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
        queries.push(Query::new(FORGET, params![]));
    }
    queries
}

/// Closes a name and looks it up.
pub(super) fn look_up(id: BatchId) -> Vec<Query> {
    vec![Query::new(CLOSE, params![id.uuid()]), Query::new(LOOK_UP, params![id.uuid()])]
}

/// What was found.
pub(super) fn outcome(committed: bool) -> BatchOutcome {
    if committed { BatchOutcome::Committed } else { BatchOutcome::NotCommitted }
}
