//! What a waiting room promises beside its order: so many admissions in any stretch of time, so many at once,
//! so many in the line.
//!
//! A change is decided after the one before it was there, and before it is there itself; in between, the engine
//! chooses the instant.

use super::{
    super::history::{Ask, At, Op, User, Who},
    Breach, Evidence, Turn,
    stock::seconds,
    story::Stories,
};

const SECOND: At = 1_000_000;

/// Checks every waiting room.
pub fn check(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for (sale, (terms, turns)) in evidence.sales.iter().zip(&evidence.turns).enumerate() {
        let Some(line) = &terms.line else { continue };
        if let Some(rate) = line.per_second {
            within_the_rate(turns, At::from(rate), found);
        }
        let room = Room {
            turns,
            wait: At::from(line.wait_seconds) * SECOND,
            window: At::from(line.window_seconds) * SECOND,
            gone: departures(evidence, stories, sale),
            cleared: cleared(evidence, sale),
        };
        if let Some(most) = line.active_max {
            room.not_too_many(most, found);
        }
        if let Some(most) = line.len_max {
            room.not_too_long(most, found);
        }
    }
}

/// Of what the rate allows, one second's worth may be saved up.
fn within_the_rate(turns: &[Turn], rate: At, found: &mut Vec<Breach>) {
    let steps: Vec<&Turn> = turns.iter().filter(|turn| !turn.admitted.is_empty()).collect();
    for (place, first) in steps.iter().enumerate() {
        let mut count = 0;
        for (number, last) in steps[place..].iter().enumerate() {
            count += last.admitted.len() as At;
            // A step may be a microsecond out, by rounding.
            let time = last.at - first.since + SECOND + number as At + 1;
            if count * SECOND > rate * time {
                let (from, to) = (seconds(first.since), seconds(last.at));
                let detail = format!("{count} were admitted between {from} and {to}, at {rate} a second");
                found.push(Breach::of("admission", detail));
                return;
            }
        }
    }
}

/// When each buyer may have left a place, or bought: the earliest instant.
fn departures(evidence: &Evidence, stories: &Stories<'_>, sale: usize) -> Vec<(User, Option<u64>, At)> {
    let left = evidence.ops.iter().filter(|op| op.sale == sale && op.may_have_happened()).filter_map(|op| {
        match (&op.ask, op.who) {
            (Ask::Leave { place, .. }, Who::Buyer(user)) => Some((user, Some(*place), op.asked)),
            _ => None,
        }
    });
    let bought = stories.of_sale(sale).flat_map(|story| {
        let paid = story.paid.iter().filter(|op| op.may_have_happened());
        paid.map(|op| (story.user, None, op.asked))
    });
    left.chain(bought).collect()
}

/// When all who waited may have been sent away.
fn cleared(evidence: &Evidence, sale: usize) -> Vec<At> {
    let is_clearing = |op: &&Op| op.sale == sale && op.ask == Ask::Clear && op.may_have_happened();
    evidence.ops.iter().filter(is_clearing).map(|op| op.asked).collect()
}

struct Room<'a> {
    turns: &'a [Turn],
    wait: At,
    window: At,
    gone: Vec<(User, Option<u64>, At)>,
    cleared: Vec<At>,
}

impl Room<'_> {
    /// Behind each admission, those who are certainly in their windows are no more than may be.
    fn not_too_many(&self, most: u32, found: &mut Vec<Breach>) {
        for (place, turn) in self.turns.iter().enumerate().filter(|(_, turn)| !turn.admitted.is_empty()) {
            let active = self.active(place);
            if active.len() > most as usize {
                let at = seconds(turn.at);
                let detail = format!("places {active:?} were admitted together at {at}, and {most} may be");
                found.push(Breach::of("admission", detail));
                return;
            }
        }
    }

    /// Nobody is given a place while as many others as may be certainly have one.
    fn not_too_long(&self, most: u32, found: &mut Vec<Breach>) {
        for (place, turn) in self.turns.iter().enumerate() {
            for (number, user) in &turn.joined {
                let inside = self.active(place).into_iter().chain(self.waiting(place));
                let others = inside.filter(|other| other < number).count();
                if others >= most as usize {
                    let at = seconds(turn.at);
                    let detail = format!("buyer {user} was given place {number} at {at}, behind {others} of {most}");
                    found.push(Breach::of("admission", detail));
                    return;
                }
            }
        }
    }

    /// Who is certainly admitted, in the window, and has neither left nor bought, as of change `place`.
    fn active(&self, place: usize) -> Vec<u64> {
        let now = self.turns[place].at;
        let admitted =
            self.turns[..=place].iter().flat_map(|turn| turn.admitted.iter().map(move |guest| (turn, guest)));
        let inside = admitted.filter(|(turn, (number, user))| {
            now < turn.since + self.window && !self.may_be_gone(*number, *user, place)
        });
        inside.map(|(_, (number, _))| *number).collect()
    }

    /// Who certainly waits, as of change `place`.
    fn waiting(&self, place: usize) -> Vec<u64> {
        let now = self.turns[place].at;
        let admitted = |number: &u64| {
            self.turns[..=place].iter().flat_map(|turn| &turn.admitted).any(|(other, _)| other == number)
        };
        let joined = self.turns[..=place].iter().flat_map(|turn| turn.joined.iter().map(move |guest| (turn, guest)));
        let inside = joined.filter(|(turn, (number, user))| {
            let sent_away = self.cleared.iter().any(|cleared| *cleared <= now);
            now < turn.since + self.wait && !sent_away && !admitted(number) && !self.may_be_gone(*number, *user, place)
        });
        inside.map(|(_, (number, _))| *number).collect()
    }

    fn may_be_gone(&self, number: u64, user: User, place: usize) -> bool {
        let now = self.turns[place].at;
        let gone =
            |(who, of, at): &(User, Option<u64>, At)| *who == user && *at <= now && of.is_none_or(|of| of == number);
        let newer = |(other, who): &(u64, User)| *who == user && *other > number;
        self.gone.iter().any(gone) || self.turns[..=place].iter().flat_map(|turn| &turn.joined).any(newer)
    }
}
