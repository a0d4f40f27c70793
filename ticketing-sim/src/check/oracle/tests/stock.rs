//! Stock, seats, keys and limits, and how long a hold lives.

use super::*;

#[test]
fn more_acknowledged_than_there_is_breaks_i1() {
    breaks(&sale(vec![holds(1, 1, "k", 2, 0), holds(2, 2, "k", 1, 100)]), "I1");
    keeps(&sale(vec![holds(1, 1, "k", 2, 0), holds(2, 2, "k", 1, TTL)]));
    let given_up = releases(1, 1, 50, Answer::Ended { expired: false });
    keeps(&sale(vec![holds(1, 1, "k", 2, 0), given_up, holds(2, 2, "k", 1, 100)]));
}

#[test]
fn what_was_sold_stays_taken_behind_its_hold() {
    let story = |refund: Option<Op>| {
        let mut ops = vec![holds(1, 1, "k", 2, 0), checks_out(1, 1, 10), reports(1, true, 20, Settled::Sold)];
        ops.extend(refund);
        ops.push(holds(2, 2, "k", 1, 5 * TTL));
        let mut evidence = sale(ops);
        evidence.bank.insert(pg(1), account(Some(PRICE), &[]));
        evidence
    };
    breaks(&story(None), "I1");
    let ask = Ask::Refund { order: order_id(1) };
    let refund = op(Who::Organiser, 2 * TTL, 2 * TTL + 5, ask, Answer::Refunded);
    assert!(judge(&story(Some(refund))).iter().all(|breach| breach.invariant != "I1"));
}

#[test]
fn more_stock_is_believed_only_once_somebody_has_asked_for_it() {
    let set = |asked| op(Who::Organiser, asked, asked + 5, Ask::SetTotal(3), Answer::Done);
    breaks(&sale(vec![holds(1, 1, "k", 2, 0), holds(2, 2, "k", 1, 100), set(200)]), "I1");
    keeps(&sale(vec![set(0), holds(1, 1, "k", 2, 10), holds(2, 2, "k", 1, 100)]));
}

#[test]
fn a_seat_promised_twice_breaks_i2() {
    breaks(&sale(vec![sits(1, 1, &["A1", "A2"], 0), sits(2, 2, &["A2"], 100)]), "I2");
    keeps(&sale(vec![sits(1, 1, &["A1"], 0), sits(2, 2, &["A2"], 100)]));
}

#[test]
fn a_refusal_while_enough_was_free_breaks_i13() {
    let refused = |asked| asks_for(2, "k", 1, asked, asked + 5, Answer::Refused(No::SoldOut));
    breaks(&sale(vec![holds(1, 1, "k", 1, 0), refused(100)]), "I13");
    breaks(&sale(vec![holds(1, 1, "k", 2, 0), refused(2 * TTL)]), "I13");
    keeps(&sale(vec![holds(1, 1, "k", 2, 0), refused(100)]));
    let unknown = asks_for(1, "k", 2, 0, 5, Answer::Unknown);
    let mut evidence = sale(vec![unknown, refused(100)]);
    evidence.ops.push(asks_for(1, "k", 2, 9_000, 9_005, held(1, 1, Wish::Tickets(2), 9_000, false)));
    keeps(&evidence);
    let join = |sold: u32, asked| {
        let mut ops = vec![holds(1, 1, "k", sold, 0), checks_out(1, 1, 10), reports(1, true, 20, Settled::Sold)];
        ops.push(op(Who::Buyer(2), asked, asked + 5, Ask::Join, Answer::Refused(No::SoldOut)));
        let mut evidence = sale(ops);
        evidence.bank.insert(pg(1), account(Some(PRICE), &[]));
        evidence
    };
    breaks(&join(1, 100), "I13");
    assert!(judge(&join(2, 100)).iter().all(|breach| breach.invariant != "I13"));
    breaks(&join(2, 5), "I13");
    let mut poll = polls(1, 1, 100, false);
    poll.answer = Answer::Standing { allowed: false, sold_out: true, position: 1 };
    breaks(&sale(vec![poll]), "I13");
    let taken = Answer::Refused(No::SeatTaken(vec!["A2".to_owned()]));
    let mut seat = sits(2, 2, &["A2"], 100);
    seat.answer = taken;
    breaks(&sale(vec![sits(1, 1, &["A1"], 0), seat]), "I13");
    let gone = |others: Vec<Op>| {
        let mut ops = vec![sits(1, 1, &["A1"], 0), checks_out(1, 1, 10)];
        ops.extend(others);
        ops.push(reports(1, true, 3 * TTL, Settled::Refund("stock_gone")));
        judge(&sale(ops)).iter().any(|breach| breach.invariant == "I13")
    };
    assert!(gone(Vec::new()));
    assert!(gone(vec![sits(2, 2, &["A2"], 3 * TTL - 10)]));
    assert!(!gone(vec![sits(2, 2, &["A1"], 3 * TTL - 10)]));
}

