//! A run's numbers, gathered sale by sale.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use ticketing_core::{clock::Timestamp, session::Stock};

use super::{
    plan::Ending,
    report::{QueueWait, Report, StepTimes},
    sale::Held,
    scene::Scene,
    shop::{Breach, Complaint, Taken, Verified},
    story::{Answer, Call, Step, Story},
    timeline::Timeline,
};
use crate::chaos::{Fault, FaultReport};

/// Longest time that is told from longer ones: an hour.
const MICROS_MAX: u64 = 3_600_000_000;

/// The calls of one step.
#[derive(Debug)]
struct Times {
    calls: u64,
    done: u64,
    /// Of those that were answered: from when it was due, however often it had to be asked.
    micros: Histogram<u64>,
}

/// Gathers a run's numbers round by round.
#[derive(Debug)]
pub struct Tally {
    times: BTreeMap<Step, Times>,
    queue_wait: Histogram<u64>,
    refusals: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
    unknown: u64,
    unresolved: u64,
    repeated: u64,
    holds: u64,
    purchases: u64,
    meant_to_pay: u64,
    tokens: u64,
    buyers: u64,
    rounds: u32,
    elapsed: Duration,
    stock: Vec<Stock>,
    taken_max: i64,
    oversold: i64,
    double_payments: u64,
    inversions: u64,
    complaints: Vec<String>,
    faults: Vec<Fault>,
    timeline: Timeline,
}

impl Tally {
    /// Nothing yet, at the run's start.
    pub fn new(begun: Timestamp) -> Self {
        Self {
            times: Step::ALL.into_iter().map(|step| (step, Times { calls: 0, done: 0, micros: histogram() })).collect(),
            queue_wait: histogram(),
            refusals: BTreeMap::new(),
            failures: BTreeMap::new(),
            unknown: 0,
            unresolved: 0,
            repeated: 0,
            holds: 0,
            purchases: 0,
            meant_to_pay: 0,
            tokens: 0,
            buyers: 0,
            rounds: 0,
            elapsed: Duration::ZERO,
            stock: Vec::new(),
            taken_max: 0,
            oversold: 0,
            double_payments: 0,
            inversions: 0,
            complaints: Vec::new(),
            faults: Vec::new(),
            timeline: Timeline::new(begun),
        }
    }

    /// Adds a sale.
    pub fn add(&mut self, held: Held) {
        self.rounds += 1;
        self.elapsed += held.elapsed;
        self.stock.push(held.stock);
        self.taken_max = self.taken_max.max(held.shown.taken_max);
        self.oversold += held.shown.oversold;
        self.double_payments += held.shown.double_payments;
        self.inversions += held.shown.inversions;
        self.complaints.extend(held.shown.complaints);
        held.stories.iter().for_each(|story| self.add_story(story));
        held.reads.iter().for_each(|call| self.add_call(call, true));
        held.samples.iter().for_each(|sample| self.timeline.add_sample(sample));
        self.timeline.end_sale();
        held.faults.iter().for_each(|fault| self.timeline.add_fault(fault));
        self.faults.extend(held.faults);
    }

    /// Adds what the gateway complains of, whichever sale it was in.
    pub fn add_complaints_of_the_gateway(&mut self, complaints: &[Complaint]) {
        let double = complaints.iter().filter(|complaint| complaint.breach == Breach::DoubleRefund);
        self.double_payments += double.count() as u64;
        self.complaints.extend(complaints.iter().map(ToString::to_string));
    }

    fn add_story(&mut self, story: &Story) {
        self.buyers += 1;
        self.holds += u64::from(story.held.is_some());
        self.purchases += u64::from(story.bought());
        let pays = matches!(story.plan.ending, Ending::Pays | Ending::PaysLate);
        self.meant_to_pay += u64::from(pays && story.held.is_some());
        self.unresolved += story.unresolved.len() as u64;
        if let Some(place) = &story.place {
            self.tokens += 1;
            if let Some(allowed) = place.allowed {
                self.queue_wait.saturating_record(micros(allowed.since(place.given)));
            }
        }
        for (number, call) in story.calls.iter().enumerate() {
            let next = story.calls.get(number + 1);
            let goes_on = next.is_some_and(|next| next.again && next.step == call.step);
            self.add_call(call, !goes_on);
        }
    }

