//! I7: a key of a buyer is one hold, and every answer under it names that hold. What was answered as not
//! done has not been done.

use std::collections::BTreeMap;

use ticketing_core::ids::HoldId;

use super::{
    super::history::{Answer, Ask, No, Op, State, Who},
    Breach, Evidence,
    stock::seconds,
    story::{Stories, Story},
};

/// Checks every key.
pub fn check(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    let mut owners: BTreeMap<HoldId, &Story<'_>> = BTreeMap::new();
    for story in &stories.all {
        one_hold(story, &mut owners, found);
        replays(story, found);
        not_done(evidence, story, found);
    }
    for op in &evidence.ops {
        named_as_obstacle(evidence, op, found);
    }
    asked_for(evidence, stories, found);
}

fn one_hold<'s, 'a>(story: &'s Story<'a>, owners: &mut BTreeMap<HoldId, &'s Story<'a>>, found: &mut Vec<Breach>) {
    let (user, key) = (story.user, story.key);
    for op in &story.asks {
        let (Ask::Hold { wish: asked, .. }, Answer::Held { hold, owner, wish, .. }) = (&op.ask, &op.answer) else {
            continue;
        };
        if *owner != user {
            found.push(Breach::of("I7", format!("buyer {user} was given the hold of buyer {owner} under key {key}")));
        }
        if wish != asked {
            found.push(Breach::of("I7", format!("buyer {user} asked for {asked:?} under key {key} and got {wish:?}")));
        }
        if story.hold.is_some_and(|told| told.hold != *hold) {
            found.push(Breach::of("I7", format!("buyer {user} was told of two holds under key {key}")));
        }
        let first = owners.entry(*hold).or_insert(story);
        if (first.user, first.key) != (user, key) {
            let (other, theirs) = (first.user, first.key);
            let detail =
                format!("{hold} was given to buyer {other} under key {theirs} and to buyer {user} under {key}");
            found.push(Breach::of("I7", detail));
        }
    }
}

/// Behind its first answer, a key answers the same, or says that it is another request's.
fn replays(story: &Story<'_>, found: &mut Vec<Breach>) {
    let Some(told) = story.hold else { return };
    for op in story.asks.iter().filter(|op| op.asked > told.acked) {
        let Ask::Hold { wish, .. } = &op.ask else { continue };
        let right = match &op.answer {
            Answer::Held { replayed, amount, created, expires, .. } => {
                let as_before = (*amount, *created, *expires) == (told.amount, told.created, told.expires);
                *replayed && wish == told.wish && as_before
            }
            Answer::Refused(No::KeyReused) => wish != told.wish,
            Answer::Pending | Answer::Unknown | Answer::Failed(_) => true,
            _ => false,
        };
        if !right {
            let (user, key, at) = (story.user, story.key, seconds(op.answered.unwrap_or(op.asked)));
            found.push(Breach::of(
                "I7",
                format!("buyer {user} asked again under key {key} and was told {:?} at {at}", op.answer),
            ));
        }
    }
}

fn not_done(evidence: &Evidence, story: &Story<'_>, found: &mut Vec<Breach>) {
    if story.asks.iter().any(|op| op.state() != State::Failed) {
        return;
    }
    let Some(books) = evidence.end.get(story.sale) else { return };
    if let Some((hold, _)) = books.holds.iter().find(|(_, hold)| hold.user == story.user && hold.key == story.key) {
        let detail = format!("buyer {} was refused under key {}, and there is {hold}", story.user, story.key);
        found.push(Breach::of("I7", detail));
    }
}

/// A hold that stands in the way is the asker's own, and not the one that was asked for.
fn named_as_obstacle(evidence: &Evidence, op: &Op, found: &mut Vec<Breach>) {
    let (Ask::Hold { key, .. }, Answer::Refused(No::HoldExists(hold)), Who::Buyer(user)) =
        (&op.ask, &op.answer, op.who)
    else {
        return;
    };
    let Some(books) = evidence.end.get(op.sale) else { return };
    let detail = match books.holds.get(hold) {
        Some(record) if record.user != user => {
            format!("buyer {user} was told to hold {hold}, which is buyer {}'s", record.user)
        }
        Some(record) if record.key == *key => {
            format!("buyer {user} was refused under key {key} for the hold of that key")
        }
        Some(_) => return,
        None => format!("buyer {user} was refused for {hold}, which is not there"),
    };
    found.push(Breach::of("I7", detail));
}

/// Every hold was asked for, as it is.
fn asked_for(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for (sale, books) in evidence.end.iter().enumerate() {
        for (id, hold) in &books.holds {
            let asks = |op: &&Op| matches!(&op.ask, Ask::Hold { wish, .. } if *wish == hold.wish);
            let known = stories.of_sale(sale).find(|story| story.user == hold.user && story.key == hold.key);
            if !known.is_some_and(|story| story.asks.iter().any(asks)) {
                let detail =
                    format!("{id} of buyer {} under key {} was never asked for like that", hold.user, hold.key);
                found.push(Breach::of("I7", detail));
            }
        }
    }
}
