use serde::{Deserialize, Serialize};

/// How many requests of each class are worked on at once; more of it are refused at once.
///
/// Each class has room of its own, so that a rush of one leaves the others theirs.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConcurrencyConfig {
    /// The gateway's callbacks.
    pub callback_max: usize,
    /// Reads: places in the queue, holds, payments, orders, tickets, the catalogue.
    pub read_max: usize,
    /// What goes on with a hold or gives something back: checkouts, releases, leaves, redemptions.
    pub checkout_max: usize,
    /// New holds.
    pub hold_max: usize,
    /// New places in waiting rooms.
    pub queue_max: usize,
    /// Health and readiness.
    pub probe_max: usize,
    /// Metrics: each answer is some work.
    pub metrics_max: usize,
    /// Streams of places in the queue: each takes its place for as long as it goes on.
    pub stream_max: usize,
    /// Everything else: accounts, administration, the sandbox gateway's pages.
    pub other_max: usize,
    /// Refusals for want of room that are answered each second, over all classes; what is beyond that waits for its
    /// refusal, a second at most. 0: all are answered at once.
    pub refusals_per_second: u32,
}

impl ConcurrencyConfig {
    /// The most that any of them may be.
    pub const MAX: usize = 1_000_000;

    /// Each by its key.
    pub(super) fn by_key(&self) -> [(&'static str, usize); 9] {
        [
            ("concurrency.callback_max", self.callback_max),
            ("concurrency.read_max", self.read_max),
            ("concurrency.checkout_max", self.checkout_max),
            ("concurrency.hold_max", self.hold_max),
            ("concurrency.queue_max", self.queue_max),
            ("concurrency.probe_max", self.probe_max),
            ("concurrency.metrics_max", self.metrics_max),
            ("concurrency.stream_max", self.stream_max),
            ("concurrency.other_max", self.other_max),
        ]
    }
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self {
            callback_max: 4_096,
            read_max: 4_096,
            checkout_max: 4_096,
            hold_max: 4_096,
            queue_max: 4_096,
            probe_max: 256,
            metrics_max: 16,
            stream_max: 5_000,
            other_max: 1_024,
            refusals_per_second: 2_000,
        }
    }
}
