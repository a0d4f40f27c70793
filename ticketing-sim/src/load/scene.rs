//! What a sale looks like: what the command line says, with what it leaves open filled in.

use std::{ops::RangeInclusive, time::Duration};

use fastrand::Rng;
use serde::Serialize;
use ticketing_core::{
    session::limits,
    waiting_room::{QueueMode, QueuePolicy},
};

use super::{
    args::{LoadArgs, Scenario},
    shares::Shares,
};
use crate::error::SimError;

/// The specification's holds a second.
const SPEC_HOLDS_PER_SECOND: u32 = 100;
/// Between the places and the first hold of the specification.
const SPEC_HOLDS_AFTER: Duration = Duration::from_secs(1);
/// The peak's share of buyers who go on to a callback: 100 of 500.
const PEAK_SHARES: &str = "buy=20,abandon=80";
/// What buyers do under faults: everything.
const CHAOS_SHARES: &str = "buy=55,late=5,decline=10,abandon=15,release=10,leave=5";

/// Whose payment is never reported under faults, where the servers ask the gateway what it took.
const CHAOS_LOST_CALLBACKS_PERCENT: u8 = 5;

/// How buyers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// The next one when one has left.
    Crowd {
        /// How many are there at once.
        concurrency: usize,
    },
    /// All at once.
    Flash,
    /// All at once into the waiting room, and then one hold after the other.
    Spec,
    /// So many a second.
    Steady {
        /// How many.
        rate: u32,
    },
}

/// When a buyer comes, from the start of the sale on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The first call.
    pub at: Duration,
    /// The hold, if it has a time of its own.
    pub hold_at: Option<Duration>,
}

/// Latency targets of a scenario, at the 95th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    /// Reads, in milliseconds.
    pub read_millis: f64,
    /// Holds.
    pub hold_millis: f64,
    /// Callbacks.
    pub callback_millis: f64,
}

/// One sale.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What it is called.
    pub name: &'static str,
    /// How buyers come.
    pub pattern: Pattern,
    /// How many, in each round.
    pub buyers: u32,
    /// How many tickets there are.
    pub stock: i64,
    /// How many tickets a buyer wants.
    pub quantity: RangeInclusive<u32>,
    /// What buyers do.
    pub shares: Shares,
    /// Who doubts an answer.
    pub retry_percent: u8,
    /// Whose callback comes more than once.
    pub duplicate_callbacks_percent: u8,
    /// Of those who pay: whose callback never comes.
    pub lost_callbacks_percent: u8,
    /// The longest thought.
    pub think_millis_max: u32,
    /// How long a hold lives.
    pub hold_ttl_seconds: u32,
    /// How the waiting room admits.
    pub queue: QueuePolicy,
    /// Reads beside the buyers.
    pub reads_per_second: u32,
    /// What is asked of it.
    pub targets: Option<Targets>,
}

impl Scene {
    /// What `args` ask for.
    ///
    /// # Errors
    /// [`SimError::Usage`] for what cannot be.
    pub fn of(args: &LoadArgs) -> Result<Self, SimError> {
        let chaos = args.chaos.chaos;
        let scenario = args.scenario.unwrap_or(if chaos { Scenario::Steady } else { Scenario::Crowd });
        if chaos && scenario != Scenario::Steady {
            return Err(SimError::Usage("--chaos goes with --scenario steady".to_owned()));
        }
        let peak = scenario == Scenario::Peak;
        let rate = args.rate.unwrap_or(if peak {
            500
        } else if chaos {
            40
        } else {
            100
        });
        let duration = args.duration.unwrap_or(if peak || chaos { 60 } else { 30 });
        let (name, pattern, buyers) = match scenario {
            Scenario::Crowd => ("crowd", Pattern::Crowd { concurrency: args.concurrency as usize }, 1_000),
            Scenario::Flash => ("flash", Pattern::Flash, 1_000),
            Scenario::Spec => ("spec", Pattern::Spec, 500),
            Scenario::Steady => ("steady", Pattern::Steady { rate }, rate.saturating_mul(duration)),
            Scenario::Peak => ("peak", Pattern::Steady { rate }, rate.saturating_mul(duration)),
        };
        let buyers = args.buyers.unwrap_or(buyers);
        let shares = shares(args, if peak { Some(PEAK_SHARES) } else { chaos.then_some(CHAOS_SHARES) })?;
        let queue = QueuePolicy {
            mode: if peak { QueueMode::Off } else { QueueMode::On },
            // Enough to catch up after a fault, and so few that a line forms.
            admit_per_second: args.admit_per_second.or(chaos.then_some(rate + rate.div_ceil(2))),
            ..QueuePolicy::default()
        };
        Ok(Self {
            name,
            pattern,
            buyers,
            stock: args.stock.unwrap_or(if peak { 1_000_000 } else { 100 }),
            quantity: args.quantity.0.clone(),
            shares,
            retry_percent: if peak { 0 } else { args.retry },
            duplicate_callbacks_percent: if peak { 0 } else { args.duplicate_callbacks },
            lost_callbacks_percent: if chaos { CHAOS_LOST_CALLBACKS_PERCENT } else { 0 },
            think_millis_max: args.think_ms.unwrap_or(if chaos { 2_000 } else { 0 }),
            hold_ttl_seconds: args.hold_ttl_seconds.unwrap_or(if chaos { 5 } else { limits::HOLD_TTL_SECONDS_DEFAULT }),
            queue,
            reads_per_second: args.reads_per_second.unwrap_or(if peak { 5_000 } else { 0 }),
            targets: peak.then_some(Targets { read_millis: 10.0, hold_millis: 25.0, callback_millis: 25.0 }),
        })
    }

