//! Identifiers that a seed repeats.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::{clock::Timestamp, ids::IdGen};

/// UUIDv7 out of a seed: the same seed and the same instants give the same ids, always ascending.
/// Two seeds give different ids.
#[derive(Debug)]
pub struct SeededIds {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    millis: u64,
    counter: u32,
}

impl SeededIds {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(State { random: fastrand::Rng::with_seed(seed), millis: 0, counter: 0 }) }
    }
}

impl IdGen for SeededIds {
    fn uuid(&self, at: Timestamp) -> Uuid {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Time, then a counter, then random bits: ascending even if two callers disagree about time.
        state.millis = state.millis.max(u64::try_from(at.micros() / 1_000).unwrap_or(0));
        state.counter += 1;
        let counter = u128::from(state.counter);
        let random = u128::from(state.random.u64(..) >> 22);
        let bits = (u128::from(state.millis) << 80)
            | (7 << 76)
            | ((counter >> 20) << 64)
            | (0b10 << 62)
            | ((counter & 0xf_ffff) << 42)
            | random;
        Uuid::from_u128(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SimClock;

    fn stream(seed: u64) -> Vec<Uuid> {
        let ids = SeededIds::new(seed);
        (0..100).map(|n| ids.uuid(SimClock::START.plus_seconds(n / 10))).collect()
    }

    #[test]
    fn a_seed_repeats_its_ids_and_another_does_not() {
        assert_eq!(stream(1), stream(1));
        assert!(stream(1).iter().all(|id| !stream(2).contains(id)));
    }

    #[test]
    fn seeded_ids_ascend_and_are_version_seven() {
        let ids = stream(3);
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
    }
}
