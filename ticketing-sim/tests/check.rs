//! The deterministic simulation as its users meet it.

use assert_cmd::Command;
use serde_json::Value;

fn check(args: &str) -> Command {
    let mut command = Command::cargo_bin("ticketing-sim").unwrap();
    command.arg("check").args(args.split_whitespace());
    command
}

#[track_caller]
fn report(args: &str) -> (Value, String) {
    let output = check(&format!("{args} --json")).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}{}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8(output.stdout).unwrap();
    (serde_json::from_str(&text).unwrap(), text)
}

#[test]
fn the_same_seeds_are_the_same_runs_byte_for_byte_on_however_many_threads() {
    let (_, once) = report("--seeds 40 --seed 100 --threads 1");
    let (_, again) = report("--seeds 40 --seed 100 --threads 2");
    assert_eq!(once, again);
    let (_, others) = report("--seeds 40 --seed 200");
    assert_ne!(once, others);
    let trace = || check("--seed 7 --trace").output().unwrap().stdout;
    assert_eq!(trace(), trace());
}

#[test]
fn two_hundred_seeds_break_no_promise_and_meet_every_fault() {
    let (report, _) = report("--seeds 200");
    assert_eq!(report["seeds"], 200);
    assert_eq!(report["failures"], Value::Array(Vec::new()));
    let faults = report["faults"].as_object().unwrap();
    assert!(faults.len() >= 20, "each of the twenty kinds strikes somewhere: {faults:?}");
    for kind in ["hold", "release", "checkout", "callback", "join", "poll", "leave", "refund", "scan", "organiser"] {
        assert!(report["operations"][kind].as_u64().unwrap_or(0) > 20, "{kind}: {report}");
    }
    assert!(report["unknown"].as_u64().unwrap() > 20);
}

#[test]
fn every_scenario_runs() {
    for scenario in ["quantity", "seats", "queue", "payments", "organiser", "nodes"] {
        let (report, _) = report(&format!("--seeds 25 --scenario {scenario}"));
        assert_eq!(report["scenario"], scenario);
    }
}

#[test]
fn people_are_told_in_one_line_how_it_went() {
    let output = check("--seeds 3").output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let verdict = stdout.lines().last().unwrap();
    assert!(verdict.starts_with("PASS: 3 seeds, ") && verdict.ends_with("no promise broken"), "{stdout}");
}

/// Seeds that once broke something, or a promise of the oracle's own.
#[test]
fn seeds_that_failed_once_pass() {
    for args in REGRESSIONS {
        report(args);
    }
}

const REGRESSIONS: &[&str] = &[
    // Waits that never ended behind a place that was given up; the bug can be planted: `wait-hidden`.
    "--seed 22 --scenario queue",
    // Of the oracle: answers in one instant, a line that was full, a stolen token whose answer was lost.
    "--seed 1",
    "--seed 34",
    "--seed 490",
    "--seed 1523",
    // Of the oracle: something else under a key whose first request was refused, and whose answer was lost.
    "--seed 1052243",
    "--seed 1061361",
];

#[cfg(feature = "planted-bugs")]
mod planted {
    use super::*;

    #[test]
    fn every_planted_bug_is_found_within_a_thousand_seeds() {
        let output = check("--planted --seeds 1000").output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stdout}");
        assert!(stdout.lines().last().unwrap().starts_with("32 of 32 planted bugs found"), "{stdout}");
    }

    #[test]
    fn a_bug_that_is_found_ends_with_3_and_tells_how_to_see_it_again() {
        let output = check("--plant owner-check-missing --seeds 300 --json").output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let failure = &report["failures"][0];
        let replay = failure["replay"].as_str().unwrap().strip_prefix("ticketing-sim check ").unwrap();
        let lines = failure["trace"].as_array().unwrap().len();
        assert!((4..200).contains(&lines), "a trace that somebody reads: {failure}");
        let again = check(replay).output().unwrap();
        assert_eq!(again.status.code(), Some(3), "{replay}");
        let stdout = String::from_utf8(again.stdout).unwrap();
        assert!(stdout.contains("broken: "), "{stdout}");
    }
}
