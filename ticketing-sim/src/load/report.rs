//! What a run came to: a table for people, JSON for programs.

use std::{collections::BTreeMap, time::Duration};

use comfy_table::{ContentArrangement, Table, presets};
use hdrhistogram::Histogram;
use serde::Serialize;
use ticketing_core::{
    session::Stock,
    verify::{self, Violation},
};

use super::{
    judge::Shown,
    story::{Answer, Step, Story},
};

/// Longest time that is told from longer ones: an hour.
const MICROS_MAX: u64 = 3_600_000_000;

/// Times of one step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StepTimes {
    step: Step,
    calls: u64,
    done: u64,
    p50_micros: u64,
    p95_micros: u64,
    p99_micros: u64,
    max_micros: u64,
}

/// The whole run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What drew the buyers.
    pub seed: u64,
    /// How many sales there were.
    pub rounds: u32,
    /// How many buyers came, in all of them.
    pub buyers: u64,
    elapsed_millis: u64,
    holds: u64,
    holds_per_second: f64,
    purchases: u64,
    purchases_per_second: f64,
    steps: Vec<StepTimes>,
    refusals: BTreeMap<&'static str, u64>,
    failures: BTreeMap<String, u64>,
    unknown: u64,
    /// The books of each round's session, at the end.
    stock: Vec<Stock>,
    /// Most tickets of one session that were acknowledged as held or sold at one instant.
    taken_max: i64,
    /// Records that `verify` looked at.
    verified_records: u64,
    /// Promises that were broken as seen from outside.
    pub complaints: Vec<String>,
    /// Invariants that the store's own records break.
    pub violations: Vec<Violation>,
}

/// Gathers a run's numbers round by round.
#[derive(Debug)]
pub struct Tally {
    times: BTreeMap<Step, (Histogram<u64>, u64)>,
    refusals: BTreeMap<&'static str, u64>,
    failures: BTreeMap<String, u64>,
    unknown: u64,
    holds: u64,
    purchases: u64,
    buyers: u64,
    rounds: u32,
    elapsed: Duration,
    stock: Vec<Stock>,
    taken_max: i64,
    complaints: Vec<String>,
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, MICROS_MAX, 3)
                .expect("three digits up to an hour are within a histogram's bounds")
        };
        Self {
            times: Step::ALL.into_iter().map(|step| (step, (histogram(), 0))).collect(),
            refusals: BTreeMap::new(),
            failures: BTreeMap::new(),
            unknown: 0,
            holds: 0,
            purchases: 0,
            buyers: 0,
            rounds: 0,
            elapsed: Duration::ZERO,
            stock: Vec::new(),
            taken_max: 0,
            complaints: Vec::new(),
        }
    }

    /// Adds a round that took `elapsed`.
    pub fn add(&mut self, stories: &[Story], elapsed: Duration, stock: Stock, shown: Shown) {
        self.rounds += 1;
        self.elapsed += elapsed;
        self.stock.push(stock);
        self.taken_max = self.taken_max.max(shown.taken_max);
        self.complaints.extend(shown.complaints);
        for story in stories {
            self.buyers += 1;
            self.holds += u64::from(story.held.is_some());
            self.purchases += u64::from(story.reported.as_ref().is_some_and(|reported| reported.sold > 0));
            story.calls.iter().for_each(|call| self.add_call(call));
        }
    }

    fn add_call(&mut self, call: &super::story::Call) {
        let (histogram, done) = self.times.get_mut(&call.step).expect("every step has its histogram");
        let micros = u64::try_from(call.answered.since(call.asked).as_micros()).unwrap_or(u64::MAX);
        histogram.saturating_record(micros);
        match &call.answer {
            Answer::Done => *done += 1,
            Answer::Refused { reason } => *self.refusals.entry(reason).or_default() += 1,
            Answer::Unknown => self.unknown += 1,
            Answer::Failed { error } => *self.failures.entry(error.clone()).or_default() += 1,
        }
    }

    /// The report, with what `verify` found.
    pub fn finish(self, seed: u64, verified: verify::Report) -> Report {
        let verify::Report { sessions, holds, orders, tickets, audit_records, violations } = verified;
        let per_second = |count: u64| count as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON);
        let step_times = |(step, (histogram, done)): (&Step, &(Histogram<u64>, u64))| StepTimes {
            step: *step,
            calls: histogram.len(),
            done: *done,
            p50_micros: histogram.value_at_quantile(0.50),
            p95_micros: histogram.value_at_quantile(0.95),
            p99_micros: histogram.value_at_quantile(0.99),
            max_micros: histogram.max(),
        };
        Report {
            seed,
            rounds: self.rounds,
            buyers: self.buyers,
            elapsed_millis: u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            holds: self.holds,
            holds_per_second: per_second(self.holds),
            purchases: self.purchases,
            purchases_per_second: per_second(self.purchases),
            steps: self.times.iter().map(step_times).collect(),
            refusals: self.refusals,
            failures: self.failures,
            unknown: self.unknown,
            stock: self.stock,
            taken_max: self.taken_max,
            verified_records: sessions + holds + orders + tickets + audit_records,
            complaints: self.complaints,
            violations,
        }
    }
}

