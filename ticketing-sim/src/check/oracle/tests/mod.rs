//! Each check is fed what it exists to find, and what it must not mistake for it.

mod end;
mod line;
mod money;
mod stock;

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
