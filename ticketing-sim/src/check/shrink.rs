//! Makes a failing run smaller, as long as it breaks the same promise.

use std::collections::BTreeSet;

use super::{
    oracle::Breach,
    plan::Plan,
    seeds,
    sim::faults::Fault,
    world::{self, Outcome},
};

/// Runs that may be spent on one failure.
const RUNS_MAX: u32 = 500;

/// A smaller run that fails alike.
#[derive(Debug)]
pub struct Shrunk {
    pub plan: Plan,
    /// With its trace.
    pub outcome: Outcome,
    /// How many runs it took.
    pub runs: u32,
}

struct Search {
    /// What it has to break.
    kind: Kind,
    /// The bug that is planted.
    plant: Option<&'static str>,
    plan: Plan,
    drawn: BTreeSet<(Fault, u64)>,
    runs: u32,
}

/// The smallest run found that breaks what `outcome` of `plan` broke first.
pub fn shrink(plan: Plan, outcome: &Outcome, plant: Option<&'static str>) -> Shrunk {
    let kind = outcome.breaches.first().map_or(("", Vec::new()), kind);
    let mut search = Search { kind, plant, plan, drawn: outcome.drawn.clone(), runs: 0 };
    let mut before = usize::MAX;
    // What one kind of cut makes superfluous, another takes away next time.
    while search.size() < before && search.runs < RUNS_MAX {
        before = search.size();
        search.cut(|plan| plan.buyers.clone(), |plan, buyers| plan.buyers = buyers);
        search.cut(|plan| plan.chores.clone(), |plan, chores| plan.chores = chores);
        search.cut(|plan| plan.mishaps.clone(), |plan, mishaps| plan.mishaps = mishaps);
        search.try_out(Plan { latecomers: false, ..search.plan.clone() });
        search.cut_kinds();
        search.cut_faults();
        search.cut_steps();
        search.cut(|plan| plan.nodes.clone(), |plan, nodes| plan.nodes = nodes);
    }
    let outcome = search.run(&search.plan, true);
    seeds::plant(None);
    Shrunk { plan: search.plan, outcome, runs: search.runs }
}

/// An invariant, and the words of what broke it.
type Kind = (&'static str, Vec<String>);

/// What kind of failure `breach` is: two that differ in numbers and names only are the same.
fn kind(breach: &Breach) -> Kind {
    let words = breach.detail.split_whitespace().filter(|word| !word.chars().any(|letter| letter.is_ascii_digit()));
    (breach.invariant, words.map(str::to_owned).collect())
}

impl Search {
    /// Runs `plan` as its seed was run.
    fn run(&self, plan: &Plan, keep_trace: bool) -> Outcome {
        seeds::plant(self.plant);
        world::run(plan, keep_trace)
    }

    fn size(&self) -> usize {
        let steps: usize = self.plan.buyers.iter().map(|buyer| 1 + buyer.steps.len()).sum();
        let faults = self.drawn.len();
        steps + self.plan.chores.len() + self.plan.mishaps.len() + self.plan.rates.kinds().len() + faults
    }

    /// Takes `candidate` if it fails alike.
    fn try_out(&mut self, candidate: Plan) -> bool {
        if self.runs >= RUNS_MAX {
            return false;
        }
        self.runs += 1;
        let outcome = self.run(&candidate, false);
        let fails = outcome.breaches.iter().any(|breach| kind(breach) == self.kind);
        if fails {
            self.plan = candidate;
            self.drawn = outcome.drawn;
        }
        fails
    }

    /// Takes away as many of a list's items as possible: halves first, single ones last.
    fn cut<T: Clone>(&mut self, of: impl Fn(&Plan) -> Vec<T>, set: impl Fn(&mut Plan, Vec<T>)) {
        let mut chunk = of(&self.plan).len().div_ceil(2);
        while chunk > 0 {
            let mut from = 0;
            while from < of(&self.plan).len() {
                let mut items = of(&self.plan);
                items.drain(from..(from + chunk).min(items.len()));
                let mut candidate = self.plan.clone();
                set(&mut candidate, items);
                if candidate.nodes.is_empty() || !self.try_out(candidate) {
                    from += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn cut_kinds(&mut self) {
        for fault in self.plan.rates.kinds() {
            let mut candidate = self.plan.clone();
            candidate.rates.set(fault, 0);
            self.try_out(candidate);
        }
    }

    /// Leaves single faults out.
    fn cut_faults(&mut self) {
        let mut chunk = self.drawn.len().div_ceil(2);
        while chunk > 0 {
            let all: Vec<(Fault, u64)> = self.drawn.iter().copied().collect();
            for some in all.chunks(chunk) {
                let mut candidate = self.plan.clone();
                candidate.left_out.extend(some.iter().copied());
                self.try_out(candidate);
            }
            chunk /= 2;
        }
    }

    /// Sends buyers home earlier, and spares them steps.
    fn cut_steps(&mut self) {
        for index in 0..self.plan.buyers.len() {
            let of = move |plan: &Plan| plan.buyers.get(index).map_or_else(Vec::new, |buyer| buyer.steps.clone());
            self.cut(of, move |plan, steps| {
                if let Some(buyer) = plan.buyers.get_mut(index) {
                    buyer.steps = steps;
                }
            });
        }
    }
}
