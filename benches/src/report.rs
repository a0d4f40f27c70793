//! Pairs of figures measured in one run, and what their ratio says.

use std::{fs, path::PathBuf};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::{Failure, disk};

/// How a pair is judged.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// Subject divided by reference, at least so much.
    RatioAtLeast(f64),
    /// Subject minus reference, at most so much, in the figures' unit.
    DifferenceAtMost(f64),
    /// The subject alone, at least so much.
    AtLeast(f64),
    /// Subject divided by reference, to be known.
    Ratio,
    /// Subject minus reference, to be known.
    Difference,
}

/// A subject and what it is compared with, measured in turns.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// Its name in the list of targets.
    pub id: &'static str,
    /// What is measured.
    pub what: String,
    /// In what.
    pub unit: &'static str,
    /// The subject's figure in each turn.
    pub subject: Vec<f64>,
    /// The reference's.
    pub reference: Vec<f64>,
    /// What is to be reached.
    pub target: Target,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(flatten)]
    pair: &'a Pair,
    subject_median: f64,
    reference_median: f64,
    result: f64,
    reached: Option<bool>,
}

impl Pair {
    /// The figure that the target speaks of.
    pub fn result(&self) -> f64 {
        let (subject, reference) = (median(&self.subject), median(&self.reference));
        match self.target {
            Target::RatioAtLeast(_) | Target::Ratio => subject / reference,
            Target::DifferenceAtMost(_) | Target::Difference => subject - reference,
            Target::AtLeast(_) => subject,
        }
    }

    /// Whether the target is reached; `None` where there is none.
    pub fn reached(&self) -> Option<bool> {
        match self.target {
            Target::RatioAtLeast(least) | Target::AtLeast(least) => Some(self.result() >= least),
            Target::DifferenceAtMost(most) => Some(self.result() <= most),
            Target::Ratio | Target::Difference => None,
        }
    }

    fn cells(&self) -> [String; 7] {
        let (ratio, difference) = (|| format!("{:.2} ×", self.result()), || format!("{:+.0}", self.result()));
        let (result, target) = match self.target {
            Target::RatioAtLeast(least) => (ratio(), format!("≥ {least} ×")),
            Target::DifferenceAtMost(most) => (difference(), format!("≤ +{most}")),
            Target::AtLeast(least) => (format!("{:.0}", self.result()), format!("≥ {least}")),
            Target::Ratio => (ratio(), String::new()),
            Target::Difference => (difference(), String::new()),
        };
        let reached = match self.reached() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        [
            self.id.to_owned(),
            self.what.clone(),
            figure(&self.subject, self.unit),
            figure(&self.reference, self.unit),
            result,
            target,
            reached.to_owned(),
        ]
    }
}

/// The median, and how far the turns lie apart.
fn figure(figures: &[f64], unit: &str) -> String {
    let smallest = figures.iter().copied().reduce(f64::min);
    let (Some(smallest), Some(largest)) = (smallest, figures.iter().copied().reduce(f64::max)) else {
        return String::new();
    };
    format!("{:.0} {unit} ({smallest:.0}–{largest:.0})", median(figures))
}

/// The middle one of `figures`; the mean of the two in the middle of an even number; 0 of none.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// The one of `figures` that so many of a hundred do not exceed; 0 of none.
pub fn percentile(figures: &[f64], percent: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}

/// The pairs as a table for people.
pub fn table(pairs: &[Pair]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["", "what", "ours", "reference", "result", "target", "reached"]);
    for pair in pairs {
        table.add_row(pair.cells());
    }
    table.to_string()
}

/// Writes the pairs to `report.json` in the benchmarks' directory, and tells where that is.
///
/// # Errors
/// When it cannot be written.
pub fn write(pairs: &[Pair]) -> Result<PathBuf, Failure> {
    let line = |pair| Line {
        pair,
        subject_median: median(&pair.subject),
        reference_median: median(&pair.reference),
        result: pair.result(),
        reached: pair.reached(),
    };
    let lines: Vec<_> = pairs.iter().map(line).collect();
    let path = disk::bench_dir()?.join("report.json");
    fs::write(&path, serde_json::to_vec_pretty(&lines)?)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]).to_bits(), 0.0_f64.to_bits());
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn a_percentile_is_a_figure_that_was_measured() {
        let figures: Vec<_> = (1..=200).rev().map(f64::from).collect();
        let is = |percent, expected: f64| assert!((percentile(&figures, percent) - expected).abs() < f64::EPSILON);
        is(0, 1.0);
        is(50, 100.0);
        is(99, 198.0);
        is(100, 200.0);
        assert_eq!(percentile(&[], 99).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_target_is_reached_from_the_right_side() {
        let reached = |target| {
            let (subject, reference) = (vec![10.0], vec![5.0]);
            Pair { id: "P0", what: String::new(), unit: "", subject, reference, target }.reached()
        };
        assert_eq!(reached(Target::RatioAtLeast(2.0)), Some(true));
        assert_eq!(reached(Target::RatioAtLeast(2.1)), Some(false));
        assert_eq!(reached(Target::DifferenceAtMost(5.0)), Some(true));
        assert_eq!(reached(Target::DifferenceAtMost(4.9)), Some(false));
        assert_eq!(reached(Target::AtLeast(10.0)), Some(true));
        assert_eq!(reached(Target::AtLeast(10.1)), Some(false));
        assert_eq!((reached(Target::Ratio), reached(Target::Difference)), (None, None));
    }
}
