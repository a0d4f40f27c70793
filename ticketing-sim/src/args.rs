//! The command line's shape.

use clap::{Args, Parser, Subcommand};

use crate::{
    check::Scenario,
    load::args::{EXAMPLES, LoadArgs},
};

/// Sells tickets to crowds that do not exist, and judges the result from outside.
#[derive(Debug, Parser)]
#[command(name = "ticketing-sim", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Buyers by the hundreds on one hot session, in process or over HTTP, and faults if wanted
    #[command(after_help = EXAMPLES)]
    Load(Box<LoadArgs>),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
