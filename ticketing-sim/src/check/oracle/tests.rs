//! Each check is fed what it exists to find, and what it must not mistake for it.

use ticketing_core::ids::{HoldId, OrderId, TicketId};
use uuid::Uuid;

use super::{
    super::{
        history::{Answer, Ask, At, No, Op, Settled, User, Who, Wish},
        plan::Line,
    },
    Account, Books, Evidence, HoldRecord, OrderRecord, Record, Terms, Turn, judge,
    span::NEVER,
};

const TTL: At = 1_000;
const PRICE: i64 = 10;

fn hold_id(number: u128) -> HoldId {
    HoldId::from_uuid(Uuid::from_u128(number))
}

fn order_id(number: u128) -> OrderId {
    OrderId::from_uuid(Uuid::from_u128(number))
}

fn ticket_id(number: u128) -> TicketId {
    TicketId::from_uuid(Uuid::from_u128(number))
}

fn op(who: Who, asked: At, answered: At, ask: Ask, answer: Answer) -> Op {
    let answered = (answered != NEVER).then_some(answered);
    Op { who, sale: 0, asked, answered, ask, answer }
}

fn asks_for(user: User, key: &str, count: u32, asked: At, answered: At, answer: Answer) -> Op {
    let ask = Ask::Hold { key: key.to_owned(), wish: Wish::Tickets(count), token_of: None };
    op(Who::Buyer(user), asked, answered, ask, answer)
}

/// Buyer `user` holds `count` tickets as hold `id`, from `asked` on.
fn holds(id: u128, user: User, key: &str, count: u32, asked: At) -> Op {
    asks_for(user, key, count, asked, asked + 5, held(id, user, Wish::Tickets(count), asked, false))
}

fn held(id: u128, owner: User, wish: Wish, created: At, replayed: bool) -> Answer {
    let amount = PRICE * wish.count();
    Answer::Held { hold: hold_id(id), owner, wish, amount, created, expires: created + TTL, replayed }
}

fn sits(id: u128, user: User, seats: &[&str], asked: At) -> Op {
    let wish = Wish::Seats(seats.iter().map(|seat| (*seat).to_owned()).collect());
    let ask = Ask::Hold { key: "k".to_owned(), wish: wish.clone(), token_of: None };
    op(Who::Buyer(user), asked, asked + 5, ask, held(id, user, wish, asked, false))
}

fn releases(user: User, id: u128, asked: At, answer: Answer) -> Op {
    op(Who::Buyer(user), asked, asked + 5, Ask::Release { hold: hold_id(id) }, answer)
}

fn checks_out(user: User, id: u128, asked: At) -> Op {
    let answer = Answer::CheckedOut { order: order_id(id), payment: pg(id), amount: PRICE };
    op(Who::Buyer(user), asked, asked + 5, Ask::Checkout { hold: hold_id(id) }, answer)
}

fn reports(id: u128, paid: bool, asked: At, settled: Settled) -> Op {
    let ask = Ask::Callback { payment: pg(id), paid, in_full: true };
    op(Who::Gateway, asked, asked + 5, ask, Answer::Settled(settled))
}

fn pg(id: u128) -> String {
    format!("pg_{id}")
}

fn joins(user: User, number: u64, asked: At, answered: At, allowed: bool) -> Op {
    let answer = Answer::Placed { number, existing: false, allowed };
    op(Who::Buyer(user), asked, answered, Ask::Join, answer)
}

fn polls(user: User, place: u64, asked: At, allowed: bool) -> Op {
    let answer = Answer::Standing { allowed, sold_out: false, position: 1 };
    op(Who::Buyer(user), asked, asked + 5, Ask::Poll { token_of: user, place }, answer)
}

/// A sale of two tickets, two for each buyer.
fn sale(ops: Vec<Op>) -> Evidence {
    let terms = Terms { total: 2, limit: 2, price: PRICE, ttl: TTL, line: None };
    Evidence { ops, sales: vec![terms], ..Evidence::default() }
}

/// One ticket of hold 1, of buyer 1, sold; with the gateway's books as `account`.
fn sold(account: Account, tickets: usize, paid: &'static str, status: &'static str) -> Evidence {
    let mut evidence = sale(vec![holds(1, 1, "k", 1, 0), checks_out(1, 1, 10)]);
    let hold = HoldRecord {
        user: 1,
        key: "k".to_owned(),
        wish: Wish::Tickets(1),
        status: if status == "PAID" { "CONFIRMED" } else { "EXPIRED" },
        expires: TTL,
        ended: Some(TTL),
    };
    let order = OrderRecord {
        hold: hold_id(1),
        payment_id: "payment 1".to_owned(),
        status,
        payment: Some(pg(1)),
        paid,
        count: 1,
    };
    let count = i64::from(status == "PAID");
    evidence.end.push(Books {
        stock: [2 - count, 0, count],
        total: 2,
        holds: [(hold_id(1), hold)].into(),
        orders: [(order_id(1), order)].into(),
        tickets: (0..tickets as u128).map(|number| (ticket_id(number), (order_id(1), "VALID"))).collect(),
        log: log(paid, status),
        ..Books::default()
    });
    evidence.bank.insert(pg(1), account);
    evidence
}

