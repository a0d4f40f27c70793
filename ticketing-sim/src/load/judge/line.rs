//! The waiting room, as those in it saw it.

use std::time::Duration;

use ticketing_core::clock::Timestamp;

use crate::load::story::Story;

/// How old what is told of a place may be.
const TOLD_LATE_BY: Duration = Duration::from_secs(1);

/// One look at a place, of somebody who came `asked` to `given`.
#[derive(Debug, Clone, Copy)]
struct Look {
    who: usize,
    at: Timestamp,
    position: u64,
}

/// Everybody who stood behind somebody that came later.
///
/// Whoever had a place before another asked for one is ahead: as long as both are there, fewer people
/// wait ahead of the first, and that number only falls. So the first can never be told a position that
/// is as far back as one that the other was told before. But that both may hear that they are first: who is let
/// in is told so as soon as the ledger knows, and nobody waits ahead of whoever is next.
pub fn by_places(stories: &[Story]) -> Vec<String> {
    let mut told = Vec::new();
    let mut asked = Vec::new();
    let mut come: Vec<Timestamp> = Vec::new();
    for (who, place) in stories.iter().enumerate().filter_map(|(who, story)| Some((who, story.place.as_ref()?))) {
        come.push(place.asked);
        for seen in &place.seen {
            told.push(Look { who, at: seen.answered.plus(TOLD_LATE_BY), position: seen.position });
            // Who is allowed in waits behind nobody.
            if seen.position > 0 {
                asked.push(Look { who, at: seen.asked, position: seen.position });
            }
        }
    }
    told.sort_unstable_by_key(|look| look.at);
    asked.sort_unstable_by_key(|look| look.at);
    come.sort_unstable();
    come.dedup();

    let place = |look: &Look| stories[look.who].place.as_ref();
    let (mut least, mut told) = (Least::new(come.len()), told.into_iter().peekable());
    let mut complaints = Vec::new();
    for look in asked {
        while let Some(earlier) = told.next_if(|earlier| earlier.at < look.at) {
            let rank = place(&earlier).map_or(0, |place| come.partition_point(|at| *at < place.asked));
            least.put(rank, earlier);
        }
        let Some(own) = place(&look) else { continue };
        let later_comers = come.partition_point(|at| *at <= own.given);
        let is_ahead = |other: &Look| other.position <= look.position && (other.position, look.position) != (1, 1);
        if let Some(other) = least.from(later_comers).filter(is_ahead) {
            let (user, position) = (stories[look.who].plan.user_id, look.position);
            let (later, ahead) = (stories[other.who].plan.user_id, other.position);
            complaints.push(format!(
                "I10: {user} had a place before {later} asked for one, and was {position}th in line after {later} was {ahead}th"
            ));
        }
    }
    complaints
}

/// The smallest position of those who came at a rank or later.
struct Least {
    /// A Fenwick tree over the ranks from the last to the first.
    tree: Vec<Option<Look>>,
}

impl Least {
    fn new(ranks: usize) -> Self {
        Self { tree: vec![None; ranks + 1] }
    }

    fn put(&mut self, rank: usize, look: Look) {
        let mut at = self.tree.len() - 1 - rank;
        while at < self.tree.len() {
            if self.tree[at].is_none_or(|known| look.position < known.position) {
                self.tree[at] = Some(look);
            }
            at += at & at.wrapping_neg();
        }
    }

    fn from(&self, rank: usize) -> Option<Look> {
        let mut at = (self.tree.len() - 1).checked_sub(rank)?;
        let mut least: Option<Look> = None;
        while at > 0 {
            if let Some(look) = self.tree[at].filter(|look| least.is_none_or(|known| look.position < known.position)) {
                least = Some(look);
            }
            at -= at & at.wrapping_neg();
        }
        least
    }
}
