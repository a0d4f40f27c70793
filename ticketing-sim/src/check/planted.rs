//! Every bug in turn: which promise it breaks, and how soon that is seen.

use comfy_table::{ContentArrangement, Table, presets};
use ticketing_core::planted::Planted;

use super::{Report, Scenario, check, print};
use crate::{args::CheckArgs, error::SimError};

/// Runs with one bug: to find it is the way it should be, and ends with the code of a broken promise.
pub fn run_one(args: &CheckArgs, bug: Planted) -> Result<(), SimError> {
    let report = check(&CheckArgs { plant: Some(bug), ..args.clone() }, true);
    print(&report, args)
}

/// Runs with every bug, each until it is found.
#[allow(clippy::disallowed_methods, reason = "how long it took is for people, and on no other output")]
pub fn run_all(args: &CheckArgs) -> Result<(), SimError> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["bug", "found by", "seeds", "seconds"]);
    let mut missed = Vec::new();
    for bug in Planted::ALL {
        let begun = std::time::Instant::now();
        let scenario = shows_in(*bug, args.scenario);
        let args = CheckArgs { plant: Some(*bug), planted: false, no_shrink: true, scenario, ..args.clone() };
        let report = check(&args, true);
        let found = found_by(&report);
        if found.is_none() {
            missed.push(bug.name());
        }
        let by = found.unwrap_or_else(|| "NOT FOUND".to_owned());
        let seconds = format!("{:.1}", begun.elapsed().as_secs_f64());
        table.add_row([bug.name().to_owned(), by, report.seeds.to_string(), seconds]);
    }
    anstream::println!("{table}");
    let all = Planted::ALL.len();
    anstream::println!("{} of {all} planted bugs found", all - missed.len());
    if missed.is_empty() { Ok(()) } else { Err(SimError::Broken(format!("not found: {}", missed.join(", ")))) }
}

/// Which runs a bug shows itself in, where that is not every kind.
fn shows_in(bug: Planted, asked: Scenario) -> Scenario {
    if bug == Planted::WaitHidden { Scenario::Queue } else { asked }
}

/// The invariants that the first failure broke.
fn found_by(report: &Report) -> Option<String> {
    let failure = report.failures.first()?;
    let mut invariants: Vec<&str> = failure.broken.iter().map(|breach| breach.invariant).collect();
    invariants.sort_unstable();
    invariants.dedup();
    Some(invariants.join(", "))
}