impl Report {
    /// Every broken promise, in words.
    pub fn broken(&self) -> Vec<String> {
        let inside =
            |violation: &Violation| format!("{} {}: {}", violation.invariant, violation.target, violation.detail);
        self.complaints.iter().cloned().chain(self.violations.iter().map(inside)).collect()
    }

    /// The report for people.
    pub fn tables(&self) -> String {
        format!("{}\n{}", self.step_table(), self.sum_table())
    }

    /// The whole run in one line.
    pub fn verdict(&self) -> String {
        let Self { holds, taken_max, verified_records, seed, .. } = self;
        let total = self.stock.first().map_or(0, |stock| stock.total);
        let (outside, inside) = (self.complaints.len() as u64, self.violations.len() as u64);
        let holds = counted(*holds, "hold");
        if outside + inside == 0 {
            return format!(
                "PASS: {holds} acknowledged, never more than {taken_max} of {total} tickets at any instant, verify \
                 clean ({})",
                counted(*verified_records, "record")
            );
        }
        format!(
            "FAIL: {} broken as seen by the buyers, {} as seen by verify; {holds} acknowledged, up to {taken_max} of \
             {total} tickets at one instant; the same buyers come with --seed {seed}",
            counted(outside, "promise"),
            counted(inside, "invariant"),
        )
    }

    fn step_table(&self) -> Table {
        let mut steps = table();
        steps.set_header(["step", "calls, with retries", "done", "p50", "p95", "p99", "max"]);
        for times in self.steps.iter().filter(|times| times.calls > 0) {
            let [p50, p95, p99, max] =
                [times.p50_micros, times.p95_micros, times.p99_micros, times.max_micros].map(millis);
            let (calls, done) = (times.calls.to_string(), times.done.to_string());
            steps.add_row([times.step.name().to_owned(), calls, done, p50, p95, p99, max]);
        }
        steps
    }

    fn sum_table(&self) -> Table {
        let mut sums = table();
        let seconds = self.elapsed_millis as f64 / 1_000.0;
        sums.add_row([
            "buyers",
            &format!("{} in {}, {seconds:.2} s", self.buyers, counted(self.rounds.into(), "round")),
        ]);
        let once = "each counted once, however often it was asked for";
        sums.add_row(["holds acknowledged", &format!("{} ({:.0}/s), {once}", self.holds, self.holds_per_second)]);
        sums.add_row(["purchases", &format!("{} ({:.0}/s)", self.purchases, self.purchases_per_second)]);
        for (reason, count) in &self.refusals {
            sums.add_row([format!("refused: {reason}"), count.to_string()]);
        }
        for (error, count) in &self.failures {
            sums.add_row([format!("failed: {error}"), count.to_string()]);
        }
        sums.add_row(["answers lost", &self.unknown.to_string()]);
        for stock in &self.stock {
            let Stock { total, available, held, sold } = stock;
            sums.add_row(["stock", &format!("{total} = {available} available + {held} held + {sold} sold")]);
        }
        sums.add_row(["seed", &self.seed.to_string()]);
        sums
    }
}

/// `count` with its noun: `1 round`, `2 rounds`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn millis(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_promise_turns_the_verdict() {
        #[track_caller]
        fn check(complaints: Vec<String>, expected: &str) {
            let mut tally = Tally::new();
            let stock = Stock { total: 5, available: 0, held: 0, sold: 5 };
            tally.add(&[], Duration::from_secs(1), stock, Shown { taken_max: 5, complaints });
            let verified = verify::Report { sessions: 1, ..verify::Report::default() };
            assert_eq!(tally.finish(7, verified).verdict(), expected);
        }
        check(
            Vec::new(),
            "PASS: 0 holds acknowledged, never more than 5 of 5 tickets at any instant, verify clean (1 record)",
        );
        check(
            vec!["I1: two of one".to_owned()],
            "FAIL: 1 promise broken as seen by the buyers, 0 invariants as seen by verify; 0 holds acknowledged, up to 5 \
             of 5 tickets at one instant; the same buyers come with --seed 7",
        );
    }
}
