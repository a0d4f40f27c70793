//! What happened when: the run cut into slices of time.

use std::collections::BTreeMap;

use ticketing_core::clock::Timestamp;

use super::{
    background::Sample,
    story::{Answer, Call, Step},
};
use crate::chaos::Fault;

/// Most slices that are drawn.
const SLICES_MAX: usize = 150;

/// Everything that the plots show.
#[derive(Debug)]
pub struct Timeline {
    begun: Timestamp,
    /// The last second of which anything is known.
    end: f64,
    calls: Vec<Point>,
    samples: Vec<Option<(f64, Sample)>>,
    faults: Vec<Span>,
}

/// One answer.
#[derive(Debug, Clone)]
struct Point {
    step: Step,
    /// Seconds since the run's start.
    at: f64,
    micros: u64,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    Done,
    Refused(String),
    Failed,
}

/// One fault, in seconds since the run's start.
#[derive(Debug, Clone)]
pub struct Span {
    pub name: &'static str,
    pub from: f64,
    pub to: f64,
}

/// A line of a plot: seconds and values; a gap where there is nothing.
#[derive(Debug, Clone)]
pub struct Series {
    pub name: String,
    pub points: Vec<Option<(f64, f64)>>,
}

impl Timeline {
    /// Nothing yet.
    pub fn new(begun: Timestamp) -> Self {
        Self { begun, end: 0.1, calls: Vec::new(), samples: Vec::new(), faults: Vec::new() }
    }

    fn seconds(&self, at: Timestamp) -> f64 {
        at.since(self.begun).as_secs_f64()
    }

    /// Adds an answer.
    pub fn add_call(&mut self, call: &Call) {
        let outcome = match &call.answer {
            Answer::Done => Outcome::Done,
            Answer::Refused { reason } => Outcome::Refused(reason.to_string()),
            Answer::Busy { .. } | Answer::Unknown | Answer::Failed { .. } => Outcome::Failed,
        };
        let micros = u64::try_from(call.answered.since(call.due).as_micros()).unwrap_or(u64::MAX);
        let at = self.seconds(call.answered);
        self.end = self.end.max(at);
        self.calls.push(Point { step: call.step, at, micros, outcome });
    }

    /// Adds a look at the numbers.
    pub fn add_sample(&mut self, sample: &Sample) {
        let at = self.seconds(sample.at);
        self.end = self.end.max(at);
        self.samples.push(Some((at, *sample)));
    }

    /// What is sampled from here on is of another sale.
    pub fn end_sale(&mut self) {
        self.samples.push(None);
    }

    /// Adds a fault.
    pub fn add_fault(&mut self, fault: &Fault) {
        let (from, to) = (self.seconds(fault.begun), self.seconds(fault.over()));
        self.end = self.end.max(to);
        self.faults.push(Span { name: fault.kind.name(), from, to });
    }

    /// What broke.
    pub fn faults(&self) -> &[Span] {
        &self.faults
    }

    /// How long it is, in seconds.
    pub fn length(&self) -> f64 {
        self.end
    }

    /// How long one slice is: a tenth of a second, or as much longer as it takes.
    pub fn slice(&self) -> f64 {
        let wanted = self.length() / SLICES_MAX as f64;
        [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0].into_iter().find(|slice| *slice >= wanted).unwrap_or(60.0)
    }

    /// The latency of `step` in each slice at 50, 95 and 99 in a hundred, in milliseconds.
    pub fn latencies(&self, step: Step) -> Vec<Series> {
        let mut slices: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for point in self.calls.iter().filter(|point| point.step == step && !matches!(point.outcome, Outcome::Failed)) {
            slices.entry(self.slice_of(point.at)).or_default().push(point.micros);
        }
        slices.values_mut().for_each(|slice| slice.sort_unstable());
        let series = |name: &str, quantile: f64| Series {
            name: name.to_owned(),
            points: slices
                .iter()
                .map(|(slice, micros)| {
                    let at = (micros.len() as f64 * quantile).ceil() as usize;
                    Some((self.middle(*slice), micros[at.clamp(1, micros.len()) - 1] as f64 / 1_000.0))
                })
                .collect(),
        };
        vec![series("p50", 0.50), series("p95", 0.95), series("p99", 0.99)]
    }

