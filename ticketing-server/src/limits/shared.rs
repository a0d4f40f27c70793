//! Limits that the nodes of one shop count together.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ticketing_store::redis::{Exceeded, RedisLimits, Share};
use tokio::time::{Instant, timeout};

/// How long an answer may take: nobody waits longer for a limit.
const ANSWERED_WITHIN: Duration = Duration::from_millis(100);
/// How long nobody asks after one that did not come.
const LEFT_ALONE_FOR: Duration = Duration::from_secs(1);

/// What all nodes count in one place. While that is away, each node's own limits are all there are.
#[derive(Debug)]
pub(super) struct Shared {
    limits: RedisLimits,
    /// Since when it is away, and until when it is not asked.
    away: Mutex<Option<Instant>>,
}

impl Shared {
    pub(super) fn new(limits: RedisLimits) -> Self {
        Self { limits, away: Mutex::new(None) }
    }

    /// One more for `subject` under each of `shares`; what is exceeded, if anything is.
    pub(super) async fn take(&self, subject: &str, shares: &[Share]) -> Option<Exceeded> {
        if shares.is_empty() || self.is_left_alone() {
            return None;
        }
        let failed: Box<dyn std::error::Error + Send + Sync> =
            match timeout(ANSWERED_WITHIN, self.limits.take(subject, shares)).await {
                Ok(Ok(answer)) => {
                    if self.set_away(None) {
                        tracing::info!("limits are shared between nodes again");
                    }
                    return answer;
                }
                Ok(Err(error)) => error.into(),
                Err(slow) => slow.into(),
            };
        if !self.set_away(Some(Instant::now() + LEFT_ALONE_FOR)) {
            tracing::warn!(error = %failed, "limits are each node's own until Redis answers again");
        }
        None
    }

    fn is_left_alone(&self) -> bool {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// Tells whether it was away before.
    fn set_away(&self, until: Option<Instant>) -> bool {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *away, until).is_some()
    }
}

/// The name of an address, or of a network, among subjects.
pub(super) fn of_address(address: IpAddr) -> String {
    format!("address:{address}")
}
