//! Turns within one process.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};

use crate::audit::StreamId;

/// How many streams can be written at once, at most.
const SLOTS: usize = 64;

/// Lets the writers of one stream wait for each other, in order of arrival, so that those of one
/// process never decide in vain. Correctness does not rest on it: other processes take no turns here.
#[derive(Debug)]
pub(super) struct Turns {
    slots: Vec<Mutex<()>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Mutex::new(())).collect() }
    }

    /// Waits for the turn of every one of `streams`; it ends when the guards are dropped.
    pub(super) async fn take(&self, streams: &[StreamId]) -> Vec<MutexGuard<'_, ()>> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let mut slots: Vec<usize> =
            streams.iter().map(|stream| (hasher.hash_one(stream) % SLOTS as u64) as usize).collect();
        // Ascending and each once, or two writers could wait for each other or for themselves.
        slots.sort_unstable();
        slots.dedup();
        let mut guards = Vec::with_capacity(slots.len());
        for slot in slots {
            guards.push(self.slots[slot].lock().await);
        }
        guards
    }
}
