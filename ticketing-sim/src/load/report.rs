//! What a run came to.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;
use ticketing_core::session::Stock;

use super::{
    scene::Targets,
    shop::{Taken, Violation},
    story::Step,
};
use crate::chaos::FaultReport;

/// Times of one step, from when it was due to its answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepTimes {
    pub step: Step,
    pub calls: u64,
    pub done: u64,
    pub p50_micros: u64,
    pub p95_micros: u64,
    pub p99_micros: u64,
    pub max_micros: u64,
}

/// How long it took from the place to the turn.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueWait {
    pub admitted: u64,
    pub p50_micros: u64,
    pub p95_micros: u64,
    pub p99_micros: u64,
    pub max_micros: u64,
}

impl QueueWait {
    /// Of those who were admitted.
    pub fn of(times: &Histogram<u64>) -> Self {
        Self {
            admitted: times.len(),
            p50_micros: times.value_at_quantile(0.50),
            p95_micros: times.value_at_quantile(0.95),
            p99_micros: times.value_at_quantile(0.99),
            max_micros: times.max(),
        }
    }
}

/// The whole run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How buyers came.
    pub scenario: &'static str,
    /// What drew the buyers.
    pub seed: u64,
    /// How many sales there were.
    pub rounds: u32,
    /// How many buyers came, in all of them.
    pub buyers: u64,
    /// From the first buyer of each sale to the last.
    pub elapsed_millis: u64,
    /// Everything that was asked, with what was asked again.
    pub calls: u64,
    /// Holds, each counted once.
    pub holds: u64,
    pub holds_per_second: f64,
    pub purchases: u64,
    pub purchases_per_second: f64,
    /// Of the buyers who held tickets and meant to pay: those who got their tickets.
    pub success_rate: Option<f64>,
    /// Of the calls: those that were answered by no rule and by nothing done.
    pub failure_rate: Option<f64>,
    /// Of the calls: those that had been asked before.
    pub retry_rate: Option<f64>,
    /// Of the places in the waiting room: those that ended in tickets.
    pub token_to_paid_rate: Option<f64>,
    pub queue_wait: Option<QueueWait>,
    pub steps: Vec<StepTimes>,
    /// What rules said no for.
    pub refusals: BTreeMap<String, u64>,
    /// What else was answered by nothing done.
    pub failures: BTreeMap<String, u64>,
    /// Answers that were lost.
    pub unknown: u64,
    /// Of these, those that asking again told nothing about.
    pub unresolved: u64,
    /// The books of each round's session, at the end.
    pub stock: Vec<Stock>,
    /// Most tickets of one session that were acknowledged as held or sold at one instant.
    pub taken_max: i64,
    /// Tickets that were acknowledged beyond those there are.
    pub oversold: i64,
    /// Payments that bought twice, bought and went back, or went back twice.
    pub double_payments: u64,
    /// Places that were served before others ahead of them.
    pub inversions: u64,
    /// What was asked of the scenario.
    pub targets: Option<Targets>,
    /// What broke.
    pub faults: Option<FaultReport>,
    /// What went through the gateway, where it is one of this process.
    pub taken: Option<Taken>,
    /// Records that `verify` looked at.
    pub verified_records: u64,
    /// Promises that were broken as seen from outside.
    pub complaints: Vec<String>,
    /// Invariants that the store's own records break.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Every broken promise, in words.
    pub fn broken(&self) -> Vec<String> {
        let inside =
            |violation: &Violation| format!("{} {}: {}", violation.invariant, violation.target, violation.detail);
        self.complaints.iter().cloned().chain(self.violations.iter().map(inside)).collect()
    }

    /// Every target that was missed, in words.
    pub fn missed(&self) -> Vec<String> {
        let Some(targets) = self.targets else { return Vec::new() };
        let of = [
            (Step::Read, targets.read_millis),
            (Step::Hold, targets.hold_millis),
            (Step::Callback, targets.callback_millis),
        ];
        let slow = of.into_iter().filter_map(|(step, most)| {
            let Some(times) = self.step(step) else {
                return Some(format!("{}: there was none, and a p95 of at most {most} ms is asked for", step.name()));
            };
            let millis = times.p95_micros as f64 / 1_000.0;
            (millis > most).then(|| format!("{}: p95 {millis:.1} ms, and at most {most} ms are asked for", step.name()))
        });
        let failed = self.failures.values().sum::<u64>() + self.unknown;
        let failed = (failed > 0).then(|| format!("{} failed, and none may", counted(failed, "call")));
        slow.chain(failed).collect()
    }

    /// The times of a step that was taken.
    pub fn step(&self, step: Step) -> Option<&StepTimes> {
        self.steps.iter().find(|times| times.step == step && times.calls > 0)
    }

    /// The whole run in one line.
    pub fn verdict(&self) -> String {
        let Self { holds, taken_max, verified_records, seed, .. } = self;
        let total = self.stock.first().map_or(0, |stock| stock.total);
        let (outside, inside) = (self.complaints.len() as u64, self.violations.len() as u64);
        let holds = counted(*holds, "hold");
        if outside + inside == 0 {
            let faults = self.faults.as_ref().map_or_else(String::new, |faults| {
                format!(" through {} and {}", counted(faults.total, "fault"), counted(self.unknown, "lost answer"))
            });
            let missed = if self.missed().is_empty() { "" } else { "; targets MISSED" };
            return format!(
                "PASS: {holds} acknowledged{faults}, never more than {taken_max} of {total} tickets at any instant, \
                 verify clean ({}){missed}",
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
}

/// `count` with its noun: `1 round`, `2 rounds`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ticketing_core::clock::Timestamp;

    use super::*;
    use crate::load::{
        args::parsed,
        judge::Shown,
        sale::Held,
        scene::Scene,
        shop::Verified,
        story::{Answer, Call},
        tally::Tally,
    };

    fn report(complaints: Vec<String>, reads: Vec<Call>, text: &str) -> Report {
        let mut tally = Tally::new(Timestamp::from_micros(0));
        tally.add(Held {
            stories: Vec::new(),
            reads,
            samples: Vec::new(),
            faults: Vec::new(),
            elapsed: Duration::from_secs(1),
            stock: Stock { total: 5, available: 0, held: 0, sold: 5 },
            shown: Shown { taken_max: 5, complaints, ..Shown::default() },
        });
        tally.finish(7, &Scene::of(&parsed(text)).unwrap(), Verified { records: 1, violations: Vec::new() }, None)
    }

    #[test]
    fn one_broken_promise_turns_the_verdict() {
        #[track_caller]
        fn check(complaints: Vec<String>, expected: &str) {
            assert_eq!(report(complaints, Vec::new(), "--store memory://").verdict(), expected);
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

    #[test]
    fn a_read_that_took_too_long_since_it_was_due_misses_the_target() {
        let read = |asked, answered, answer| {
            let [due, asked, answered] = [0, asked, answered].map(|millis| Timestamp::from_micros(millis * 1_000));
            Call { step: Step::Read, due, asked, answered, again: false, answer }
        };
        let missed = |call| {
            let missed = report(Vec::new(), vec![call], "--store memory:// --scenario peak").missed();
            let (never, missed): (Vec<_>, Vec<_>) =
                missed.into_iter().partition(|text| text.contains("there was none"));
            assert_eq!(never.len(), 2, "nobody held or paid, and that is no target reached: {never:?}");
            missed
        };
        assert_eq!(missed(read(0, 9, Answer::Done)), Vec::<String>::new());
        // It was asked late: whoever wanted it waited all the same.
        assert!(missed(read(19, 20, Answer::Done))[0].starts_with("read session: p95"));
        assert_eq!(missed(read(0, 1, Answer::Unknown)), ["1 call failed, and none may"]);
    }
}
