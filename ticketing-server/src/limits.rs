//! How often who may ask.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use http::StatusCode;
use ticketing_core::{ids::UserId, user::Email};

use crate::{config::LimitsConfig, error::ApiError};

/// Most keys one limit remembers; while it is at that, new requests under it are refused.
const KEYS_MAX: usize = 1_000_000;

/// The limits of one server.
#[derive(Debug)]
pub struct Limits {
    login_per_account: Limit<Email>,
    login_per_address: Limit<IpAddr>,
    signup_per_address: Limit<IpAddr>,
    requests_per_user: Limit<UserId>,
    requests_per_address: Limit<IpAddr>,
}

impl Limits {
    /// Limits as configured.
    pub fn new(config: &LimitsConfig) -> Self {
        Self {
            login_per_account: Limit::new(config.login_per_account_per_minute, Quota::per_minute),
            login_per_address: Limit::new(config.login_per_address_per_minute, Quota::per_minute),
            signup_per_address: Limit::new(config.signup_per_address_per_minute, Quota::per_minute),
            requests_per_user: Limit::new(config.requests_per_user_per_second, Quota::per_second),
            requests_per_address: Limit::new(config.requests_per_address_per_second, Quota::per_second),
        }
    }

    /// A try to log in; without an account when what was typed cannot be one's address.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub fn login(&self, account: Option<&Email>, address: IpAddr) -> Result<(), ApiError> {
        self.login_per_address.check(&network(address))?;
        account.map_or(Ok(()), |account| self.login_per_account.check(account))
    }

    /// A try to sign up.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub fn signup(&self, address: IpAddr) -> Result<(), ApiError> {
        self.signup_per_address.check(&network(address))
    }

    /// Any request; without an address when it is one of those that its sender may send at any rate.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub fn request(&self, user: Option<UserId>, address: Option<IpAddr>) -> Result<(), ApiError> {
        address.map_or(Ok(()), |address| self.requests_per_address.check(&network(address)))?;
        user.map_or(Ok(()), |user| self.requests_per_user.check(&user))
    }

    /// Forgets whoever has not asked for a while.
    pub fn clean(&self) {
        self.login_per_account.clean();
        self.login_per_address.clean();
        self.signup_per_address.clean();
        self.requests_per_user.clean();
        self.requests_per_address.clean();
    }
}

/// One limit; `None`: it is switched off.
#[derive(Debug)]
struct Limit<K: Hash + Eq + Clone>(Option<Keyed<K>>);

#[derive(Debug)]
struct Keyed<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    full: AtomicBool,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(most: u32, quota: impl FnOnce(NonZeroU32) -> Quota) -> Self {
        let keyed = |most| Keyed { limiter: RateLimiter::dashmap(quota(most)), full: AtomicBool::new(false) };
        Self(NonZeroU32::new(most).map(keyed))
    }

    fn check(&self, key: &K) -> Result<(), ApiError> {
        let Some(keyed) = &self.0 else { return Ok(()) };
        if keyed.full.load(Ordering::Relaxed) {
            return Err(rate_limited(1));
        }
        keyed.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(keyed.limiter.clock().now());
            rate_limited(u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1))
        })
    }

    fn clean(&self) {
        let Some(keyed) = &self.0 else { return };
        keyed.limiter.retain_recent();
        keyed.limiter.shrink_to_fit();
        keyed.full.store(keyed.limiter.len() >= KEYS_MAX, Ordering::Relaxed);
    }
}

fn rate_limited(retry_after_seconds: u32) -> ApiError {
    let detail = "too many requests; slow down";
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(retry_after_seconds)
}

/// What counts as one address: an IPv6 subscriber has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(change: impl FnOnce(&mut LimitsConfig)) -> Limits {
        let mut config = LimitsConfig {
            login_per_account_per_minute: 0,
            login_per_address_per_minute: 0,
            signup_per_address_per_minute: 0,
            requests_per_user_per_second: 0,
            requests_per_address_per_second: 0,
        };
        change(&mut config);
        Limits::new(&config)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_try_too_many_is_told_when_to_come_back() {
        let limits = only(|config| config.login_per_account_per_minute = 2);
        let (a, b): (Email, Email) = ("a@example.com".parse().unwrap(), "b@example.com".parse().unwrap());
        assert!(limits.login(Some(&a), address("192.0.2.1")).is_ok());
        assert!(limits.login(Some(&a), address("192.0.2.2")).is_ok());
        let refused = limits.login(Some(&a), address("192.0.2.3")).unwrap_err();
        assert_eq!((refused.status(), refused.reason()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
        assert!(limits.login(Some(&b), address("192.0.2.1")).is_ok());
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let limits = only(|_| ());
        assert!((0..10_000).all(|_| limits.request(None, Some(address("192.0.2.1"))).is_ok()));
    }

    #[test]
    fn addresses_of_one_subscriber_count_together() {
        let limits = only(|config| config.signup_per_address_per_minute = 1);
        assert!(limits.signup(address("2001:db8::1")).is_ok());
        assert!(limits.signup(address("2001:db8::2")).is_err());
        assert!(limits.signup(address("2001:db8:0:1::1")).is_ok());
        assert!(limits.signup(address("192.0.2.1")).is_ok());
        assert!(limits.signup(address("::ffff:192.0.2.1")).is_err());
    }

    #[test]
    fn whoever_has_not_asked_for_a_while_is_forgotten() {
        let limits = only(|config| config.requests_per_address_per_second = 1_000_000_000);
        limits.request(None, Some(address("192.0.2.1"))).unwrap();
        let known = || limits.requests_per_address.0.as_ref().map_or(0, |keyed| keyed.limiter.len());
        assert_eq!(known(), 1);
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
        while known() > 0 {
            limits.clean();
            assert!(tokio::time::Instant::now() < deadline, "still remembered");
        }
    }
}
