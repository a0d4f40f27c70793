//! What is there at the end, what was recorded, and whose it is.

use super::*;

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