    /// Answers a second: holds, purchases, reads, refusals, and what failed or was lost.
    pub fn throughput(&self) -> Vec<Series> {
        let done = |point: &Point, step| point.step == step && matches!(point.outcome, Outcome::Done);
        let mut series = vec![
            self.rate("holds", |point| done(point, Step::Hold)),
            self.rate("callbacks", |point| done(point, Step::Callback)),
            self.rate("refused", |point| matches!(point.outcome, Outcome::Refused(_))),
            self.rate("failed or lost", |point| matches!(point.outcome, Outcome::Failed)),
        ];
        let reads = self.rate("reads", |point| done(point, Step::Read));
        if reads.points.iter().flatten().any(|(_, rate)| *rate > 0.0) {
            series.push(reads);
        }
        series
    }

    /// Refusals a second, by their reasons, the most frequent first.
    pub fn refusals(&self) -> Vec<Series> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for point in &self.calls {
            if let Outcome::Refused(reason) = &point.outcome {
                *counts.entry(reason).or_default() += 1;
            }
        }
        let mut reasons: Vec<_> = counts.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let of = |reason: &str| {
            self.rate(reason, |point| matches!(&point.outcome, Outcome::Refused(other) if other == reason))
        };
        reasons.into_iter().map(|(reason, _)| of(reason)).collect()
    }

    /// The session's numbers by what `pick` takes of them.
    pub fn numbers(&self, name: &str, pick: impl Fn(&Sample) -> f64) -> Series {
        let point = |sample: &Option<(f64, Sample)>| sample.as_ref().map(|(at, sample)| (*at, pick(sample)));
        Series { name: name.to_owned(), points: self.samples.iter().map(point).collect() }
    }

    fn rate(&self, name: &str, counts: impl Fn(&Point) -> bool) -> Series {
        let mut slices = vec![0_u64; self.slice_of(self.length()) + 1];
        for point in self.calls.iter().filter(|point| counts(point)) {
            slices[self.slice_of(point.at)] += 1;
        }
        let width = self.slice();
        let point = |(slice, count): (usize, &u64)| Some((self.middle(slice), *count as f64 / width));
        Series { name: name.to_owned(), points: slices.iter().enumerate().map(point).collect() }
    }

    fn slice_of(&self, at: f64) -> usize {
        (at / self.slice()) as usize
    }

    fn middle(&self, slice: usize) -> f64 {
        (slice as f64 + 0.5) * self.slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(calls: &[(i64, i64, Answer)]) -> Timeline {
        let mut timeline = Timeline::new(Timestamp::from_micros(0));
        for (due, answered, answer) in calls {
            let [due, answered] = [due, answered].map(|millis| Timestamp::from_micros(millis * 1_000));
            let call = Call { step: Step::Hold, due, asked: due, answered, again: false, answer: answer.clone() };
            timeline.add_call(&call);
        }
        timeline
    }

    #[test]
    fn a_slice_knows_its_latencies_and_its_rates() {
        let timeline = timeline(&[
            (0, 10, Answer::Done),
            (0, 20, Answer::Done),
            (20, 50, Answer::refused("sold_out")),
            (100, 150, Answer::Unknown),
        ]);
        assert!((timeline.slice() - 0.1).abs() < 1e-9);
        let p95 = &timeline.latencies(Step::Hold)[1];
        assert_eq!(p95.points.len(), 1, "what failed has no latency");
        assert!(
            matches!(p95.points[0], Some((at, millis)) if (at - 0.05).abs() < 1e-9 && (millis - 30.0).abs() < 1e-9)
        );
        let rates: Vec<_> = timeline.throughput().into_iter().map(|series| series.points[0].unwrap().1).collect();
        assert_eq!(rates.iter().map(|rate| rate.round() as i64).collect::<Vec<_>>(), [20, 0, 10, 0]);
        assert_eq!(timeline.refusals()[0].name, "sold_out");
    }
}