#[test]
fn a_key_that_answers_differently_breaks_i7() {
    let replay = |answer| asks_for(1, "k", 1, 100, 105, answer);
    let first = || holds(1, 1, "k", 1, 0);
    keeps(&sale(vec![first(), replay(held(1, 1, Wish::Tickets(1), 0, true))]));
    breaks(&sale(vec![first(), replay(held(9, 1, Wish::Tickets(1), 100, false))]), "I7");
    breaks(&sale(vec![first(), replay(Answer::Refused(No::SoldOut))]), "I7");
    breaks(&sale(vec![first(), replay(held(1, 1, Wish::Tickets(1), 1, true))]), "I7");
    breaks(&sale(vec![first(), asks_for(2, "k", 1, 100, 105, held(1, 1, Wish::Tickets(1), 0, true))]), "I7");
    let reused = |answer| asks_for(1, "k", 2, 100, 105, answer);
    keeps(&sale(vec![first(), reused(Answer::Refused(No::KeyReused))]));
    breaks(&sale(vec![first(), reused(held(1, 1, Wish::Tickets(1), 0, true))]), "I7");
}

#[test]
fn what_was_refused_and_is_there_breaks_i7() {
    let record = |key: &str| HoldRecord {
        user: 1,
        key: key.to_owned(),
        wish: Wish::Tickets(1),
        status: "EXPIRED",
        expires: TTL,
        ended: Some(TTL),
    };
    let with = |key: &str| {
        let mut evidence = sale(vec![asks_for(1, "k", 1, 0, 5, Answer::Refused(No::SoldOut))]);
        let holds = [(hold_id(1), record(key))].into();
        evidence.end.push(Books { stock: [2, 0, 0], total: 2, holds, ..Books::default() });
        evidence
    };
    breaks(&with("k"), "I7");
    breaks(&with("k-again"), "I7");
}

#[test]
fn two_live_holds_or_more_than_the_limit_break_i12() {
    breaks(&sale(vec![holds(1, 1, "a", 1, 0), holds(2, 1, "b", 1, 100)]), "I12");
    keeps(&sale(vec![holds(1, 1, "a", 1, 0), holds(2, 1, "b", 1, TTL)]));
    let mut evidence = sale(vec![
        holds(1, 1, "a", 2, 0),
        checks_out(1, 1, 10),
        reports(1, true, 20, Settled::Sold),
        holds(2, 1, "b", 1, 100),
    ]);
    evidence.bank.insert(pg(1), account(Some(PRICE), &[]));
    evidence.sales[0].total = 9;
    breaks(&evidence, "I12");
}

#[test]
fn the_limit_is_the_one_that_stood_when_it_was_granted() {
    let set = |limit, asked| op(Who::Organiser, asked, asked + 5, Ask::SetLimit(limit), Answer::Done);
    breaks(&sale(vec![set(1, 0), holds(1, 1, "a", 2, 100)]), "I12");
    keeps(&sale(vec![holds(1, 1, "a", 2, 0), set(1, 100)]));
    keeps(&sale(vec![set(1, 98), holds(1, 1, "a", 2, 100)]));
    let late = |asked| {
        let ops = vec![holds(1, 1, "a", 2, 0), checks_out(1, 1, 10), set(1, 20)];
        sale([ops, vec![reports(1, true, asked, Settled::Sold)]].concat())
    };
    breaks(&late(2 * TTL), "I12");
    assert!(judge(&late(100)).iter().all(|breach| breach.invariant != "I12"), "it was granted before");
}

