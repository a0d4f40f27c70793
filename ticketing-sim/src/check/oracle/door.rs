//! A ticket lets one guest in, once, and none after its refund.

use std::collections::BTreeMap;

use super::{
    super::history::{Answer, Ask, At},
    Breach, Evidence,
};

/// Checks every scan.
pub fn check(evidence: &Evidence, found: &mut Vec<Breach>) {
    let orders: BTreeMap<_, _> =
        evidence.end.iter().flat_map(|books| books.tickets.iter().map(|(id, (order, _))| (*id, *order))).collect();
    let refunded = |order, before: At| {
        evidence.ops.iter().any(|op| {
            matches!(&op.ask, Ask::Refund { order: of } if *of == order) && op.acked_at().is_some_and(|at| at < before)
        })
    };
    let mut admitted = BTreeMap::new();
    for op in &evidence.ops {
        let (Ask::Scan { ticket, nonce }, Answer::Scanned { .. }) = (&op.ask, &op.answer) else { continue };
        let first = admitted.entry(*ticket).or_insert(nonce);
        if *first != nonce {
            found.push(Breach::of("door", format!("{ticket} let two guests in, by {first} and {nonce}")));
        }
        if orders.get(ticket).is_some_and(|order| refunded(*order, op.asked)) {
            found.push(Breach::of("door", format!("{ticket} let a guest in after its refund")));
        }
    }
}
