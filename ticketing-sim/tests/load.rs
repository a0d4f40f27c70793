//! The simulator as its users meet it, on real stores.

use std::{fs, path::Path};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use ticketing_core::{event::EventStatus, store::PageRequest};
use ticketing_store::{OpenOptions, Role, testing::postgres::Database};

fn command(dir: &Path, args: &str) -> Command {
    let mut command = Command::cargo_bin("ticketing-sim").unwrap();
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKETING__")) {
        command.env_remove(name);
    }
    command.current_dir(dir).arg("load").args(args.split_whitespace());
    command
}

/// Stamps every case as a test of each store.
macro_rules! on_stores {
    ($($case:ident)+) => {
        mod sqlite {
            $(
                #[test]
                fn $case() {
                    super::$case("sqlite://load.db");
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(database) = super::Database::create().await {
                        super::$case(database.url());
                    }
                }
            )+
        }
    };
}

on_stores! {
    five_hundred_buyers_get_exactly_the_hundred_tickets_there_are
    declined_payments_give_their_tickets_to_later_buyers
    late_payments_end_in_tickets_or_in_refunds
    a_waiting_room_lets_everyone_in_at_its_pace
}

/// Runs a load that must end well, and reads its report.
fn load(store: &str, args: &str) -> Value {
    let dir = TempDir::new().unwrap();
    let output = command(dir.path(), &format!("--store {store} --json {args}")).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.starts_with("seed "), "the seed is told: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

#[track_caller]
fn count(report: &Value, path: &str) -> i64 {
    report.pointer(path).and_then(Value::as_i64).unwrap_or_else(|| panic!("{path} is not in {report}"))
}

fn five_hundred_buyers_get_exactly_the_hundred_tickets_there_are(store: &str) {
    let report = load(
        store,
        "--buyers 500 --stock 100 --decline 0 --abandon 30 --retry 40 --duplicate-callbacks 40 --concurrency 500",
    );
    assert_eq!(count(&report, "/stock/0/held") + count(&report, "/stock/0/sold"), 100);
    assert_eq!(count(&report, "/stock/0/available"), 0);
    assert_eq!((count(&report, "/holds"), count(&report, "/buyers")), (100, 500));
    assert_eq!(count(&report, "/purchases"), count(&report, "/stock/0/sold"));
    assert!(count(&report, "/refusals/sold_out") >= 400, "{report}");
    assert_eq!((&report["complaints"], &report["violations"]), (&Value::Array(vec![]), &Value::Array(vec![])));
}

fn declined_payments_give_their_tickets_to_later_buyers(store: &str) {
    let report =
        load(store, "--buyers 600 --stock 100 --decline 60 --abandon 0 --concurrency 16 --quantity 1..3 --rounds 2");
    assert_eq!((count(&report, "/rounds"), count(&report, "/buyers")), (2, 1_200));
    assert!(count(&report, "/holds") > count(&report, "/purchases"), "{report}");
}

fn late_payments_end_in_tickets_or_in_refunds(store: &str) {
    let report = load(
        store,
        "--buyers 300 --stock 60 --late 50 --abandon 20 --decline 10 --hold-ttl-seconds 1 --duplicate-callbacks 50",
    );
    assert!(count(&report, "/purchases") > 0, "{report}");
    let total: i64 = ["available", "held", "sold"].iter().map(|part| count(&report, &format!("/stock/0/{part}"))).sum();
    assert_eq!(total, 60);
}

fn a_waiting_room_lets_everyone_in_at_its_pace(store: &str) {
    let report = load(store, "--buyers 60 --stock 60 --admit-per-second 100 --decline 0 --abandon 0 --concurrency 60");
    assert_eq!(count(&report, "/purchases"), 60);
    let polls = report["steps"].as_array().unwrap().iter().find(|step| step["step"] == "poll").unwrap();
    assert!(polls["done"].as_i64().unwrap() > 0, "{report}");
}

#[test]
fn a_seed_is_kept_and_a_history_is_written() {
    let dir = TempDir::new().unwrap();
    let args = "--store sqlite://load.db --json --buyers 20 --seed 7 --history history.jsonl";
    let output = command(dir.path(), args).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(count(&report, "/seed"), 7);
    let history = fs::read_to_string(dir.path().join("history.jsonl")).unwrap();
    let stories: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(stories.len(), 20);
    assert!(stories.iter().all(|story| story["calls"].as_array().is_some_and(|calls| !calls.is_empty())));
}

#[test]
fn people_get_a_table() {
    let dir = TempDir::new().unwrap();
    let output = command(dir.path(), "--store sqlite://load.db --buyers 20 --stock 5").output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    for part in ["join queue", "p99", "refused: sold_out", "seed", "20 in 1 round,"] {
        assert!(stdout.contains(part), "{part} is not in {stdout}");
    }
    assert!(!stdout.contains("poll queue"), "nobody waited, and nothing is told of waiting: {stdout}");
}

#[test]
fn the_last_line_says_in_plain_words_that_nothing_was_oversold() {
    let dir = TempDir::new().unwrap();
    let args = "--store memory:// --buyers 40 --stock 5 --decline 0 --abandon 0 --rounds 2";
    let output = command(dir.path(), args).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let verdict = stdout.lines().last().unwrap();
    let begin = "PASS: 10 holds acknowledged, never more than 5 of 5 tickets at any instant, verify clean (";
    assert!(verdict.starts_with(begin) && verdict.ends_with(" records)"), "{stdout}");
    assert!(stdout.contains("in 2 rounds"), "{stdout}");
}

#[tokio::test]
async fn nothing_of_a_run_stays_on_sale() {
    let dir = TempDir::new().unwrap();
    let output = command(dir.path(), "--store sqlite://load.db --buyers 5 --stock 5 --rounds 2").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let url = format!("sqlite://{}", dir.path().join("load.db").display());
    let store = ticketing_store::open(&url, OpenOptions::new(Role::Tool)).unwrap();
    let count = async |status| store.events(Some(status), PageRequest::first()).await.unwrap().items.len();
    assert_eq!((count(EventStatus::Published).await, count(EventStatus::Archived).await), (0, 2));
}

#[test]
fn wrong_usage_ends_with_2_and_an_unreachable_store_with_4() {
    #[track_caller]
    fn check(args: &str, code: i32) {
        let dir = TempDir::new().unwrap();
        let output = command(dir.path(), args).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.is_empty(), "{args}");
    }
    check("", 2);
    check("--store ticketing.db", 2);
    check("--store sqlite://load.db --decline 101", 2);
    check("--store sqlite://load.db --decline 60 --abandon 60", 2);
    check("--store sqlite://load.db --quantity 4..1", 2);
    check("--store sqlite:///nowhere/at/all.db", 4);
}
