//! What the sandbox does besides what is asked of it: everything that gateways are known to do to a shop.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use ticketing_core::{money::Money, payment::CallbackStatus};

/// How the sandbox behaves where nobody says otherwise. Percentages are of payments, or of calls.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlayConfig {
    /// Callbacks leave so much later, in milliseconds; up to an hour.
    pub callback_delay_ms: u64,
    /// Every callback is delivered so often, 1 to 100.
    pub callback_copies: u32,
    /// Payments that are declined although the buyer pays.
    pub decline_percent: u32,
    /// Payments whose SUCCESS is followed by the FAIL of an earlier try.
    pub reorder_percent: u32,
    /// Payments that are charged, and no callback tells so: only reconciliation does.
    pub silent_percent: u32,
    /// Calls to open a payment that are done, and the reply is lost.
    pub open_lost_percent: u32,
    /// Refunds that are made, and the reply is lost.
    pub refund_lost_percent: u32,
    /// Refunds that find the gateway away; nothing is done.
    pub refund_away_percent: u32,
    /// Where the draws start: the same one, the same draws.
    pub seed: u64,
}

impl PlayConfig {
    /// Longest delay: an hour.
    pub const DELAY_MS_MAX: u64 = 3_600_000;
    /// Most copies.
    pub const COPIES_MAX: u32 = 100;

    /// Its percentages, by their keys.
    pub fn percentages(&self) -> [(&'static str, u32); 6] {
        [
            ("decline_percent", self.decline_percent),
            ("reorder_percent", self.reorder_percent),
            ("silent_percent", self.silent_percent),
            ("open_lost_percent", self.open_lost_percent),
            ("refund_lost_percent", self.refund_lost_percent),
            ("refund_away_percent", self.refund_away_percent),
        ]
    }
}

impl Default for PlayConfig {
    /// A gateway that does what it should, at once.
    fn default() -> Self {
        Self {
            callback_delay_ms: 0,
            callback_copies: 1,
            decline_percent: 0,
            reorder_percent: 0,
            silent_percent: 0,
            open_lost_percent: 0,
            refund_lost_percent: 0,
            refund_away_percent: 0,
            seed: 0,
        }
    }
}

/// What a buyer decides on the payment page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The money is taken.
    Pay,
    /// It is not.
    Decline,
    /// It is taken, and told twice.
    PayTwice,
    /// It is taken, and told half a minute later.
    PaySlowly,
    /// It is taken, and told once the time to pay is over.
    PayLate,
    /// It is taken; the FAIL of an earlier try arrives behind the SUCCESS.
    PayOutOfOrder,
    /// A FAIL is told first, and then that it was taken after all.
    DeclineThenPay,
    /// It is taken, and nobody is told.
    PaySilently,
    /// Another amount is taken.
    PayWrongAmount,
}

impl Decision {
    /// Whether the shop is told much later than the buyer decides.
    pub fn is_told_late(self) -> bool {
        matches!(self, Self::PaySlowly | Self::PayLate)
    }

    /// Those behind the two buttons, with what they are called on the page.
    pub const OTHERS: [(&'static str, &'static str); 7] = [
        ("pay_twice", "Pay, told twice"),
        ("pay_slowly", "Pay, told in 30 s"),
        ("pay_late", "Pay, told when the time is over"),
        ("pay_out_of_order", "Pay, an old decline behind it"),
        ("decline_then_pay", "Decline, then pay after all"),
        ("pay_silently", "Pay, told to nobody"),
        ("pay_wrong_amount", "Pay another amount"),
    ];
}

/// One callback to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// How long after the step before.
    pub(super) after: Duration,
    pub(super) status: CallbackStatus,
    pub(super) amount: Money,
    pub(super) copies: u32,
}

/// What becomes of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    /// What is taken, if anything is.
    pub(super) captured: Option<Money>,
    pub(super) steps: Vec<Step>,
}

/// How the sandbox behaves.
#[derive(Debug)]
pub(super) struct Play {
    config: PlayConfig,
    draws: Mutex<fastrand::Rng>,
}

/// What is told slowly is told after so long.
const SLOWLY: Duration = Duration::from_secs(30);
/// What is told late is told so long after the end.
const BEHIND_THE_END: Duration = Duration::from_secs(1);

