//! What each buyer is going to do, drawn from the seed before anything starts.

use std::time::Duration;

use fastrand::Rng;
use serde::{Serialize, Serializer};
use ticketing_core::ids::UserId;
use uuid::Uuid;

use super::scene::Scene;

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

/// How a buyer's visit ends, if nothing stops it.
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
    /// Gives the hold back.
    Releases,
    /// Gives the place in the waiting room back.
    LeavesTheLine,
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
    /// Never: the shop has to ask what was paid.
    Lost,
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
    /// What becomes of it all.
    pub ending: Ending,
    /// How its callback comes.
    pub delivery: Delivery,
    /// How long the buyer thinks before what comes after the hold.
    #[serde(serialize_with = "millis", rename = "thinksMillis")]
    pub thinks: Duration,
}

fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

impl Plan {
    /// The next buyer of `scene` that `rng` draws.
    pub fn draw(rng: &mut Rng, scene: &Scene) -> Self {
        let user_id = UserId::from_uuid(Uuid::from_u128(rng.u128(..)));
        let quantity = rng.u32(scene.quantity.clone());
        let doubt = if happens(rng, scene.retry_percent) {
            [Doubt::HangsUp, Doubt::AsksTwice, Doubt::AsksTwiceAtOnce][rng.usize(..3)]
        } else {
            Doubt::None
        };
        let ending = scene.shares.draw(rng);
        let pays = matches!(ending, Ending::Pays | Ending::PaysLate);
        let delivery = if pays && happens(rng, scene.lost_callbacks_percent) {
            Delivery::Lost
        } else if happens(rng, scene.duplicate_callbacks_percent) {
            [Delivery::Twice, Delivery::FiveAtOnce][rng.usize(..2)]
        } else {
            Delivery::Once
        };
        let thinks = Duration::from_millis(rng.u64(..=u64::from(scene.think_millis_max)));
        Self { user_id, quantity, doubt, ending, delivery, thinks }
    }
}

fn happens(rng: &mut Rng, percent: u8) -> bool {
    rng.u8(..100) < percent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::args::parsed;

    fn scene(text: &str) -> Scene {
        Scene::of(&parsed(text)).unwrap()
    }

    #[test]
    fn the_same_seed_draws_the_same_buyers() {
        let scene = scene("--store memory:// --quantity 1..9");
        let draw = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..50).map(|_| format!("{:?}", Plan::draw(&mut rng, &scene))).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn percentages_are_kept_at_their_ends() {
        let all = |text: &str, holds: fn(&Plan) -> bool| {
            let (scene, mut rng) = (scene(text), Rng::with_seed(1));
            assert!((0..500).all(|_| holds(&Plan::draw(&mut rng, &scene))), "{text}");
        };
        all("--store memory:// --decline 0 --abandon 0", |plan| plan.ending == Ending::Pays);
        all("--store memory:// --decline 100 --abandon 0", |plan| plan.ending == Ending::IsDeclined);
        all("--store memory:// --decline 0 --abandon 0 --late 100", |plan| plan.ending == Ending::PaysLate);
        all("--store memory:// --retry 0 --duplicate-callbacks 0", |plan| {
            plan.doubt == Doubt::None && plan.delivery == Delivery::Once && plan.thinks.is_zero()
        });
    }

    #[test]
    fn under_faults_some_who_pay_are_never_reported() {
        let lost = |text: &str| -> Vec<Ending> {
            let (scene, mut rng) = (scene(text), Rng::with_seed(1));
            let plans = (0..10_000).map(|_| Plan::draw(&mut rng, &scene));
            plans.filter(|plan| plan.delivery == Delivery::Lost).map(|plan| plan.ending).collect()
        };
        assert!(lost("--store memory:// --duplicate-callbacks 50").is_empty());
        let endings = lost("--chaos --shares buy=40,late=40,decline=20");
        let count = |ending: Ending| endings.iter().filter(|drawn| **drawn == ending).count();
        let (paid, late) = (count(Ending::Pays), count(Ending::PaysLate));
        assert!(paid.abs_diff(200) < 75 && late.abs_diff(200) < 75, "{paid} and {late} of 4000 each");
        assert_eq!(endings.len(), paid + late, "nothing is to be learnt of those who do not pay");
    }
}