/// What the log has to tell of that.
fn log(paid: &str, status: &str) -> Vec<Record> {
    let (hold, order, payment) = (hold_id(1).to_string(), order_id(1).to_string(), "payment 1".to_owned());
    let mut actions =
        vec![("hold.placed", hold.clone()), ("checkout.started", order), ("payment.opened", payment.clone())];
    if status == "PAID" {
        actions.push(("payment.succeeded", payment.clone()));
    } else {
        actions.push(("hold.expired", hold));
    }
    if paid == "REFUNDED" {
        actions.extend([("refund.requested", payment.clone()), ("refund.completed", payment)]);
    }
    actions.into_iter().map(|(action, target)| Record { at: 10, action, target }).collect()
}

fn account(captured: Option<i64>, refunds: &[&str]) -> Account {
    Account { amount: PRICE, captured, refunds: refunds.iter().map(|key| ((*key).to_owned(), PRICE)).collect() }
}

#[track_caller]
fn breaks(evidence: &Evidence, invariant: &str) {
    let found = judge(evidence);
    assert!(found.iter().any(|breach| breach.invariant == invariant), "{invariant} is not among {found:?}");
}

#[track_caller]
fn keeps(evidence: &Evidence) {
    assert_eq!(judge(evidence), []);
}

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

#[test]
fn money_that_ends_in_none_or_both_of_tickets_and_refund_breaks_i6() {
    keeps(&sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID"));
    keeps(&sold(account(Some(PRICE), &["r"]), 0, "REFUNDED", "CANCELLED"));
    let mut half = sold(account(Some(PRICE), &["r"]), 0, "REFUNDED", "CANCELLED");
    half.bank.values_mut().for_each(|account| account.refunds.values_mut().for_each(|asked| *asked = PRICE / 2));
    breaks(&half, "I6");
    let mut nobodys = sale(Vec::new());
    nobodys.bank.insert(pg(1), account(Some(PRICE), &[]));
    nobodys.end.push(Books { stock: [2, 0, 0], total: 2, ..Books::default() });
    breaks(&nobodys, "I6");
    breaks(&sold(account(Some(PRICE), &["r"]), 1, "SUCCEEDED", "PAID"), "I6");
    breaks(&sold(account(Some(PRICE), &[]), 0, "PENDING", "CANCELLED"), "I6");
    breaks(&sold(account(Some(PRICE), &["r", "s"]), 0, "REFUNDED", "CANCELLED"), "I6");
    breaks(&sold(account(None, &[]), 1, "SUCCEEDED", "PAID"), "I6");
    breaks(&sold(account(Some(PRICE - 1), &[]), 1, "SUCCEEDED", "PAID"), "I6");
    let mut twice = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    twice.ops.extend([reports(1, true, 20, Settled::Sold), reports(1, true, 40, Settled::Sold)]);
    breaks(&twice, "I6");
}

#[test]
fn another_amount_than_the_price_breaks_i4() {
    let mut dear = holds(1, 1, "k", 1, 0);
    if let Answer::Held { amount, .. } = &mut dear.answer {
        *amount = PRICE + 1;
    }
    breaks(&sale(vec![dear]), "I4");
    let mut opened = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    opened.bank.insert(pg(1), Account { amount: PRICE * 2, captured: Some(PRICE * 2), ..Account::default() });
    breaks(&opened, "I4");
    let mut twice = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    let order = twice.end[0].orders[&order_id(1)].clone();
    twice.end[0].orders.insert(order_id(2), order);
    breaks(&twice, "I4");
    let never = sale(vec![reports(7, true, 20, Settled::Sold)]);
    breaks(&never, "I4");
}

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

#[test]
fn a_change_without_its_record_or_with_two_breaks_i14() {
    let refunded = || sold(account(Some(PRICE), &["r"]), 0, "REFUNDED", "CANCELLED");
    for missing in 0..refunded().end[0].log.len() {
        let mut evidence = refunded();
        evidence.end[0].log.remove(missing);
        breaks(&evidence, "I14");
        let mut twice = refunded();
        let again = twice.end[0].log[missing].clone();
        twice.end[0].log.push(again);
        breaks(&twice, "I14");
    }
    let mut declined = sold(account(None, &[]), 0, "FAILED", "CANCELLED");
    breaks(&declined, "I14");
    declined.ops.push(reports(1, false, 100, Settled::Declined));
    declined.end[0].log.push(Record { at: 100, action: "payment.failed", target: "payment 1".to_owned() });
    keeps(&declined);
}

#[test]
fn what_the_organiser_changes_is_recorded_when_it_is_done() {
    let ended = |ops: Vec<Op>, records: &[(At, &'static str)]| {
        let mut evidence = sale(ops);
        let log = records.iter().map(|(at, action)| Record { at: *at, action, target: "the session".to_owned() });
        evidence.end.push(Books { stock: [2, 0, 0], total: 2, log: log.collect(), ..Books::default() });
        evidence
    };
    let set = |asked| op(Who::Organiser, asked, asked + 5, Ask::SetLimit(5), Answer::Done);
    keeps(&ended(vec![set(100)], &[(102, "session.updated")]));
    breaks(&ended(vec![set(100)], &[]), "I14");
    breaks(&ended(vec![set(100)], &[(50, "session.updated")]), "I14");
    keeps(&ended(vec![set(100), set(200)], &[(102, "session.updated")]));
    breaks(&ended(vec![set(100)], &[(102, "session.updated"), (103, "session.updated")]), "I14");
    breaks(&ended(Vec::new(), &[(102, "queue.cleared")]), "I14");
}

#[test]
fn what_is_somebody_elses_is_not_used() {
    let first = || holds(1, 1, "k", 1, 0);
    breaks(&sale(vec![first(), releases(2, 1, 100, Answer::Ended { expired: false })]), "owner");
    keeps(&sale(vec![first(), releases(2, 1, 100, Answer::Refused(No::NotFound))]));
    let mut stolen = polls(2, 1, 100, true);
    stolen.ask = Ask::Poll { token_of: 1, place: 1 };
    breaks(&sale(vec![stolen]), "owner");
}

#[test]
fn a_ticket_lets_one_guest_in() {
    let scan = |nonce: &str, asked, replayed| {
        let ask = Ask::Scan { ticket: ticket_id(0), nonce: nonce.to_owned() };
        op(Who::Buyer(1), asked, asked + 5, ask, Answer::Scanned { replayed })
    };
    let with = |ops: Vec<Op>| {
        let mut evidence = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
        evidence.end[0].tickets.insert(ticket_id(0), (order_id(1), "USED"));
        evidence.end[0].log.push(Record { at: 100, action: "ticket.redeemed", target: ticket_id(0).to_string() });
        evidence.ops.extend(ops);
        evidence
    };
    keeps(&with(vec![scan("a", 100, false), scan("a", 200, true)]));
    breaks(&with(vec![scan("a", 100, false), scan("b", 200, false)]), "door");
    let refund = op(Who::Organiser, 50, 55, Ask::Refund { order: order_id(1) }, Answer::Refunded);
    breaks(&with(vec![refund, scan("a", 100, false)]), "door");
}

#[test]
fn what_was_acknowledged_and_is_missing_breaks_i16() {
    let mut evidence = sale(vec![holds(1, 1, "k", 1, 0)]);
    evidence.end.push(Books { stock: [2, 0, 0], total: 2, ..Books::default() });
    breaks(&evidence, "I16");
    let mut place = sale(vec![joins(1, 1, 0, 5, false)]);
    place.end.push(Books { stock: [2, 0, 0], total: 2, ..Books::default() });
    breaks(&place, "I16");
    let mut total = sale(vec![op(Who::Organiser, 0, 5, Ask::SetTotal(5), Answer::Done)]);
    total.end.push(Books { stock: [2, 0, 0], total: 2, ..Books::default() });
    breaks(&total, "I16");
    let mut unpaid = sold(account(None, &[]), 0, "PENDING", "CANCELLED");
    keeps(&unpaid);
    unpaid.end[0].holds.values_mut().for_each(|hold| hold.expires += 1);
    breaks(&unpaid, "I16");
    let mut order = sold(account(None, &[]), 0, "PENDING", "CANCELLED");
    order.end[0].orders.clear();
    breaks(&order, "I16");
    let mut given_back = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    given_back.ops.push(op(Who::Organiser, 50, 55, Ask::Refund { order: order_id(1) }, Answer::Refunded));
    breaks(&given_back, "I16");
    let mut used = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    let ask = Ask::Scan { ticket: ticket_id(0), nonce: "a".to_owned() };
    used.ops.push(op(Who::Buyer(1), 100, 105, ask, Answer::Scanned { replayed: false }));
    breaks(&used, "I16");
}

#[test]
fn what_was_released_and_is_sold_breaks_i8() {
    let mut evidence = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    keeps(&evidence);
    evidence.ops.push(releases(1, 1, 100, Answer::Ended { expired: false }));
    breaks(&evidence, "I8");
}

#[test]
fn what_does_not_drain_is_seen() {
    let ended = |books: Books| {
        let mut evidence = sale(Vec::new());
        evidence.end.push(books);
        evidence
    };
    let empty = || Books { stock: [2, 0, 0], total: 2, ..Books::default() };
    keeps(&ended(empty()));
    breaks(&ended(Books { stock: [1, 1, 0], ..empty() }), "I1");
    breaks(&ended(Books { stock: [1, 0, 1], ..empty() }), "I1");
    breaks(&ended(Books { undelivered: 1, ..empty() }), "I15");
    breaks(&ended(Books { waiting: 1, ..empty() }), "liveness");
    breaks(&sale(vec![asks_for(1, "k", 1, 0, 5, Answer::Unknown)]), "liveness");
    breaks(&sale(vec![asks_for(1, "k", 1, 0, NEVER, Answer::Pending)]), "liveness");
}
