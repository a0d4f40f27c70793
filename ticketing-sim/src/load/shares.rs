//! What buyers do, and how many of them.

use std::str::FromStr;

use fastrand::Rng;

use super::plan::Ending;

/// Weights of the ways a buyer's visit ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares(Vec<(Ending, u32)>);

impl Shares {
    /// What the single percentages come to; the rest buys. `None` when they are more than a hundred.
    pub fn of_percentages(decline: u8, abandon: u8, late: u8) -> Option<Self> {
        let rest = 100_u8.checked_sub(decline)?.checked_sub(abandon)?.checked_sub(late)?;
        let mut shares = Self(Vec::new());
        shares.add("decline", decline.into());
        shares.add("abandon", abandon.into());
        shares.add("late", late.into());
        shares.add("buy", rest.into());
        Some(shares)
    }

    /// One buyer's ending.
    pub fn draw(&self, rng: &mut Rng) -> Ending {
        let sum: u32 = self.0.iter().map(|(_, weight)| weight).sum();
        let mut drawn = rng.u32(..sum);
        for (ending, weight) in &self.0 {
            match drawn.checked_sub(*weight) {
                None => return *ending,
                Some(rest) => drawn = rest,
            }
        }
        Ending::Pays
    }

    /// Whether anybody ends so.
    pub fn has(&self, ending: Ending) -> bool {
        self.0.iter().any(|(known, weight)| *known == ending && *weight > 0)
    }

    /// `false` when there is nothing of this name.
    fn add(&mut self, name: &str, weight: u32) -> bool {
        // Walking away has two moments: before the payment page, and on it.
        let (walks_first, walks_later) = (weight / 2 + weight % 2, weight / 2);
        match name {
            "buy" => self.0.push((Ending::Pays, weight)),
            "decline" => self.0.push((Ending::IsDeclined, weight)),
            "abandon" => {
                self.0.extend([(Ending::WalksAway, walks_first), (Ending::WalksAwayFromPayment, walks_later)]);
            }
            "release" => self.0.push((Ending::Releases, weight)),
            "leave" => self.0.push((Ending::LeavesTheLine, weight)),
            "late" => self.0.push((Ending::PaysLate, weight)),
            _ => return false,
        }
        true
    }
}

impl FromStr for Shares {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WEIGHT_MAX: u32 = 1_000_000;
        let mut shares = Self(Vec::new());
        for part in text.split(',') {
            let parsed = part.split_once('=').and_then(|(name, weight)| Some((name, weight.parse::<u32>().ok()?)));
            let known = parsed.filter(|(_, weight)| *weight <= WEIGHT_MAX);
            // Doubled, so that half of an odd weight is a whole number.
            if !known.is_some_and(|(name, weight)| shares.add(name.trim(), weight * 2)) {
                let names = "buy, decline, abandon, release, leave or late";
                return Err(format!(
                    "`{part}` is no share: expected {names}, and a number up to {WEIGHT_MAX} behind `=`"
                ));
            }
        }
        if shares.0.iter().all(|(_, weight)| *weight == 0) {
            Err("nobody does anything".to_owned())
        } else {
            Ok(shares)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn drawn(text: &str, ending: Ending) -> usize {
        let (shares, mut rng) = (text.parse::<Shares>().unwrap(), Rng::with_seed(1));
        (0..10_000).filter(|_| shares.draw(&mut rng) == ending).count()
    }

    #[test]
    fn shares_are_kept_by_weight() {
        let text = "buy=3,decline=1,abandon=1,release=2,leave=1,late=2";
        let near = |ending, expected: usize| {
            let count = drawn(text, ending);
            assert!(count.abs_diff(expected) < 300, "{ending:?}: {count} of 10000");
        };
        near(Ending::Pays, 3_000);
        near(Ending::IsDeclined, 1_000);
        near(Ending::WalksAway, 500);
        near(Ending::WalksAwayFromPayment, 500);
        near(Ending::Releases, 2_000);
        near(Ending::LeavesTheLine, 1_000);
        near(Ending::PaysLate, 2_000);
        assert_eq!(drawn("release=7", Ending::Releases), 10_000);
    }

    #[test]
    fn what_is_no_share_is_refused_by_name() {
        for bad in ["", "buy", "buy=x", "steal=1", "buy=1,", "buy=0", "buy=-1"] {
            assert!(bad.parse::<Shares>().is_err(), "{bad}");
        }
        assert_eq!(Shares::of_percentages(60, 60, 0), None);
    }
}