impl Play {
    pub(super) fn new(config: PlayConfig) -> Self {
        let draws = Mutex::new(fastrand::Rng::with_seed(config.seed));
        Self { config, draws }
    }

    fn draws(&self, percent: u32) -> bool {
        percent > 0 && self.draws.lock().unwrap_or_else(PoisonError::into_inner).u32(0..100) < percent
    }

    pub(super) fn loses_the_reply_of_an_opening(&self) -> bool {
        self.draws(self.config.open_lost_percent)
    }

    pub(super) fn loses_the_reply_of_a_refund(&self) -> bool {
        self.draws(self.config.refund_lost_percent)
    }

    pub(super) fn is_away_for_a_refund(&self) -> bool {
        self.draws(self.config.refund_away_percent)
    }

    /// What becomes of a payment of `amount`, of which the buyer thinks so, with `left` to its end.
    pub(super) fn script(&self, decision: Decision, amount: Money, left: Duration) -> Script {
        let config = &self.config;
        let decision = match decision {
            Decision::Pay if self.draws(config.decline_percent) => Decision::Decline,
            Decision::Pay if self.draws(config.silent_percent) => Decision::PaySilently,
            Decision::Pay if self.draws(config.reorder_percent) => Decision::PayOutOfOrder,
            decision => decision,
        };
        let delay = Duration::from_millis(config.callback_delay_ms);
        let copies = config.callback_copies;
        let step = |status| Step { after: delay, status, amount, copies };
        let (success, fail) = (step(CallbackStatus::Success), step(CallbackStatus::Fail));
        let (captured, steps) = match decision {
            Decision::Pay => (Some(amount), vec![success]),
            Decision::Decline => (None, vec![fail]),
            Decision::PayTwice => (Some(amount), vec![Step { copies: copies.max(2), ..success }]),
            Decision::PaySlowly => (Some(amount), vec![Step { after: delay.max(SLOWLY), ..success }]),
            Decision::PayLate => (Some(amount), vec![Step { after: delay.max(left + BEHIND_THE_END), ..success }]),
            Decision::PayOutOfOrder => (Some(amount), vec![success, fail]),
            Decision::DeclineThenPay => (Some(amount), vec![fail, success]),
            Decision::PaySilently => (Some(amount), Vec::new()),
            Decision::PayWrongAmount => {
                let other = Money { minor: amount.minor + 1, ..amount };
                (Some(other), vec![Step { amount: other, ..success }])
            }
        };
        Script { captured, steps }
    }
}

#[cfg(test)]
mod tests {
    use ticketing_core::money::Currency;

    use super::*;

    const AMOUNT: Money = Money { minor: 7, currency: Currency::KRW };

    fn script(config: PlayConfig, decision: Decision) -> Script {
        Play::new(config).script(decision, AMOUNT, Duration::from_secs(5))
    }

    #[test]
    fn unless_it_is_told_otherwise_it_does_what_the_buyer_decides() {
        let paid = script(PlayConfig::default(), Decision::Pay);
        let once = Step { after: Duration::ZERO, status: CallbackStatus::Success, amount: AMOUNT, copies: 1 };
        assert_eq!(paid, Script { captured: Some(AMOUNT), steps: vec![once] });
        let declined = script(PlayConfig::default(), Decision::Decline);
        assert_eq!((declined.captured, declined.steps[0].status), (None, CallbackStatus::Fail));
        let late = script(PlayConfig::default(), Decision::PayLate);
        assert!(late.steps[0].after > Duration::from_secs(5));
    }

    #[test]
    fn a_percentage_is_drawn_and_the_same_seed_draws_the_same() {
        let config = PlayConfig { decline_percent: 30, seed: 7, ..PlayConfig::default() };
        let declined = |config: &PlayConfig| -> Vec<bool> {
            let play = Play::new(config.clone());
            let of = |_| play.script(Decision::Pay, AMOUNT, Duration::ZERO).captured.is_none();
            (0..1_000).map(of).collect()
        };
        let first = declined(&config);
        assert_eq!(first, declined(&config));
        let count = first.iter().filter(|declined| **declined).count();
        assert!((200..400).contains(&count), "{count} of 1,000 at 30 %");
        assert_eq!(script(PlayConfig { silent_percent: 100, ..config }, Decision::Decline).steps.len(), 1);
    }
}
