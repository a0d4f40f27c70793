//! One limit, for each of many.

use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use http::StatusCode;
use metrics::Counter;
use ticketing_store::redis::Share;

use crate::error::ApiError;

/// Most keys one limit remembers; while it is at that, new requests under it are refused.
const KEYS_MAX: usize = 1_000_000;

/// One limit; `None`: it is switched off.
#[derive(Debug)]
pub(super) struct Limit<K: Hash + Eq + Clone>(Option<Keyed<K>>);

#[derive(Debug)]
struct Keyed<K: Hash + Eq + Clone> {
    share: Share,
    limiter: DefaultKeyedRateLimiter<K>,
    full: AtomicBool,
    refused: Counter,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// So many per minute for each key, all at once if need be; 0 is no limit.
    pub(super) fn per_minute(name: &'static str, most: u32) -> Self {
        Self::new(name, most, Duration::from_secs(60), Quota::per_minute)
    }

    /// So many per second for each key, all at once if need be; 0 is no limit.
    pub(super) fn per_second(name: &'static str, most: u32) -> Self {
        Self::new(name, most, Duration::from_secs(1), Quota::per_second)
    }

    fn new(name: &'static str, most: u32, per: Duration, quota: impl FnOnce(NonZeroU32) -> Quota) -> Self {
        Self(NonZeroU32::new(most).map(|most| Keyed {
            share: Share { name, most: most.get(), per },
            limiter: RateLimiter::dashmap(quota(most)),
            full: AtomicBool::new(false),
            refused: metrics::counter!("http_rate_limited_total", "limit" => name),
        }))
    }

    /// One more for `key`.
    ///
    /// # Errors
    /// 429 `rate_limited`, with the time after which there is room again.
    pub(super) fn check(&self, key: &K) -> Result<(), ApiError> {
        let Some(keyed) = &self.0 else { return Ok(()) };
        if keyed.full.load(Ordering::Relaxed) {
            return Err(keyed.refuse(1));
        }
        keyed.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(keyed.limiter.clock().now());
            keyed.refuse(seconds(wait))
        })
    }

    /// The same limit, as nodes share it.
    pub(super) fn share(&self) -> Option<Share> {
        self.0.as_ref().map(|keyed| keyed.share)
    }

    /// What is told to whom there is no room for before `wait` is over.
    pub(super) fn exceeded(&self, wait: Duration) -> Result<(), ApiError> {
        self.0.as_ref().map_or(Ok(()), |keyed| Err(keyed.refuse(seconds(wait))))
    }

    /// Forgets whoever has not asked for a while.
    pub(super) fn clean(&self) {
        let Some(keyed) = &self.0 else { return };
        keyed.limiter.retain_recent();
        keyed.limiter.shrink_to_fit();
        keyed.full.store(keyed.limiter.len() >= KEYS_MAX, Ordering::Relaxed);
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |keyed| keyed.limiter.len())
    }
}

fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn refuse(&self, retry_after_seconds: u32) -> ApiError {
        self.refused.increment(1);
        let detail = "too many requests; slow down";
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(retry_after_seconds)
    }
}