    /// When each buyer comes: in order; nothing in a crowd, where it depends on the others.
    pub fn arrivals(&self, rng: &mut Rng) -> Vec<Arrival> {
        let at = |at| Arrival { at, hold_at: None };
        let buyers = 0..self.buyers;
        match self.pattern {
            Pattern::Crowd { .. } => Vec::new(),
            Pattern::Flash => buyers.map(|_| at(Duration::ZERO)).collect(),
            Pattern::Spec => {
                let slot = Duration::from_secs(1) / SPEC_HOLDS_PER_SECOND;
                buyers.map(|n| Arrival { at: Duration::ZERO, hold_at: Some(SPEC_HOLDS_AFTER + slot * n) }).collect()
            }
            // One in each slot, anywhere in it: neither in step nor in bursts of chance.
            Pattern::Steady { rate } => {
                let slot = Duration::from_secs(1) / rate;
                buyers.map(|n| at(slot * n + slot.mul_f64(rng.f64()))).collect()
            }
        }
    }
}

/// What buyers do: as the command line says, or else as is `usual`, or else what its single percentages are by default.
fn shares(args: &LoadArgs, usual: Option<&str>) -> Result<Shares, SimError> {
    if let Some(shares) = &args.shares {
        return Ok(shares.clone());
    }
    let said = [args.decline, args.abandon, args.late].iter().any(Option::is_some);
    if let Some(usual) = usual.filter(|_| !said) {
        return usual.parse().map_err(SimError::Usage);
    }
    let (decline, abandon) = (args.decline.unwrap_or(10), args.abandon.unwrap_or(10));
    Shares::of_percentages(decline, abandon, args.late.unwrap_or(0)).ok_or_else(|| {
        SimError::Usage("--decline, --abandon and --late are more than 100 in a hundred together".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::args::parsed;

    fn scene(text: &str) -> Result<Scene, SimError> {
        Scene::of(&parsed(&format!("--store memory:// {text}")))
    }

    #[test]
    fn the_specification_has_500_places_at_once_and_then_100_holds_a_second() {
        let arrivals = scene("--scenario spec").unwrap().arrivals(&mut Rng::with_seed(1));
        assert_eq!(arrivals.len(), 500);
        assert!(arrivals.iter().all(|arrival| arrival.at.is_zero()));
        let holds: Vec<_> = arrivals.iter().map(|arrival| arrival.hold_at.unwrap().as_millis()).collect();
        assert_eq!((holds[0], holds[1], holds[499]), (1_000, 1_010, 5_990));
    }

    #[test]
    fn a_steady_stream_keeps_its_rate_and_its_order() {
        let arrivals = scene("--scenario steady --rate 50 --duration 4").unwrap().arrivals(&mut Rng::with_seed(1));
        assert_eq!(arrivals.len(), 200);
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.at));
        for second in 0..4 {
            let within = arrivals.iter().filter(|arrival| arrival.at.as_secs() == second).count();
            assert_eq!(within, 50);
        }
    }

    #[test]
    fn the_peak_is_what_the_targets_say() {
        let peak = scene("--scenario peak").unwrap();
        assert_eq!((peak.buyers, peak.reads_per_second), (30_000, 5_000));
        assert_eq!(peak.pattern, Pattern::Steady { rate: 500 });
        assert!(peak.targets.is_some() && peak.queue.mode == QueueMode::Off);
    }

    #[test]
    fn more_than_everybody_is_refused() {
        assert!(scene("--decline 60 --abandon 60").is_err());
    }
}
