//! I14: every change of state has exactly one record in the audit log.

use std::collections::BTreeMap;

use super::{
    super::history::{Answer, Ask, At, Op, Settled},
    Books, Breach, Evidence,
    setting::Setting,
    stock::seconds,
};

/// Checks the log of every sale.
pub fn check(evidence: &Evidence, found: &mut Vec<Breach>) {
    for (sale, books) in evidence.end.iter().enumerate() {
        let ops: Vec<&Op> = evidence.ops.iter().filter(|op| op.sale == sale).collect();
        let log = Log::of(books);
        holds(books, &log, found);
        orders(books, &log, &ops, found);
        for (id, (_, status)) in &books.tickets {
            let used = u64::from(*status == "USED");
            log.expect(&id.to_string(), "ticket.redeemed", used, used, found);
        }
        organiser(evidence, sale, books, found);
    }
}

/// How often each thing was done to each record.
struct Log<'a>(BTreeMap<(&'a str, &'static str), u64>);

impl<'a> Log<'a> {
    fn of(books: &'a Books) -> Self {
        let mut times = BTreeMap::new();
        for record in &books.log {
            *times.entry((record.target.as_str(), record.action)).or_default() += 1;
        }
        Self(times)
    }

    fn expect(&self, target: &str, action: &'static str, least: u64, most: u64, found: &mut Vec<Breach>) {
        let times = self.0.get(&(target, action)).copied().unwrap_or(0);
        if times < least || times > most {
            let detail = format!("{target} has {times} records of {action}, expected {least} to {most}");
            found.push(Breach::of("I14", detail));
        }
    }
}

fn holds(books: &Books, log: &Log<'_>, found: &mut Vec<Breach>) {
    for (id, hold) in &books.holds {
        let id = id.to_string();
        log.expect(&id, "hold.placed", 1, 1, found);
        let released = u64::from(hold.status == "RELEASED");
        log.expect(&id, "hold.released", released, released, found);
        // What was sold late had expired before.
        let (expired, at_most) = (hold.status == "EXPIRED", matches!(hold.status, "EXPIRED" | "CONFIRMED"));
        log.expect(&id, "hold.expired", u64::from(expired), u64::from(at_most), found);
    }
}

fn orders(books: &Books, log: &Log<'_>, ops: &[&Op], found: &mut Vec<Breach>) {
    for (id, order) in &books.orders {
        log.expect(&id.to_string(), "checkout.started", 1, 1, found);
        let payment = order.payment_id.as_str();
        let exactly = |action, is: bool, found: &mut Vec<Breach>| {
            log.expect(payment, action, u64::from(is), u64::from(is), found);
        };
        exactly("payment.opened", order.payment.is_some(), found);
        exactly("payment.succeeded", matches!(order.status, "PAID" | "REFUNDED"), found);
        exactly("refund.requested", matches!(order.paid, "REFUND_PENDING" | "REFUNDED"), found);
        exactly("refund.completed", order.paid == "REFUNDED", found);
        // A payment that was declined may have been captured since.
        let of_payment = |op: &&&Op| match &op.ask {
            Ask::Callback { payment, .. } => Some(payment) == order.payment.as_ref(),
            _ => false,
        };
        let told = ops.iter().filter(of_payment).any(|op| op.answer == Answer::Settled(Settled::Declined));
        let said = ops.iter().filter(of_payment).any(|op| matches!(op.ask, Ask::Callback { paid: false, .. }));
        let declined = told || order.paid == "FAILED";
        log.expect(payment, "payment.failed", u64::from(declined), u64::from(said), found);
    }
}

/// A change by the organiser is recorded when it is made, and nothing else is.
fn organiser(evidence: &Evidence, sale: usize, books: &Books, found: &mut Vec<Breach>) {
    let count = |action| books.log.iter().filter(|record| record.action == action).count();
    let asked = |is: fn(&Ask) -> bool| {
        evidence.ops.iter().filter(|op| op.sale == sale && op.may_have_happened() && is(&op.ask)).count()
    };
    let is_change = |ask: &Ask| change(ask).is_some();
    for (action, most) in [("session.updated", asked(is_change)), ("queue.cleared", asked(|ask| *ask == Ask::Clear))] {
        if count(action) > most {
            let detail =
                format!("sale {sale} has {} records of {action}, and it was asked for {most} times", count(action));
            found.push(Breach::of("I14", detail));
        }
    }
    for op in evidence.ops.iter().filter(|op| op.sale == sale && op.answer == Answer::Done) {
        let (Some((kind, value)), Some(answered)) = (change(&op.ask), op.answered) else { continue };
        let others: Vec<Op> = evidence.ops.iter().filter(|other| !std::ptr::eq(*other, op)).cloned().collect();
        let before = Setting::of(&others, sale, initially(evidence, sale, kind), |ask| {
            change(ask).filter(|(other, _)| *other == kind).map(|(_, value)| value)
        });
        if before.possible(op.asked, answered).any(|other| other == value) {
            continue;
        }
        let made = |at: At| (op.asked..=answered).contains(&at);
        if !books.log.iter().any(|record| record.action == "session.updated" && made(record.at)) {
            let detail = format!("{:?} was done by {} and has no record", op.ask, seconds(answered));
            found.push(Breach::of("I14", detail));
        }
    }
}

/// Which setting is changed, and to what.
fn change(ask: &Ask) -> Option<(&'static str, i64)> {
    match ask {
        Ask::SetTotal(total) => Some(("total", *total)),
        Ask::SetLimit(limit) => Some(("limit", *limit)),
        Ask::SetPrice(price) => Some(("price", *price)),
        Ask::SetOpen(open) => Some(("open", i64::from(*open))),
        _ => None,
    }
}

fn initially(evidence: &Evidence, sale: usize, setting: &str) -> i64 {
    let terms = &evidence.sales[sale];
    match setting {
        "total" => terms.total,
        "limit" => terms.limit,
        "price" => terms.price,
        _ => 1,
    }
}
