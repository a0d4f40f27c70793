//! The simulated time: one true clock, which the store goes by, and one of each node's own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ticketing_core::{
    clock::{Clock, Timestamp},
    testing::SimClock,
};
use tokio::time::Instant;

/// True time: tokio's paused clock, begun at [`SimClock::START`].
#[derive(Debug, Clone)]
pub struct TrueClock {
    begun: Instant,
}

impl TrueClock {
    /// A clock that begins now. Must be made inside the simulation's runtime.
    pub fn begin() -> Self {
        Self { begun: Instant::now() }
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(self.begun)
    }
}

impl Clock for TrueClock {
    fn now(&self) -> Timestamp {
        SimClock::START.plus(self.elapsed())
    }
}

/// A node's own clock: off by something, and stepped forward now and then.
#[derive(Debug, Clone)]
pub struct NodeClock {
    truth: TrueClock,
    off_by_micros: Arc<AtomicI64>,
}

impl NodeClock {
    /// A clock that is `off_by_millis` ahead of `truth`, or behind it.
    pub fn new(truth: TrueClock, off_by_millis: i64) -> Self {
        Self { truth, off_by_micros: Arc::new(AtomicI64::new(off_by_millis * 1_000)) }
    }

    /// Steps it forward.
    pub fn jump(&self, millis: i64) {
        self.off_by_micros.fetch_add(millis * 1_000, Ordering::Relaxed);
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        let off_by = self.off_by_micros.load(Ordering::Relaxed);
        Timestamp::from_micros(self.truth.now().micros() + off_by)
    }
}
