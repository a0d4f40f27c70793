//! Batches whose names are to be asked for before they are forgotten.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ticketing_core::{clock::Timestamp, ids::BatchId};

use crate::clock::steady;

const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);
/// How long after its commit was sent a batch's outcome is told. Far less than names are remembered: a process
/// that was stopped in between must not hear that its batch never was.
pub(crate) const TELLS_FOR: Duration = Duration::from_secs(600);

/// Batches whose commit was sent and not answered, and when it was sent.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(Mutex<HashMap<BatchId, Timestamp>>);

impl Unanswered {
    /// The commit of `batch` was sent at `sent`, by [`steady`].
    pub(crate) fn note(&self, batch: BatchId, sent: Timestamp) {
        let mut sent_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent_at.retain(|_, sent| steady().since(*sent) < FORGOTTEN_AFTER);
        sent_at.insert(batch, sent);
    }

    /// Whether it is too late to ask what became of `batch`.
    pub(crate) fn is_stale(&self, batch: BatchId) -> bool {
        let sent_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent_at.get(&batch).is_some_and(|sent| steady().since(*sent) > TELLS_FOR)
    }
}
