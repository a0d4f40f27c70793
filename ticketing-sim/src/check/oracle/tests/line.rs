//! The waiting room.

use super::*;

#[test]
fn places_out_of_order_break_i10() {
    keeps(&sale(vec![joins(1, 1, 0, 5, false), joins(2, 2, 10, 15, false)]));
    keeps(&sale(vec![joins(1, 2, 0, 15, false), joins(2, 1, 10, 20, false)]));
    breaks(&sale(vec![joins(1, 2, 0, 5, false), joins(2, 1, 10, 15, false)]), "I10");
    breaks(&sale(vec![joins(1, 1, 0, 5, false), joins(2, 1, 3, 15, false)]), "I10");
    let found = |number, asked| {
        let answer = Answer::Placed { number, existing: true, allowed: false };
        op(Who::Buyer(1), asked, asked + 5, Ask::Join, answer)
    };
    breaks(&sale(vec![found(5, 0), joins(2, 3, 100, 105, false)]), "I10");
    keeps(&sale(vec![found(1, 0), found(1, 50), joins(2, 3, 100, 105, false)]));
    keeps(&sale(vec![joins(2, 3, 0, 5, false), found(1, 100)]));
}

#[test]
fn admission_that_passes_somebody_by_breaks_i11() {
    let line =
        |last: Op| sale(vec![joins(1, 1, 0, 5, false), joins(2, 2, 10, 15, false), polls(2, 2, 100, true), last]);
    breaks(&line(polls(1, 1, 3_000_000, false)), "I11");
    keeps(&line(polls(1, 1, 3_000_000, true)));
    keeps(&line(polls(1, 1, 500, false)));
    let ask = Ask::Hold { key: "k".to_owned(), wish: Wish::Tickets(1), token_of: Some(1) };
    breaks(&line(op(Who::Buyer(1), 500, 505, ask, Answer::Refused(No::NotAdmitted))), "I11");
    let holds_with = |token_of| {
        let mut op = holds(1, 2, "k", 1, 100);
        op.ask = Ask::Hold { key: "k".to_owned(), wish: Wish::Tickets(1), token_of };
        op
    };
    let past = |token_of| {
        let waits = polls(1, 1, 3_000_000, false);
        sale(vec![joins(1, 1, 0, 5, false), joins(2, 2, 10, 15, false), holds_with(token_of), waits])
    };
    breaks(&past(Some(2)), "I11");
    let mut queued = sale(vec![joins(2, 1, 10, 15, false), holds_with(Some(2))]);
    queued.sales[0].line = Some(Line { per_second: None, active_max: None, ..room() });
    keeps(&queued);
    queued.ops[1] = holds_with(None);
    breaks(&queued, "I11");
}

fn room() -> Line {
    Line { per_second: Some(2), active_max: None, len_max: None, wait_seconds: 100, window_seconds: 10 }
}

fn turn(since: At, at: At, joined: &[u64], admitted: &[u64]) -> Turn {
    let guests = |places: &[u64]| places.iter().map(|number| (*number, *number as User)).collect();
    Turn { since, at, joined: guests(joined), admitted: guests(admitted) }
}

/// A sale behind a waiting room, with what happened there.
fn queued(line: Line, turns: Vec<Turn>, ops: Vec<Op>) -> Evidence {
    let mut evidence = sale(ops);
    evidence.sales[0].line = Some(line);
    evidence.turns.push(turns);
    evidence
}

const SECOND: At = 1_000_000;

#[test]
fn more_admissions_than_the_rate_allows_are_seen() {
    let at = |step: At, of: &[u64]| turn((step - 1) * SECOND / 5, step * SECOND / 5, &[], of);
    let line = |turns| queued(room(), turns, Vec::new());
    breaks(&line(vec![at(1, &[1, 2]), at(2, &[3]), at(3, &[4])]), "admission");
    keeps(&line(vec![at(1, &[1, 2]), at(6, &[3, 4]), at(11, &[5, 6])]));
    keeps(&line(vec![turn(0, 3 * SECOND, &[], &[1, 2, 3, 4, 5, 6])]));
}

#[test]
fn more_guests_at_once_than_may_be_are_seen() {
    let line = || Line { per_second: None, active_max: Some(2), ..room() };
    let turns = |third: At| vec![turn(0, 5, &[], &[1, 2]), turn(third - 5, third, &[], &[3])];
    breaks(&queued(line(), turns(5 * SECOND), Vec::new()), "admission");
    keeps(&queued(line(), turns(10 * SECOND), Vec::new()));
    let left = |asked| op(Who::Buyer(1), asked, asked + 5, Ask::Leave { token_of: 1, place: 1 }, Answer::Done);
    keeps(&queued(line(), turns(5 * SECOND), vec![left(SECOND)]));
    breaks(&queued(line(), turns(5 * SECOND), vec![left(6 * SECOND)]), "admission");
    let bought = || {
        let mut ops = vec![joins(1, 1, 0, 1, true), holds(1, 1, "k", 1, 2), checks_out(1, 1, 10)];
        let Ask::Hold { token_of, .. } = &mut ops[1].ask else { unreachable!("it is a hold") };
        *token_of = Some(1);
        ops.push(reports(1, true, 100, Settled::Sold));
        ops
    };
    let mut evidence = queued(line(), turns(5 * SECOND), bought());
    evidence.bank.insert(pg(1), account(Some(PRICE), &[]));
    assert!(judge(&evidence).iter().all(|breach| breach.invariant != "admission"));
}

#[test]
fn a_line_that_is_longer_than_may_be_is_seen() {
    let line = || Line { per_second: None, len_max: Some(2), ..room() };
    let turns = |third: At| vec![turn(0, 5, &[1, 2], &[1]), turn(third - 5, third, &[3], &[])];
    breaks(&queued(line(), turns(SECOND), Vec::new()), "admission");
    keeps(&queued(line(), turns(10 * SECOND), Vec::new()));
    let clear = op(Who::Organiser, 100, 105, Ask::Clear, Answer::Done);
    keeps(&queued(line(), turns(SECOND), vec![clear]));
}