#[test]
fn a_refusal_over_the_limit_is_right_only_at_the_limit() {
    let refused = |count| asks_for(1, "b", count, 2 * TTL, 2 * TTL + 5, Answer::Refused(No::Limit));
    breaks(&sale(vec![holds(1, 1, "a", 1, 0), refused(2)]), "I12");
    keeps(&sale(vec![holds(1, 1, "a", 1, 0), refused(3)]));
    let bought = vec![holds(1, 1, "a", 1, 0), checks_out(1, 1, 10), reports(1, true, 20, Settled::Sold)];
    let mut evidence = sale([bought, vec![refused(2)]].concat());
    evidence.bank.insert(pg(1), account(Some(PRICE), &[]));
    assert!(judge(&evidence).iter().all(|breach| breach.invariant != "I12"));
    let returned = |set: Option<Op>| {
        let mut ops = vec![holds(1, 1, "a", 1, 0), checks_out(1, 1, 10)];
        ops.extend(set);
        ops.push(reports(1, true, 2 * TTL, Settled::Refund("limit_exceeded")));
        judge(&sale(ops)).iter().any(|breach| breach.invariant == "I12")
    };
    assert!(returned(None));
    assert!(!returned(Some(op(Who::Organiser, 100, 105, Ask::SetLimit(0), Answer::Done))));
}

#[test]
fn a_hold_that_is_over_stands_in_nobodys_way() {
    let refused = |asked| asks_for(1, "b", 1, asked, asked + 5, Answer::Refused(No::HoldExists(hold_id(1))));
    breaks(&sale(vec![holds(1, 1, "a", 1, 0), refused(2 * TTL)]), "I9");
    keeps(&sale(vec![holds(1, 1, "a", 1, 0), refused(100)]));
    let set =
        |total, asked| op(Who::Organiser, asked, asked + 5, Ask::SetTotal(total), Answer::Refused(No::StockInUse));
    breaks(&sale(vec![holds(1, 1, "a", 2, 0), set(1, 2 * TTL)]), "I9");
    breaks(&sale(vec![holds(1, 1, "a", 1, 0), set(1, 100)]), "I9");
    keeps(&sale(vec![holds(1, 1, "a", 2, 0), set(1, 100)]));
}

#[test]
fn what_was_acknowledged_is_there_for_its_buyer() {
    let release = |answer| sale(vec![holds(1, 1, "a", 1, 0), releases(1, 1, 100, answer)]);
    breaks(&release(Answer::Refused(No::NotFound)), "I16");
    breaks(&release(Answer::Refused(No::AlreadySold)), "I8");
    let paid = vec![holds(1, 1, "a", 1, 0), checks_out(1, 1, 10), reports(1, true, 20, Settled::Sold)];
    let mut evidence = sale([paid, vec![releases(1, 1, 100, Answer::Refused(No::AlreadySold))]].concat());
    evidence.bank.insert(pg(1), account(Some(PRICE), &[]));
    assert!(judge(&evidence).iter().all(|breach| breach.invariant != "I8"));
}

#[test]
fn a_hold_that_ends_early_breaks_i9() {
    let first = || holds(1, 1, "k", 1, 0);
    let checkout =
        |asked| op(Who::Buyer(1), asked, asked + 5, Ask::Checkout { hold: hold_id(1) }, Answer::Refused(No::NotActive));
    breaks(&sale(vec![first(), checkout(100)]), "I9");
    keeps(&sale(vec![first(), checkout(TTL)]));
    breaks(&sale(vec![first(), releases(1, 1, 100, Answer::Ended { expired: true })]), "I9");
    let mut short = first();
    short.answer = Answer::Held {
        hold: hold_id(1),
        owner: 1,
        wish: Wish::Tickets(1),
        amount: PRICE,
        created: 0,
        expires: TTL - 1,
        replayed: false,
    };
    breaks(&sale(vec![short]), "I9");
    let mut long = first();
    if let Answer::Held { expires, .. } = &mut long.answer {
        *expires = 2 * TTL;
    }
    breaks(&sale(vec![long]), "I9");
    let back = reports(1, true, 100, Settled::Refund("stock_gone"));
    breaks(&sale(vec![first(), checks_out(1, 1, 10), back]), "I9");
    let mut record = sold(account(None, &[]), 0, "PENDING", "CANCELLED");
    record.end[0].holds.values_mut().for_each(|hold| hold.ended = Some(TTL - 1));
    breaks(&record, "I9");
}
