//! How often who may ask.

mod limit;
mod shared;
mod stage;

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
};

use sha2::{Digest, Sha256};
use ticketing_core::{ids::UserId, user::Email};
use ticketing_store::redis::{RedisLimits, Share};

pub(crate) use self::stage::Stage;
use self::{
    limit::Limit,
    shared::{Shared, of_address},
};
use crate::{config::LimitsConfig, error::ApiError};

/// The limits of one server.
#[derive(Debug)]
pub struct Limits {
    login_per_account: Limit<Email>,
    login_per_address: Limit<IpAddr>,
    refresh_per_address: Limit<IpAddr>,
    signup_per_account: Limit<Email>,
    signup_per_address: Limit<IpAddr>,
    requests_per_user: Limit<UserId>,
    requests_per_address: Limit<IpAddr>,
    queue: PerUserAndAddress,
    hold: PerUserAndAddress,
    checkout: PerUserAndAddress,
    callback_per_address: Limit<IpAddr>,
    /// Where all nodes count together.
    shared: Option<Shared>,
}

/// The limits of one stage.
#[derive(Debug)]
struct PerUserAndAddress {
    user: Limit<UserId>,
    address: Limit<IpAddr>,
}

impl Limits {
    /// Limits as configured.
    pub fn new(config: &LimitsConfig) -> Self {
        let stage = |user_name, user, address_name, address| PerUserAndAddress {
            user: Limit::per_second(user_name, user),
            address: Limit::per_second(address_name, address),
        };
        let (queue, hold) = (config.queue_per_user_per_second, config.hold_per_user_per_second);
        let (queue_address, hold_address) = (config.queue_per_address_per_second, config.hold_per_address_per_second);
        let (checkout, checkout_address) =
            (config.checkout_per_user_per_second, config.checkout_per_address_per_second);
        Self {
            login_per_account: Limit::per_minute("login_per_account", config.login_per_account_per_minute),
            login_per_address: Limit::per_minute("login_per_address", config.login_per_address_per_minute),
            refresh_per_address: Limit::per_minute("refresh_per_address", config.refresh_per_address_per_minute),
            signup_per_account: Limit::per_minute("signup_per_account", config.signup_per_account_per_minute),
            signup_per_address: Limit::per_minute("signup_per_address", config.signup_per_address_per_minute),
            requests_per_user: Limit::per_second("requests_per_user", config.requests_per_user_per_second),
            requests_per_address: Limit::per_second("requests_per_address", config.requests_per_address_per_second),
            queue: stage("queue_per_user", queue, "queue_per_address", queue_address),
            hold: stage("hold_per_user", hold, "hold_per_address", hold_address),
            checkout: stage("checkout_per_user", checkout, "checkout_per_address", checkout_address),
            callback_per_address: Limit::per_second("callback_per_address", config.callback_per_address_per_second),
            shared: None,
        }
    }

    /// The same limits, counted together with all who count in `shared`. A node's own still refuse what is too much
    /// for it alone, without asking anybody.
    #[must_use]
    pub fn shared_in(mut self, shared: RedisLimits) -> Self {
        self.shared = Some(Shared::new(shared));
        self
    }

