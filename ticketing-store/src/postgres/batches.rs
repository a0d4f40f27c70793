//! The names of the latest batches, so that one whose reply was lost can be looked up.
//!
//! Whoever looks up a name that is not there writes it down as not committed. If its batch is still on its
//! way, the two wait for each other at the name's row, and one of them finds the other's: the answer is final.

use std::sync::atomic::{AtomicU64, Ordering};

use ticketing_core::{ids::BatchId, store::BatchOutcome};

use super::flight::{Query, params};

/// Names are forgotten after an hour: no batch is under way for longer than its timeouts, and whoever asks later
/// than [`TELLS_FOR`](crate::unanswered::TELLS_FOR) is not answered. The latest are kept whatever their age: a clock
/// may jump.
pub(super) const FORGET: &str = "DELETE FROM batches WHERE id IN (SELECT b.id FROM batches b \
     WHERE b.at < now() - interval '1 hour' \
     AND b.at < (SELECT latest.at FROM batches latest ORDER BY latest.at DESC OFFSET 8192 LIMIT 1) \
     ORDER BY b.at LIMIT 1024 FOR UPDATE SKIP LOCKED)";
const PUT: &str = "INSERT INTO batches (id, committed) VALUES ($1, true)";
const CLOSE: &str = "INSERT INTO batches (id, committed) VALUES ($1, false) ON CONFLICT (id) DO NOTHING";
const LOOK_UP: &str = "SELECT committed FROM batches WHERE id = $1";

/// Batches between two times that old names are forgotten.
const FORGET_EVERY: u64 = 512;

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
