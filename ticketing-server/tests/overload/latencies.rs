use std::time::Duration;

/// How long things took.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    pub fn note(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn add(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The one that so many of a hundred do not exceed; nothing took no time.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        Duration::from_micros(sorted.get(rank).copied().unwrap_or_default().into())
    }
}

#[test]
fn a_percentile_is_one_that_was_measured() {
    let mut latencies = Latencies::default();
    assert_eq!(latencies.percentile(95), Duration::ZERO);
    (1..=100).rev().for_each(|millis| latencies.note(Duration::from_millis(millis)));
    assert_eq!(latencies.percentile(95), Duration::from_millis(95));
    assert_eq!(latencies.percentile(0), Duration::from_millis(1));
}