    /// A try to log in; without an account when what was typed cannot be one's address.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub async fn login(&self, account: Option<&Email>, address: IpAddr) -> Result<(), ApiError> {
        self.login_per_address.check(&network(address))?;
        account.map_or(Ok(()), |account| self.login_per_account.check(account))?;
        self.together(Some(of_address(network(address))), &[&self.login_per_address]).await?;
        self.together(account.map(of_account), &[&self.login_per_account]).await
    }

    /// A refresh token to be exchanged.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub async fn refresh(&self, address: IpAddr) -> Result<(), ApiError> {
        self.refresh_per_address.check(&network(address))?;
        self.together(Some(of_address(network(address))), &[&self.refresh_per_address]).await
    }

    /// A try to sign up.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub async fn signup(&self, account: &Email, address: IpAddr) -> Result<(), ApiError> {
        self.signup_per_address.check(&network(address))?;
        self.signup_per_account.check(account)?;
        self.together(Some(of_address(network(address))), &[&self.signup_per_address]).await?;
        self.together(Some(of_account(account)), &[&self.signup_per_account]).await
    }

    /// Any request, in its stage if it has one; without an address when it is one of those that its
    /// sender may send at any rate.
    ///
    /// A gateway sends from one address however many buyers there are, and is told apart by its
    /// signature: callbacks have no limit but their own.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub(crate) fn request(
        &self,
        stage: Option<Stage>,
        user: Option<UserId>,
        address: Option<IpAddr>,
    ) -> Result<(), ApiError> {
        let network = address.map(network);
        if stage == Some(Stage::Callback) {
            return check(&self.callback_per_address, network);
        }
        check(&self.requests_per_address, network)?;
        check(&self.requests_per_user, user)?;
        let Some(stage) = self.of_stage(stage) else { return Ok(()) };
        check(&stage.address, network)?;
        check(&stage.user, user)
    }

    /// The same request, among those at all nodes.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub(crate) async fn request_among_all(
        &self,
        stage: Option<Stage>,
        user: Option<UserId>,
        address: Option<IpAddr>,
    ) -> Result<(), ApiError> {
        if self.shared.is_none() {
            return Ok(());
        }
        let address = address.map(|address| of_address(network(address)));
        if stage == Some(Stage::Callback) {
            return self.together(address, &[&self.callback_per_address]).await;
        }
        let stage = self.of_stage(stage);
        let by_address: Vec<_> =
            [&self.requests_per_address].into_iter().chain(stage.map(|stage| &stage.address)).collect();
        let by_user: Vec<_> = [&self.requests_per_user].into_iter().chain(stage.map(|stage| &stage.user)).collect();
        self.together(address, &by_address).await?;
        self.together(user.map(|user| user.to_string()), &by_user).await
    }

    fn of_stage(&self, stage: Option<Stage>) -> Option<&PerUserAndAddress> {
        match stage {
            Some(Stage::Queue) => Some(&self.queue),
            Some(Stage::Hold) => Some(&self.hold),
            Some(Stage::Checkout) => Some(&self.checkout),
            Some(Stage::Callback) | None => None,
        }
    }

    /// One more for `subject` under each of `limits`, among all nodes.
    async fn together<K>(&self, subject: Option<String>, limits: &[&Limit<K>]) -> Result<(), ApiError>
    where
        K: Hash + Eq + Clone,
    {
        let (Some(shared), Some(subject)) = (&self.shared, subject) else { return Ok(()) };
        let (limits, shares): (Vec<&Limit<K>>, Vec<Share>) =
            limits.iter().filter_map(|limit| Some((*limit, limit.share()?))).unzip();
        match shared.take(&subject, &shares).await {
            None => Ok(()),
            Some(exceeded) => limits.get(exceeded.index).map_or(Ok(()), |limit| limit.exceeded(exceeded.wait)),
        }
    }

    /// Forgets whoever has not asked for a while.
    pub fn clean(&self) {
        let accounts = [&self.login_per_account, &self.signup_per_account];
        let users = [&self.requests_per_user, &self.queue.user, &self.hold.user, &self.checkout.user];
        let addresses = [
            &self.login_per_address,
            &self.refresh_per_address,
            &self.signup_per_address,
            &self.requests_per_address,
            &self.queue.address,
            &self.hold.address,
            &self.checkout.address,
            &self.callback_per_address,
        ];
        accounts.into_iter().for_each(Limit::clean);
        users.into_iter().for_each(Limit::clean);
        addresses.into_iter().for_each(Limit::clean);
    }
}

fn check<K: Hash + Eq + Clone>(limit: &Limit<K>, key: Option<K>) -> Result<(), ApiError> {
    key.map_or(Ok(()), |key| limit.check(&key))
}