    /// Adds a call, which is the `last` of those that ask the same or not. What was given up without an answer took as
    /// long as somebody waited for it.
    fn add_call(&mut self, call: &Call, last: bool) {
        let times = self.times.get_mut(&call.step).expect("every step has its histogram");
        times.calls += 1;
        times.done += u64::from(call.answer == Answer::Done);
        if last || !call.answer.is_open() {
            times.micros.saturating_record(micros(call.answered.since(call.due)));
        }
        self.repeated += u64::from(call.again);
        match &call.answer {
            Answer::Done => {}
            Answer::Refused { reason } => *self.refusals.entry(reason.to_string()).or_default() += 1,
            Answer::Busy { reason } => *self.failures.entry(reason.to_string()).or_default() += 1,
            Answer::Unknown => self.unknown += 1,
            Answer::Failed { error } => *self.failures.entry(error.clone()).or_default() += 1,
        }
        self.timeline.add_call(call);
    }

    /// What there was over time.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The report, with what `verify` found, and what the gateway `taken`, if that is known.
    pub fn finish(&mut self, seed: u64, scene: &Scene, verified: Verified, taken: Option<Taken>) -> Report {
        let seconds = self.elapsed.as_secs_f64().max(f64::EPSILON);
        let per_second = |count: u64| count as f64 / seconds;
        let calls: u64 = self.times.values().map(|times| times.calls).sum();
        let failed = self.failures.values().sum::<u64>() + self.unknown;
        Report {
            scenario: scene.name,
            seed,
            rounds: self.rounds,
            buyers: self.buyers,
            elapsed_millis: u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            calls,
            holds: self.holds,
            holds_per_second: per_second(self.holds),
            purchases: self.purchases,
            purchases_per_second: per_second(self.purchases),
            success_rate: share(self.purchases, self.meant_to_pay),
            failure_rate: share(failed, calls),
            retry_rate: share(self.repeated, calls),
            token_to_paid_rate: share(self.purchases, self.tokens),
            queue_wait: (self.tokens > 0).then(|| QueueWait::of(&self.queue_wait)),
            steps: self.times.iter().map(|(step, times)| times.told(*step)).collect(),
            refusals: self.refusals.clone(),
            failures: self.failures.clone(),
            unknown: self.unknown,
            unresolved: self.unresolved,
            stock: self.stock.clone(),
            taken_max: self.taken_max,
            oversold: self.oversold,
            double_payments: self.double_payments,
            inversions: self.inversions,
            targets: scene.targets,
            faults: FaultReport::of(&self.faults),
            taken,
            verified_records: verified.records,
            complaints: std::mem::take(&mut self.complaints),
            violations: verified.violations,
        }
    }
}

impl Times {
    fn told(&self, step: Step) -> StepTimes {
        let at = |quantile| self.micros.value_at_quantile(quantile);
        StepTimes {
            step,
            calls: self.calls,
            done: self.done,
            p50_micros: at(0.50),
            p95_micros: at(0.95),
            p99_micros: at(0.99),
            max_micros: self.micros.max(),
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MICROS_MAX, 3).expect("three digits up to an hour are within a histogram's bounds")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// `None` of nothing.
fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::args::parsed;

    #[test]
    fn only_money_that_went_back_twice_makes_a_double_payment_of_what_the_gateway_complains_of() {
        let mut tally = Tally::new(Timestamp::from_micros(0));
        let complaint = |breach| Complaint { breach, detail: "sim_1".to_owned() };
        let complaints = [Breach::Refund, Breach::DoubleRefund, Breach::Terms].map(complaint);
        tally.add_complaints_of_the_gateway(&complaints);
        let scene = Scene::of(&parsed("--store memory://")).unwrap();
        let report = tally.finish(7, &scene, Verified::default(), None);
        assert_eq!(report.double_payments, 1);
        assert_eq!(report.complaints, ["I6: sim_1", "I6: sim_1", "I4: sim_1"]);
    }
}
