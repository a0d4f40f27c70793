//! What each buyer is going to do, drawn from the seed before anything starts.

use fastrand::Rng;
use serde::Serialize;
use ticketing_core::ids::UserId;
use uuid::Uuid;

use crate::args::LoadArgs;

/// How a buyer doubts the answer to a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Not at all.
    None,
    /// Hangs up before the answer, and asks again under the same key.
    HangsUp,
    /// Gets the answer, and asks again under the same key.
    AsksTwice,
    /// Asks twice at the same time under the same key.
    AsksTwiceAtOnce,
}

/// What a buyer does with a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Pays.
    Pays,
    /// Pays after the hold's end.
    PaysLate,
    /// Is declined.
    IsDeclined,
    /// Walks away before checkout.
    WalksAway,
    /// Walks away from the gateway's page: no callback ever comes.
    WalksAwayFromPayment,
}

/// How often the gateway delivers its callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Once.
    Once,
    /// Again after the first was answered.
    Twice,
    /// Five at the same time.
    FiveAtOnce,
}

/// One buyer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Who.
    pub user_id: UserId,
    /// How many tickets.
    pub quantity: u32,
    /// Whether the hold's answer is trusted.
    pub doubt: Doubt,
    /// What becomes of the hold.
    pub ending: Ending,
    /// How its callback comes.
    pub delivery: Delivery,
}

impl Plan {
    /// The next buyer that `rng` draws.
    pub fn draw(rng: &mut Rng, args: &LoadArgs) -> Self {
        let user_id = UserId::from_uuid(Uuid::from_u128(rng.u128(..)));
        let quantity = rng.u32(args.quantity.0.clone());
        let doubt = if happens(rng, args.retry) {
            [Doubt::HangsUp, Doubt::AsksTwice, Doubt::AsksTwiceAtOnce][rng.usize(..3)]
        } else {
            Doubt::None
        };
        let ending = draw_ending(rng, args);
        let delivery = if happens(rng, args.duplicate_callbacks) {
            [Delivery::Twice, Delivery::FiveAtOnce][rng.usize(..2)]
        } else {
            Delivery::Once
        };
        Self { user_id, quantity, doubt, ending, delivery }
    }
}

fn draw_ending(rng: &mut Rng, args: &LoadArgs) -> Ending {
    let fate = rng.u8(..100);
    if fate < args.decline {
        Ending::IsDeclined
    } else if fate - args.decline < args.abandon {
        [Ending::WalksAway, Ending::WalksAwayFromPayment][rng.usize(..2)]
    } else if fate - args.decline - args.abandon < args.late {
        Ending::PaysLate
    } else {
        Ending::Pays
    }
}

fn happens(rng: &mut Rng, percent: u8) -> bool {
    rng.u8(..100) < percent
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn args(text: &str) -> LoadArgs {
        let Command::Load(args) = Cli::try_parse_from(text.split(' ')).unwrap().command else { panic!("{text}") };
        args
    }

    #[test]
    fn the_same_seed_draws_the_same_buyers() {
        let args = args("sim load --store memory:// --quantity 1..9");
        let draw = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..50).map(|_| format!("{:?}", Plan::draw(&mut rng, &args))).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn percentages_are_kept_at_their_ends() {
        let all = |text: &str, holds: fn(&Plan) -> bool| {
            let (args, mut rng) = (args(text), Rng::with_seed(1));
            assert!((0..500).all(|_| holds(&Plan::draw(&mut rng, &args))), "{text}");
        };
        all("sim load --store memory:// --decline 0 --abandon 0", |plan| plan.ending == Ending::Pays);
        all("sim load --store memory:// --decline 100 --abandon 0", |plan| plan.ending == Ending::IsDeclined);
        all("sim load --store memory:// --decline 0 --abandon 0 --late 100", |plan| plan.ending == Ending::PaysLate);
        all("sim load --store memory:// --retry 0 --duplicate-callbacks 0", |plan| {
            plan.doubt == Doubt::None && plan.delivery == Delivery::Once
        });
    }
}
