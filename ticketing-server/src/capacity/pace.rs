//! How fast it is refused: whoever comes again as soon as they are refused must not cost the others their room.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Longest time that somebody waits to be refused: as long as the refusal then asks them to wait.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Refusals of so much time may be answered together.
const BURST: Duration = Duration::from_millis(100);

/// Gives refusals their time, by the generic cell rate algorithm.
#[derive(Debug)]
pub(super) struct Pace {
    /// Time between two refusals; `None`: no pace is kept.
    every: Option<Duration>,
    /// When the next refusal has its turn.
    next: Mutex<Instant>,
}

impl Pace {
    /// So many refusals each second; 0: any number.
    pub(super) fn new(per_second: u32) -> Self {
        let every = (per_second > 0).then(|| Duration::from_secs(1) / per_second);
        Self { every, next: Mutex::new(Instant::now()) }
    }

    /// How long a refusal that is due now has to wait.
    pub(super) fn wait(&self) -> Duration {
        let Some(every) = self.every else { return Duration::ZERO };
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(now);
        let wait = turn.duration_since(now).saturating_sub(BURST);
        if wait >= WAIT_MAX {
            return WAIT_MAX;
        }
        *next = turn + every;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(pace: &Pace, count: usize) -> Vec<u64> {
        (0..count).map(|_| pace.wait().as_millis() as u64).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_quick_until_there_are_too_many_and_none_waits_for_more_than_a_second() {
        let pace = Pace::new(20);
        assert_eq!(waits(&pace, 5), [0, 0, 0, 50, 100]);
        assert_eq!(waits(&pace, 40).last(), Some(&1_000));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(waits(&pace, 4), [0, 0, 0, 50]);
        assert_eq!(waits(&Pace::new(0), 1_000), vec![0; 1_000]);
    }
}