/// The name of an account among subjects: its address is nobody else's business.
fn of_account(account: &Email) -> String {
    let digest = Sha256::digest(account.as_str().as_bytes());
    format!("account:{:x}", u128::from_be_bytes(*digest.first_chunk().expect("a digest has 32 bytes")))
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
    use http::StatusCode;

    use super::*;

    fn only(change: impl FnOnce(&mut LimitsConfig)) -> Limits {
        let mut config = LimitsConfig::none();
        change(&mut config);
        Limits::new(&config)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn one_try_too_many_is_told_when_to_come_back() {
        let limits = only(|config| config.login_per_account_per_minute = 2);
        let (a, b): (Email, Email) = ("a@example.com".parse().unwrap(), "b@example.com".parse().unwrap());
        assert!(limits.login(Some(&a), address("192.0.2.1")).await.is_ok());
        assert!(limits.login(Some(&a), address("192.0.2.2")).await.is_ok());
        let refused = limits.login(Some(&a), address("192.0.2.3")).await.unwrap_err();
        assert_eq!((refused.status(), refused.reason()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
        assert!(limits.login(Some(&b), address("192.0.2.1")).await.is_ok());
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let limits = only(|_| ());
        assert!((0..10_000).all(|_| limits.request(None, None, Some(address("192.0.2.1"))).is_ok()));
    }

    #[tokio::test]
    async fn addresses_of_one_subscriber_count_together() {
        let limits = only(|config| config.signup_per_address_per_minute = 1);
        let account: Email = "a@example.com".parse().unwrap();
        let signup = |from: &str| limits.signup(&account, address(from));
        assert!(signup("2001:db8::1").await.is_ok());
        assert!(signup("2001:db8::2").await.is_err());
        assert!(signup("2001:db8:0:1::1").await.is_ok());
        assert!(signup("192.0.2.1").await.is_ok());
        assert!(signup("::ffff:192.0.2.1").await.is_err());
    }

    #[test]
    fn whoever_has_not_asked_for_a_while_is_forgotten() {
        let limits = only(|config| config.requests_per_address_per_second = 1_000_000_000);
        limits.request(None, None, Some(address("192.0.2.1"))).unwrap();
        let known = || limits.requests_per_address.len();
        assert_eq!(known(), 1);
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
        while known() > 0 {
            limits.clean();
            assert!(tokio::time::Instant::now() < deadline, "still remembered");
        }
    }

    #[test]
    fn each_stage_has_a_limit_of_its_own_per_user_and_per_address() {
        let user = || Some(UserId::from_uuid(uuid::Uuid::from_u128(1)));
        let from = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let (queue, hold, checkout) = (Some(Stage::Queue), Some(Stage::Hold), Some(Stage::Checkout));
        let limits = only(|config| {
            config.hold_per_user_per_second = 1;
            config.queue_per_address_per_second = 1;
        });
        assert!(limits.request(hold, user(), from(1)).is_ok());
        assert!(limits.request(hold, user(), from(2)).is_err());
        assert!(limits.request(checkout, user(), from(1)).is_ok());
        assert!(limits.request(queue, user(), from(1)).is_ok());
        assert!(limits.request(queue, None, from(1)).is_err());
        assert!(limits.request(queue, user(), from(2)).is_ok());
        assert!(limits.request(None, user(), from(1)).is_ok());
    }

    #[test]
    fn callbacks_have_no_limit_but_their_own() {
        let (gateway, callback) = (Some(address("192.0.2.1")), Some(Stage::Callback));
        let limits = only(|config| config.requests_per_address_per_second = 1);
        assert!((0..100).all(|_| limits.request(callback, None, gateway).is_ok()));
        let limits = only(|config| config.callback_per_address_per_second = 1);
        assert!(limits.request(callback, None, gateway).is_ok());
        assert!(limits.request(callback, None, gateway).is_err());
    }
}
