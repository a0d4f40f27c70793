use serde::{Deserialize, Serialize};
use ticketing_core::hold::HoldChurn;

/// How often who may ask. 0 is no limit.
///
/// Each stage of a purchase has limits of its own, per user and per address, within those on requests
/// as a whole. Theirs are wide: they are there to be narrowed.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Tries to log in to one account.
    pub login_per_account_per_minute: u32,
    /// Tries to log in from one address.
    pub login_per_address_per_minute: u32,
    /// Refresh tokens from one address.
    pub refresh_per_address_per_minute: u32,
    /// Tries to sign up with one e-mail address.
    pub signup_per_account_per_minute: u32,
    /// New accounts from one address.
    pub signup_per_address_per_minute: u32,
    /// Requests of one user.
    pub requests_per_user_per_second: u32,
    /// Requests from one address.
    pub requests_per_address_per_second: u32,
    /// Joins, polls and leaves of one user.
    pub queue_per_user_per_second: u32,
    /// Joins, polls and leaves from one address.
    pub queue_per_address_per_second: u32,
    /// Holds placed and released by one user.
    pub hold_per_user_per_second: u32,
    /// Holds placed and released from one address.
    pub hold_per_address_per_second: u32,
    /// Checkouts of one user.
    pub checkout_per_user_per_second: u32,
    /// Checkouts from one address.
    pub checkout_per_address_per_second: u32,
    /// Callbacks from one address.
    pub callback_per_address_per_second: u32,
    /// Holds of one user in one session that may be given up or expire within the window below, before
    /// the next has to wait.
    pub hold_churn_max: u32,
    /// The window, in seconds.
    pub hold_churn_window_seconds: u32,
}

impl LimitsConfig {
    const HOLD_CHURN_WINDOW_SECONDS: u32 = 600;

    /// When a user's holds cool down; `None`: never.
    pub fn hold_churn(&self) -> Option<HoldChurn> {
        let within_seconds = self.hold_churn_window_seconds;
        (self.hold_churn_max > 0).then_some(HoldChurn { ended_max: self.hold_churn_max, within_seconds })
    }

    /// No limits at all.
    pub const fn none() -> Self {
        Self {
            login_per_account_per_minute: 0,
            login_per_address_per_minute: 0,
            refresh_per_address_per_minute: 0,
            signup_per_account_per_minute: 0,
            signup_per_address_per_minute: 0,
            requests_per_user_per_second: 0,
            requests_per_address_per_second: 0,
            queue_per_user_per_second: 0,
            queue_per_address_per_second: 0,
            hold_per_user_per_second: 0,
            hold_per_address_per_second: 0,
            checkout_per_user_per_second: 0,
            checkout_per_address_per_second: 0,
            callback_per_address_per_second: 0,
            hold_churn_max: 0,
            hold_churn_window_seconds: Self::HOLD_CHURN_WINDOW_SECONDS,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            login_per_account_per_minute: 10,
            login_per_address_per_minute: 100,
            refresh_per_address_per_minute: 1_000,
            signup_per_account_per_minute: 100,
            signup_per_address_per_minute: 60,
            requests_per_user_per_second: 50,
            requests_per_address_per_second: 1_000,
            queue_per_user_per_second: 1_000,
            hold_per_user_per_second: 1_000,
            checkout_per_user_per_second: 1_000,
            hold_churn_max: 50,
            // A gateway, or everybody behind one proxy, may be a single address.
            ..Self::none()
        }
    }
}
