//! Deterministic simulation: the real engine on a simulated clock, one thread and one seed, over a store, a
//! network and a gateway that fail; judged by an oracle that shares no code with it.

mod books;
mod buyer;
mod gate;
mod history;
mod latecomers;
mod lookout;
mod opening;
mod oracle;
mod organiser;
mod persona;
mod plan;
#[cfg(feature = "planted-bugs")]
mod planted;
mod refusals;
mod report;
mod reports;
mod scenario;
mod scene;
mod seeds;
mod shrink;
mod sim;
mod words;
mod world;

use std::{io::IsTerminal, num::NonZero, panic, thread};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub use self::scenario::Scenario;
use self::{
    plan::Plan,
    report::{Failure, Report},
    seeds::Seeds,
};
use crate::{args::CheckArgs, error::SimError};

/// Seeds that are run unless somebody says how many.
const SEEDS_DEFAULT: u64 = 1_000;
/// Threads that pay off with runs this short.
const THREADS_MAX: usize = 8;
/// Failures that are made smaller and told; more are counted.
const FAILURES_TOLD_MAX: usize = 3;

/// Runs the seeds and tells what came of them.
///
/// # Errors
/// [`SimError::Broken`] when a promise was broken.
pub fn run(args: &CheckArgs) -> Result<(), SimError> {
    // A run that panics is a failure like any other; it is told with its seed.
    let loud = panic::take_hook();
    panic::set_hook(Box::new(world::panics));
    let done = run_quietly(args);
    panic::set_hook(loud);
    done
}

#[allow(clippy::disallowed_methods, reason = "how long it took is for people, on stderr only")]
fn run_quietly(args: &CheckArgs) -> Result<(), SimError> {
    #[cfg(feature = "planted-bugs")]
    {
        if args.planted {
            return planted::run_all(args);
        }
        if let Some(bug) = args.plant {
            return planted::run_one(args, bug);
        }
    }
    let begun = std::time::Instant::now();
    let report = check(args, false);
    anstream::eprintln!("{} seeds in {:.1} s", report.seeds, begun.elapsed().as_secs_f64());
    print(&report, args)
}

/// Runs the seeds; with `first_only` no further than the first failure.
fn check(args: &CheckArgs, first_only: bool) -> Report {
    let count = args.seeds.unwrap_or(if args.seed.is_some() { 1 } else { SEEDS_DEFAULT });
    let seeds = Seeds { first: args.seed.unwrap_or(1), count, scenario: args.scenario, plant: args.plant_name() };
    let bar = progress(count, args.json);
    let traced = count == 1 && args.trace;
    let outcomes = seeds.run(threads(args), first_only, traced, &bar);
    bar.finish_and_clear();
    let mut report = Report::new(&seeds);
    let mut told = 0;
    for outcome in outcomes {
        report.add(&outcome);
        if outcome.breaches.is_empty() {
            continue;
        }
        let failure = if told < FAILURES_TOLD_MAX && !args.no_shrink {
            let plan = Plan::draw(outcome.seed, args.scenario);
            Failure::shrunk(&seeds, &outcome, shrink::shrink(plan, &outcome, seeds.plant))
        } else {
            Failure::as_it_is(&seeds, &outcome)
        };
        told += 1;
        report.failures.push(failure);
    }
    report
}

fn threads(args: &CheckArgs) -> usize {
    let there = thread::available_parallelism().map_or(1, NonZero::get);
    args.threads.unwrap_or_else(|| there.min(THREADS_MAX)).max(1)
}

fn print(report: &Report, args: &CheckArgs) -> Result<(), SimError> {
    let text = if args.json {
        serde_json::to_string_pretty(report).map_err(|error| SimError::Usage(error.to_string()))?
    } else {
        report.text(args.trace)
    };
    anstream::println!("{text}");
    match report.failures.len() {
        0 => Ok(()),
        1 => Err(SimError::Broken("1 seed broke a promise".to_owned())),
        many => Err(SimError::Broken(format!("{many} seeds broke a promise"))),
    }
}

/// A bar on stderr, where somebody is looking.
fn progress(len: u64, json: bool) -> ProgressBar {
    if json || len < 20 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
