//! A clock that stands still.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::clock::{Clock, Timestamp};

/// A clock that is moved by hand and never by itself.
#[derive(Debug)]
pub struct SimClock {
    micros: AtomicI64,
}

impl SimClock {
    /// 2026-01-01T00:00:00Z.
    pub const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    /// A clock at [`SimClock::START`].
    pub const fn new() -> Self {
        Self::at(Self::START)
    }

    /// A clock at `start`.
    pub const fn at(start: Timestamp) -> Self {
        Self { micros: AtomicI64::new(start.micros()) }
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a test moves its clock by less than 292,000 years");
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// Moves it on to `to`.
    ///
    /// # Panics
    /// When that is in its past: a [`Clock`] never goes back.
    #[track_caller]
    pub fn set(&self, to: Timestamp) {
        let before = self.micros.swap(to.micros(), Ordering::SeqCst);
        assert!(before <= to.micros(), "a clock at {} cannot go back to {to}", Timestamp::from_micros(before));
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

/// The same time for an engine that is to believe nothing it has been shown: each look is seconds after the last.
#[derive(Debug)]
pub(super) struct Forgetful {
    clock: Arc<SimClock>,
    looks: AtomicI64,
}

impl Forgetful {
    pub(super) fn new(clock: &Arc<SimClock>) -> Self {
        Self { clock: Arc::clone(clock), looks: AtomicI64::new(0) }
    }
}

impl Clock for Forgetful {
    fn now(&self) -> Timestamp {
        const APART: i64 = 2_000_000;
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_micros(self.clock.now().micros() + look * APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_by_hand_only() {
        let clock = SimClock::new();
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_micros(1));
        assert_eq!(clock.now().since(SimClock::START), Duration::from_micros(1));
        clock.set(SimClock::START.plus_seconds(5));
        assert_eq!(clock.now(), SimClock::START.plus_seconds(5));
    }

    #[test]
    #[should_panic(expected = "cannot go back")]
    fn the_clock_does_not_go_back() {
        SimClock::new().set(SimClock::START.minus_seconds(1));
    }
}
