//! The command line's shape.

use std::{ops::RangeInclusive, path::PathBuf, str::FromStr};

use clap::{Args, Parser, Subcommand};
use ticketing_core::session::{Stock, limits};

use crate::check::Scenario;

/// Sells tickets to crowds that do not exist, and judges the result from outside.
#[derive(Debug, Parser)]
#[command(name = "ticketing-sim", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Many concurrent buyers on one hot session, in process, on a real store
    #[command(after_help = EXAMPLES)]
    Load(LoadArgs),
    /// The real engine on simulated time, over a store and a gateway that fail: one seed, one run
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
}

const CHECK_EXAMPLES: &str = "\
Examples:
  ticketing-sim check
  ticketing-sim check --seeds 100000
  ticketing-sim check --seed 4711 --trace
  ticketing-sim check --seeds 500 --scenario queue --json

The same seed is the same run, byte for byte. A failure tells its seed, what was broken, the shortest
trace that was found, and the command that runs it again.

Exit codes:
  0  no promise was broken
  2  usage
  3  a promise was broken";

#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// How many seeds to run [default: 1000, or 1 with --seed]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// The first seed [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What the runs are about
    #[arg(long, value_enum, default_value_t = Scenario::All)]
    pub scenario: Scenario,
    /// Print what happened in the run, line by line; for a single seed
    #[arg(long)]
    pub trace: bool,
    /// Tell failures as their seeds draw them
    #[arg(long)]
    pub no_shrink: bool,
    /// How many seeds at once [default: as many as there are cores, 8 at most]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Print the report as JSON on stdout: the same for the same seeds
    #[arg(long)]
    pub json: bool,
    /// Plant a bug, and see that it is found
    #[cfg(feature = "planted-bugs")]
    #[arg(long, value_name = "BUG", value_parser = planted_bug)]
    pub plant: Option<ticketing_core::planted::Planted>,
    /// Plant every bug in turn, and print which is found, and how soon
    #[cfg(feature = "planted-bugs")]
    #[arg(long, conflicts_with = "plant")]
    pub planted: bool,
}

impl CheckArgs {
    /// The bug to plant, if any.
    #[cfg(feature = "planted-bugs")]
    pub fn plant_name(&self) -> Option<&'static str> {
        self.plant.map(ticketing_core::planted::Planted::name)
    }

    /// There are no bugs to plant.
    #[cfg(not(feature = "planted-bugs"))]
    pub const fn plant_name(&self) -> Option<&'static str> {
        None
    }
}

#[cfg(feature = "planted-bugs")]
fn planted_bug(name: &str) -> Result<ticketing_core::planted::Planted, String> {
    use ticketing_core::planted::Planted;
    let names: Vec<&str> = Planted::ALL.iter().map(|bug| bug.name()).collect();
    let found = Planted::ALL.iter().copied().find(|bug| bug.name() == name);
    found.ok_or_else(|| format!("there are: {}", names.join(", ")))
}

const EXAMPLES: &str = "\
Examples:
  ticketing-sim load --store sqlite://load.db
  ticketing-sim load --store memory:// --buyers 500 --stock 100
  ticketing-sim load --store postgres://shop@localhost/tickets --buyers 10000 --stock 5000
  ticketing-sim load --store sqlite://load.db --buyers 10000 --stock 500 --quantity 1..4 --concurrency 1024
  ticketing-sim load --store sqlite://load.db --decline 20 --abandon 20 --retry 30 --seed 7 --json

Every run makes an event and a session of its own, and archives the event at its end. The seed is
printed: the same seed draws the same buyers. The last line says PASS or FAIL.

Exit codes:
  0  nobody was promised what is not there
  2  usage or configuration
  3  a promise was broken
  4  store unreachable";

#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// The store to sell from: sqlite://PATH, made if there is none, postgres://USER@HOST/DATABASE, or memory://,
    /// gone with the run
    #[arg(long, value_name = "URL", env = "TICKETING__STORE__URL", hide_env_values = true)]
    pub store: String,
    /// How many buyers come, in each round
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub buyers: u32,
    /// How many tickets there are
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(0..=Stock::TOTAL_MAX))]
    pub stock: i64,
    /// How many tickets a buyer wants: a number, or a range such as 1..4 with both ends
    #[arg(long, value_name = "N|A..B", default_value = "1")]
    pub quantity: Quantity,
    /// How many buyers are under way at once
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub concurrency: u32,
    /// How many in a hundred are declined by their bank
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = percent())]
    pub decline: u8,
    /// How many in a hundred walk away from their hold
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = percent())]
    pub abandon: u8,
    /// How many in a hundred pay only after their hold has ended (mind --hold-ttl-seconds)
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    pub late: u8,
    /// How many in a hundred lose the answer to their hold, or doubt it, and ask again under the same key
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = percent())]
    pub retry: u8,
    /// How many callbacks in a hundred come twice, or five times at once
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = percent())]
    pub duplicate_callbacks: u8,
    /// How long a hold lives
    #[arg(long, value_name = "SECONDS", default_value_t = limits::HOLD_TTL_SECONDS_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::HOLD_TTL_SECONDS_MAX)))]
    pub hold_ttl_seconds: u32,
    /// Admissions per second from the waiting room; no limit unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub admit_per_second: Option<u32>,
    /// How many sales, one after the other, each with its own session and crowd
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// What draws the buyers; random unless given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write what every buyer asked and was answered, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Print the report as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=100)
}

/// How many tickets a buyer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity(pub RangeInclusive<u32>);

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let parse = |part: &str| part.trim_start_matches('=').parse::<u32>().ok();
        match (parse(from), parse(to)) {
            (Some(from), Some(to))
                if (1..=limits::QUANTITY_MAX).contains(&from) && (from..=limits::QUANTITY_MAX).contains(&to) =>
            {
                Ok(Self(from..=to))
            }
            _ => Err(format!("expected a number or a range such as 1..4, from 1 to {}", limits::QUANTITY_MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_quantity_is_a_number_or_a_range() {
        #[track_caller]
        fn check(text: &str, expected: Option<RangeInclusive<u32>>) {
            assert_eq!(text.parse::<Quantity>().ok(), expected.map(Quantity), "{text}");
        }
        check("3", Some(3..=3));
        check("1..4", Some(1..=4));
        for bad in ["", "0", "0..2", "4..1", "1..101", "a", "1..2..3"] {
            check(bad, None);
        }
    }
}
