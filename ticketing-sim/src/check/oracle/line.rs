//! I10: places are in the order of arrival. I11: whoever is ahead is admitted first.

use super::{
    super::history::{Answer, Ask, At, No, Op, Who},
    Breach, Evidence,
    stock::seconds,
};

/// What is shown of a line may be so old.
const SHOWN_LATE: At = 1_000_000;

/// Checks every line.
pub fn check(evidence: &Evidence, found: &mut Vec<Breach>) {
    for sale in 0..evidence.sales.len() {
        let ops: Vec<&Op> = evidence.ops.iter().filter(|op| op.sale == sale).collect();
        in_order(&ops, found);
        by_prefix(&ops, found);
        if evidence.sales[sale].line.is_some() {
            with_a_place(&ops, found);
        }
    }
}

fn in_order(ops: &[&Op], found: &mut Vec<Breach>) {
    let given = ops.iter().filter_map(|op| match (op.answer.clone(), op.answered, op.who) {
        (Answer::Placed { number, existing, .. }, Some(answered), Who::Buyer(user)) => {
            // A place that was there before was asked for at some time.
            Some((number, if existing { At::MIN } else { op.asked }, answered, user))
        }
        _ => None,
    });
    let given: Vec<_> = given.collect();
    for (place, (number, asked, answered, user)) in given.iter().enumerate() {
        for (other, asked_other, answered_other, by) in &given[..place] {
            if number == other && user == by {
                continue;
            }
            if number == other {
                found.push(Breach::of("I10", format!("place {number} was given to buyers {by} and {user}")));
            } else if (answered < asked_other && number > other) || (answered_other < asked && other > number) {
                let detail = format!(
                    "buyer {by} was given place {other} ({} to {}), buyer {user} place {number} ({} to {})",
                    seconds(*asked_other),
                    seconds(*answered_other),
                    seconds(*asked),
                    seconds(*answered)
                );
                found.push(Breach::of("I10", detail));
            }
        }
    }
}

/// Once somebody was admitted, nobody ahead of them is told to wait.
fn by_prefix(ops: &[&Op], found: &mut Vec<Breach>) {
    let mut admitted: Option<(u64, At)> = None;
    let mut by_time: Vec<&&Op> = ops.iter().filter(|op| op.answered.is_some()).collect();
    by_time.sort_by_key(|op| op.answered);
    for op in &by_time {
        let (Who::Buyer(user), Some(answered)) = (op.who, op.answered) else { continue };
        let (number, allowed) = match (&op.ask, &op.answer) {
            (_, Answer::Placed { number, allowed, .. }) => (*number, *allowed),
            (Ask::Poll { place, token_of }, Answer::Standing { allowed, .. }) if *token_of == user => {
                (*place, *allowed)
            }
            // Who holds tickets was admitted.
            (Ask::Hold { token_of: Some(of), .. }, Answer::Held { replayed: false, .. }) if *of == user => {
                let Some(place) = place_of(ops, op) else { continue };
                (place, true)
            }
            _ => continue,
        };
        if allowed && admitted.is_none_or(|(furthest, _)| number > furthest) {
            admitted = Some((number, answered));
            waits_ahead(ops, number, answered, user, found);
        }
    }
}

fn waits_ahead(ops: &[&Op], number: u64, at: At, admitted: u32, found: &mut Vec<Breach>) {
    for op in ops {
        let (waits, place, asked_by) = match (&op.ask, &op.answer, op.who) {
            (Ask::Poll { place, token_of }, Answer::Standing { allowed: false, .. }, Who::Buyer(user))
                if *token_of == user =>
            {
                (op.asked > at + SHOWN_LATE, *place, user)
            }
            (Ask::Hold { token_of: Some(of), .. }, Answer::Refused(No::NotAdmitted), Who::Buyer(user))
                if *of == user =>
            {
                let Some(place) = place_of(ops, op) else { continue };
                (op.asked > at, place, user)
            }
            _ => continue,
        };
        if waits && place < number {
            let detail = format!(
                "buyer {asked_by} in place {place} waits at {}, buyer {admitted} in place {number} was admitted at {}",
                seconds(op.asked),
                seconds(at)
            );
            found.push(Breach::of("I11", detail));
            return;
        }
    }
}

/// The place that the token of a hold is of: the last one its buyer was given before.
fn place_of(ops: &[&Op], op: &Op) -> Option<u64> {
    let given = ops.iter().filter(|other| other.who == op.who && other.answered.is_some_and(|at| at <= op.asked));
    let mut places = given.filter_map(|other| match other.answer {
        Answer::Placed { number, .. } => Some(number),
        _ => None,
    });
    places.next_back()
}

/// Where there is a waiting room, nobody holds tickets past it.
fn with_a_place(ops: &[&Op], found: &mut Vec<Breach>) {
    for op in ops {
        if let (Ask::Hold { token_of: None, .. }, Answer::Held { replayed: false, .. }, Who::Buyer(user)) =
            (&op.ask, &op.answer, op.who)
        {
            found.push(Breach::of("I11", format!("buyer {user} holds tickets without a place in the line")));
        }
    }
}
