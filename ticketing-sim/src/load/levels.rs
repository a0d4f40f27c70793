//! A number that steps up and down over time.

use ticketing_core::clock::Timestamp;

/// Which of two steps at one instant comes first: the one that makes the number look smaller, or
/// the one that makes it look larger. Where the order is not known, each judge takes the one that
/// is in the accused's favour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Steps down first.
    Low,
    /// Steps up first.
    High,
}

/// A step function of time that is 0 before its first step, with the largest value of every range
/// at hand.
#[derive(Debug)]
pub struct Levels {
    at: Vec<Timestamp>,
    /// `highest[k][i]`: the largest of the 2^k values from the i-th step on.
    highest: Vec<Vec<i64>>,
}

impl Levels {
    /// The function that takes these `steps`.
    pub fn of(mut steps: Vec<(Timestamp, i64)>, ties: Ties) -> Self {
        steps.sort_unstable_by_key(|(at, step)| (*at, if ties == Ties::Low { *step } else { -step }));
        let mut level = 0;
        let values: Vec<i64> = steps
            .iter()
            .map(|(_, step)| {
                level += step;
                level
            })
            .collect();
        let mut highest = vec![values];
        let mut width = 1;
        while width * 2 <= steps.len() {
            let below = &highest[highest.len() - 1];
            let doubled = (0..=steps.len() - width * 2).map(|i| below[i].max(below[i + width])).collect();
            highest.push(doubled);
            width *= 2;
        }
        Self { at: steps.into_iter().map(|(at, _)| at).collect(), highest }
    }

    /// The largest value ever, and when it was first reached.
    pub fn peak(&self) -> Option<(Timestamp, i64)> {
        let values = &self.highest[0];
        let most = values.iter().max()?;
        let first = values.iter().position(|value| value == most)?;
        (*most > 0).then(|| (self.at[first], *most))
    }

    /// The largest value at any instant from `from` to `to`, both included.
    pub fn most_within(&self, from: Timestamp, to: Timestamp) -> i64 {
        let before = self.at.partition_point(|at| *at < from);
        let end = self.at.partition_point(|at| *at <= to);
        let carried = before.checked_sub(1).map_or(0, |last| self.highest[0][last]);
        if before == end {
            return carried;
        }
        let k = (end - before).ilog2() as usize;
        let row = &self.highest[k];
        carried.max(row[before]).max(row[end - (1 << k)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn the_largest_value_of_any_range_agrees_with_a_plain_scan() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let steps: Vec<_> = (0..rng.usize(0..40)).map(|_| (at(rng.i64(0..30)), rng.i64(-3..=3))).collect();
            let levels = Levels::of(steps.clone(), Ties::High);
            for from in 0..30 {
                for to in from..30 {
                    let scan = |instant: i64| -> i64 {
                        let before: i64 = steps.iter().filter(|(t, _)| *t < at(instant)).map(|(_, s)| s).sum();
                        let ups: i64 = steps.iter().filter(|(t, s)| *t == at(instant) && *s > 0).map(|(_, s)| s).sum();
                        before + ups
                    };
                    let carried: i64 = steps.iter().filter(|(t, _)| *t < at(from)).map(|(_, s)| s).sum();
                    let expected = (from..=to).map(scan).max().unwrap_or(0).max(carried);
                    assert_eq!(levels.most_within(at(from), at(to)), expected, "{steps:?} {from}..={to}");
                }
            }
        }
    }

    #[test]
    fn the_order_of_steps_at_one_instant_is_the_judges() {
        let steps = vec![(at(1), 2), (at(2), -2), (at(2), 2)];
        assert_eq!(Levels::of(steps.clone(), Ties::Low).peak(), Some((at(1), 2)));
        assert_eq!(Levels::of(steps, Ties::High).peak(), Some((at(2), 4)));
        assert_eq!(Levels::of(Vec::new(), Ties::High).peak(), None);
    }
}
