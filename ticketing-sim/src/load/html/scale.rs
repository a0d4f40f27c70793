//! From values to places on the paper.

/// One axis.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Where `low` and `high` are.
    from: f64,
    to: f64,
}

impl Scale {
    /// From nothing to at least `most`, with a round end.
    pub fn linear(most: f64, from: f64, to: f64) -> Self {
        let step = nice(most.max(1e-9) / 4.0);
        Self { low: 0.0, high: (most.max(1e-9) / step).ceil() * step, logarithmic: false, from, to }
    }

    /// From nothing to exactly `most`: for time.
    pub fn exact(most: f64, from: f64, to: f64) -> Self {
        Self { low: 0.0, high: most.max(1e-9), logarithmic: false, from, to }
    }

    /// Between powers of ten around `least` and `most`.
    pub fn logarithmic(least: f64, most: f64, from: f64, to: f64) -> Self {
        let low = 10_f64.powf(least.max(1e-3).log10().floor());
        let high = 10_f64.powf(most.max(low * 10.0).log10().ceil());
        Self { low, high, logarithmic: true, from, to }
    }

    /// Where a value is.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low).log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }

    /// Values worth a line.
    pub fn ticks(&self, about: usize) -> Vec<f64> {
        if self.logarithmic {
            let powers = self.low.log10().round() as i32..=self.high.log10().round() as i32;
            // Where there is room, also those in between.
            let between: &[f64] = if powers.clone().count() <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let values = powers.flat_map(|power| between.iter().map(move |value| value * 10_f64.powi(power)));
            return values.filter(|value| *value <= self.high * (1.0 + 1e-9)).collect();
        }
        let step = nice((self.high - self.low) / about.max(1) as f64);
        let count = ((self.high - self.low) / step + 1e-9) as usize;
        (0..=count).map(|n| self.low + step * n as f64).collect()
    }
}

/// The next round number: 1, 2 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| round * power >= step * (1.0 - 1e-9));
    round.unwrap_or(10.0) * power
}

/// A value beside its tick.
pub fn label(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 1e6 => format!("{:.1}M", value / 1e6),
        size if size >= 1e4 => format!("{:.0}k", value / 1e3),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') && !text.ends_with('M') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_and_has_round_ticks() {
        let scale = Scale::linear(87.0, 200.0, 0.0);
        assert_eq!(scale.ticks(4), [0.0, 50.0, 100.0]);
        assert!((scale.at(0.0) - 200.0).abs() < 1e-9 && scale.at(100.0).abs() < 1e-9);
    }

    #[test]
    fn a_logarithmic_axis_has_the_powers_of_ten() {
        let scale = Scale::logarithmic(0.4, 730.0, 100.0, 0.0);
        let ticks: Vec<_> = scale.ticks(4).into_iter().map(label).collect();
        assert_eq!(ticks, ["0.1", "1", "10", "100", "1000"]);
        assert!((scale.at(10.0) - 50.0).abs() < 1e-6);
        let ticks: Vec<_> = Scale::logarithmic(2.0, 7.0, 100.0, 0.0).ticks(4).into_iter().map(label).collect();
        assert_eq!(ticks, ["1", "2", "5", "10"]);
    }

    #[test]
    fn labels_are_short() {
        let labels: Vec<_> = [0.0, 0.25, 2.5, 1_000.0, 25_000.0, 1_500_000.0].into_iter().map(label).collect();
        assert_eq!(labels, ["0", "0.25", "2.5", "1000", "25k", "1.5M"]);
    }
}
