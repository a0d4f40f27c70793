//! A client that follows a plan of seats by what changed since, and a full reading beside it.

use std::collections::BTreeMap;

use super::Breach;

/// What a client knows of the seats of one sale.
#[derive(Debug, Default)]
pub struct Follower {
    version: Option<u64>,
    seats: BTreeMap<String, &'static str>,
}

impl Follower {
    /// The version it asks for changes since; `None`: it asks for everything.
    pub fn since(&self) -> Option<u64> {
        self.version
    }

    /// Learns what `changed`, which brings it to `version`.
    pub fn learn(&mut self, version: u64, changed: impl IntoIterator<Item = (String, &'static str)>) {
        self.version = Some(version);
        self.seats.extend(changed);
    }

    /// What it has wrong, when a full reading of the same instant is `all`.
    pub fn compare(&self, all: &BTreeMap<String, &'static str>) -> Option<Breach> {
        let of = |seats: &BTreeMap<String, &'static str>, seat: &String| seats.get(seat).copied().unwrap_or("unknown");
        let wrong = self.seats.keys().chain(all.keys()).find(|seat| of(&self.seats, seat) != of(all, seat))?;
        let (known, is) = (of(&self.seats, wrong), of(all, wrong));
        let detail = format!("who follows the seats takes {wrong} for {known}, and a full reading says {is}");
        Some(Breach::of("seats", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_follows_knows_what_a_full_reading_says() {
        let mut follower = Follower::default();
        assert_eq!(follower.since(), None);
        let all = |one, two| BTreeMap::from([("A1".to_owned(), one), ("A2".to_owned(), two)]);
        follower.learn(3, all("HOLD", "AVAILABLE"));
        assert_eq!(follower.compare(&all("HOLD", "AVAILABLE")), None);
        assert!(follower.compare(&all("AVAILABLE", "AVAILABLE")).is_some(), "it was not told that A1 is free");
        follower.learn(4, [("A1".to_owned(), "AVAILABLE")]);
        assert_eq!((follower.since(), follower.compare(&all("AVAILABLE", "AVAILABLE"))), (Some(4), None));
        assert!(follower.compare(&BTreeMap::from([("A1".to_owned(), "AVAILABLE")])).is_some(), "A2 is no seat");
    }
}
