//! What all seeds came to: for people, and as JSON that is the same for the same seeds.

use std::{collections::BTreeMap, fmt::Write};

use comfy_table::{ContentArrangement, Table, presets};

use super::{oracle::Breach, seeds::Seeds, shrink::Shrunk, world::Outcome};

/// Lines of a shrunk trace that are printed.
const TRACE_LINES_MAX: usize = 400;
/// How wide a table is where nobody says.
const WIDTH: u16 = 110;

/// What came of all seeds.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub first_seed: u64,
    pub seeds: u64,
    pub scenario: &'static str,
    /// Questions asked, by kind.
    pub operations: BTreeMap<&'static str, u64>,
    pub acknowledged: u64,
    pub refused: u64,
    pub unknown: u64,
    /// Faults that struck, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Changes that the store committed.
    pub commits: u64,
    /// Times that the whole store was verified.
    pub verified: u64,
    pub simulated_seconds: u64,
    /// Two runs with the same digest had the same traces.
    pub digest: String,
    pub failures: Vec<Failure>,
    #[serde(skip)]
    traces: Vec<Vec<String>>,
    #[serde(skip)]
    digest_so_far: u64,
}

/// A seed that broke a promise.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub seed: u64,
    /// What it broke, as the seed draws it.
    pub broken: Vec<Breach>,
    pub replay: String,
    /// What the smallest run found still breaks.
    pub shrunk_to: Vec<Breach>,
    /// How small that is, in words.
    pub shrunk: String,
    /// Its trace.
    pub trace: Vec<String>,
}

impl Failure {
    /// A failure with the smallest run that was found for it.
    pub fn shrunk(seeds: &Seeds, outcome: &Outcome, shrunk: Shrunk) -> Self {
        let plan = &shrunk.plan;
        let steps: usize = plan.buyers.iter().map(|buyer| buyer.steps.len()).sum();
        let words = format!(
            "{} buyers with {steps} steps, {} chores, {} mishaps, {} faults on {} nodes, found in {} runs",
            plan.buyers.len(),
            plan.chores.len(),
            plan.mishaps.len(),
            shrunk.outcome.drawn.len(),
            plan.nodes.len(),
            shrunk.runs,
        );
        Self {
            shrunk_to: shrunk.outcome.breaches,
            shrunk: words,
            trace: shrunk.outcome.trace,
            ..Self::as_it_is(seeds, outcome)
        }
    }

    /// A failure as its seed draws it.
    pub fn as_it_is(seeds: &Seeds, outcome: &Outcome) -> Self {
        Self {
            seed: outcome.seed,
            broken: outcome.breaches.clone(),
            replay: seeds.replay(outcome.seed),
            shrunk_to: Vec::new(),
            shrunk: String::new(),
            trace: Vec::new(),
        }
    }
}

impl Report {
    /// Before the first seed.
    pub fn new(seeds: &Seeds) -> Self {
        Self {
            first_seed: seeds.first,
            seeds: 0,
            scenario: seeds.scenario.name(),
            operations: BTreeMap::new(),
            acknowledged: 0,
            refused: 0,
            unknown: 0,
            faults: BTreeMap::new(),
            commits: 0,
            verified: 0,
            simulated_seconds: 0,
            digest: String::new(),
            failures: Vec::new(),
            traces: Vec::new(),
            digest_so_far: 0,
        }
    }

    /// Adds the next seed.
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        for (kind, count) in &outcome.operations {
            *self.operations.entry(kind).or_default() += count;
        }
        for (fault, count) in &outcome.faults {
            *self.faults.entry(fault.name()).or_default() += count;
        }
        self.acknowledged += outcome.acked;
        self.refused += outcome.refused;
        self.unknown += outcome.unknown;
        self.commits += outcome.commits;
        self.verified += outcome.looks;
        self.simulated_seconds += outcome.simulated.as_secs();
        self.digest_so_far = self.digest_so_far.rotate_left(5).wrapping_mul(0x100_0000_01b3) ^ outcome.digest;
        self.digest = format!("{:016x}", self.digest_so_far);
        if !outcome.trace.is_empty() {
            self.traces.push(outcome.trace.clone());
        }
    }

    /// For people. With `traced`, the trace of a single seed first.
    pub fn text(&self, traced: bool) -> String {
        let mut text = String::new();
        for line in self.traces.iter().filter(|_| traced).flatten() {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(text, "{}", self.table());
        for failure in &self.failures {
            failure.write(&mut text);
        }
        text + &self.verdict()
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        if table.width().is_none() {
            table.set_width(WIDTH);
        }
        let operations: u64 = self.operations.values().sum();
        let list = |counted: &BTreeMap<&'static str, u64>| {
            let each: Vec<String> = counted.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            each.join(", ")
        };
        let last = self.first_seed + self.seeds.saturating_sub(1);
        table.add_row([
            "seeds".to_owned(),
            format!("{} ({} to {last}), {}", self.seeds, self.first_seed, self.scenario),
        ]);
        table.add_row(["operations".to_owned(), format!("{operations}: {}", list(&self.operations))]);
        let (acked, refused, unknown) = (self.acknowledged, self.refused, self.unknown);
        table.add_row(["answers".to_owned(), format!("{acked} done, {refused} refused, {unknown} lost")]);
        let faults: u64 = self.faults.values().sum();
        table.add_row(["faults".to_owned(), format!("{faults}: {}", list(&self.faults))]);
        table.add_row(["commits".to_owned(), self.commits.to_string()]);
        table.add_row(["verified".to_owned(), format!("{} times", self.verified)]);
        let (hours, minutes) = (self.simulated_seconds / 3_600, self.simulated_seconds / 60 % 60);
        table.add_row(["simulated".to_owned(), format!("{hours} h {minutes} min")]);
        table.add_row(["digest".to_owned(), self.digest.clone()]);
        table
    }

    /// One line that says how it went.
    pub fn verdict(&self) -> String {
        let operations: u64 = self.operations.values().sum();
        let faults: u64 = self.faults.values().sum();
        match self.failures.first() {
            None => {
                format!("PASS: {} seeds, {operations} operations under {faults} faults, no promise broken", self.seeds)
            }
            Some(first) => format!(
                "FAIL: {} of {} seeds broke a promise, {} first: {}",
                self.failures.len(),
                self.seeds,
                first.seed,
                first.replay
            ),
        }
    }
}

impl Failure {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "\nseed {} broke a promise:", self.seed);
        for breach in &self.broken {
            let _ = writeln!(text, "  {}: {}", breach.invariant, breach.detail);
        }
        if !self.trace.is_empty() {
            let _ = writeln!(text, "\nthe smallest run found that breaks it: {}", self.shrunk);
            for line in self.trace.iter().take(TRACE_LINES_MAX) {
                let _ = writeln!(text, "{line}");
            }
        }
        let _ = writeln!(text, "\nagain: {}\n", self.replay);
    }
}
