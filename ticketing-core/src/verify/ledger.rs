//! The invariants of one session, over its records.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use crate::{
    audit::{Action, AuditKey, StreamId},
    clock::Timestamp,
    hold::{Hold, HoldStatus},
    ids::{HoldId, OrderId, PaymentId},
    order::{Order, OrderStatus},
    outbox::{OutboxStatus, refund_key},
    payment::{CallbackStatus, Payment, PaymentStatus},
    seat::SeatStatus,
    session::SessionKind,
    store::Ledger,
    ticket::TicketStatus,
};

pub(super) fn check(ledger: &Ledger, key: &AuditKey, now: Timestamp) -> Vec<Violation> {
    let mut checker = Checker {
        ledger,
        holds: ledger.holds.iter().map(|hold| (hold.id, hold)).collect(),
        orders: ledger.orders.iter().map(|order| (order.id, order)).collect(),
        payments: ledger.payments.iter().map(|payment| (payment.id, payment)).collect(),
        violations: Vec::new(),
    };
    checker.stock();
    checker.seats();
    checker.hold_and_order();
    checker.payments();
    checker.tickets();
    checker.settlements();
    checker.keys();
    checker.buyers(now);
    checker.audit(key);
    checker.outbox();
    checker.violations
}

struct Checker<'a> {
    ledger: &'a Ledger,
    holds: BTreeMap<HoldId, &'a Hold>,
    orders: BTreeMap<OrderId, &'a Order>,
    payments: BTreeMap<PaymentId, &'a Payment>,
    violations: Vec<Violation>,
}

impl Checker<'_> {
    fn require(
        &mut self,
        holds: bool,
        invariant: &'static str,
        target: impl ToString,
        detail: impl FnOnce() -> String,
    ) {
        if !holds {
            self.violations.push(Violation { invariant, target: target.to_string(), detail: detail() });
        }
    }

    fn tickets_in(&self, status: HoldStatus) -> i64 {
        let holds = self.ledger.holds.iter().filter(|hold| hold.status == status);
        holds.map(|hold| i64::from(hold.quantity())).sum()
    }

    /// I1: the numbers of the session's row add up, and agree with its holds.
    fn stock(&mut self) {
        let (session, stock) = (&self.ledger.session, self.ledger.session.stock);
        self.require(stock.is_sound(), "I1", session.id, || format!("the stock does not add up: {stock:?}"));
        let held = self.tickets_in(HoldStatus::Active);
        self.require(held == stock.held, "I1", session.id, || {
            format!("{} are held by the session, {held} by its holds", stock.held)
        });
        let refunded: i64 = (self.ledger.orders.iter())
            .filter(|order| order.status == OrderStatus::Refunded)
            .map(|order| i64::from(order.wanted.quantity()))
            .sum();
        let sold = self.tickets_in(HoldStatus::Confirmed) - refunded;
        self.require(sold == stock.sold, "I1", session.id, || {
            format!("{} are sold by the session, {sold} by its holds", stock.sold)
        });
        if session.kind == SessionKind::Seated {
            let seats = self.ledger.seats.len() as i64;
            self.require(seats == stock.total, "I1", session.id, || {
                format!("the stock is {} and there are {seats} seats", stock.total)
            });
        }
    }

    /// I2: a seat is in at most one live hold, all seats of a hold or none, and both sides agree.
    fn seats(&mut self) {
        let mut claimed = BTreeMap::new();
        for hold in &self.ledger.holds {
            let sold = hold.status == HoldStatus::Confirmed && !self.is_refunded(hold);
            if hold.status != HoldStatus::Active && !sold {
                continue;
            }
            for seat in hold.wanted.seat_ids() {
                if let Some(other) = claimed.insert(seat.clone(), (hold.id, hold.status)) {
                    self.require(false, "I2", seat, || format!("in {} and in {}", other.0, hold.id));
                }
            }
        }
        for seat in &self.ledger.seats {
            let expected = match claimed.remove(&seat.id) {
                None => (SeatStatus::Available, None),
                Some((hold, HoldStatus::Active)) => (SeatStatus::Hold, Some(hold)),
                Some((hold, _)) => (SeatStatus::Sold, Some(hold)),
            };
            self.require((seat.status, seat.hold_id) == expected, "I2", &seat.id, || {
                format!(
                    "is {} of {:?}, and its holds say {} of {:?}",
                    seat.status, seat.hold_id, expected.0, expected.1
                )
            });
        }
        for (seat, (hold, _)) in claimed {
            self.require(false, "I2", hold, || format!("has seat {seat}, which does not exist"));
        }
    }

    fn is_refunded(&self, hold: &Hold) -> bool {
        let order = hold.order_id.and_then(|id| self.orders.get(&id));
        order.is_some_and(|order| order.status == OrderStatus::Refunded)
    }

    /// I3: a hold has at most one order and the other way round; what is paid is confirmed.
    fn hold_and_order(&mut self) {
        let mut seen = BTreeSet::new();
        for order in &self.ledger.orders {
            self.require(seen.insert(order.hold_id), "I3", order.hold_id, || "has two orders".to_owned());
            let hold = self.holds.get(&order.hold_id).copied();
            let linked = hold.is_some_and(|hold| hold.order_id == Some(order.id));
            self.require(linked, "I3", order.id, || format!("its hold {} does not know it", order.hold_id));
            let paid = matches!(order.status, OrderStatus::Paid | OrderStatus::Refunded);
            let confirmed = hold.is_some_and(|hold| hold.status == HoldStatus::Confirmed);
            self.require(paid == confirmed, "I3", order.id, || {
                format!("is {} and its hold is {:?}", order.status, hold.map(|hold| hold.status))
            });
        }
        for hold in &self.ledger.holds {
            let refunded = self.is_refunded(hold);
            self.require(refunded == hold.refunded_at.is_some(), "I3", hold.id, || {
                format!(
                    "was given back at {:?}, and its order {}",
                    hold.refunded_at,
                    if refunded { "was" } else { "was not" }
                )
            });
            let known = hold.order_id.is_none_or(|order| self.orders.contains_key(&order));
            self.require(known, "I3", hold.id, || "names an order that does not exist".to_owned());
            let ordered = hold.status != HoldStatus::Confirmed || hold.order_id.is_some();
            self.require(ordered, "I3", hold.id, || "is CONFIRMED without an order".to_owned());
        }
    }

    /// I4: one payment per order, one order per gateway payment, and the amounts agree.
    fn payments(&mut self) {
        let (mut of_order, mut of_gateway) = (BTreeSet::new(), BTreeSet::new());
        for payment in &self.ledger.payments {
            self.require(of_order.insert(payment.order_id), "I4", payment.order_id, || "has two payments".to_owned());
            if let Some(gateway) = &payment.gateway {
                let name = &gateway.pg_payment_id;
                self.require(of_gateway.insert(name), "I4", payment.id, || format!("shares {name} with another"));
            }
            let order = self.orders.get(&payment.order_id).copied();
            let hold = self.holds.get(&payment.hold_id).copied();
            let agree = order.zip(hold).is_some_and(|(order, hold)| {
                order.payment_id == payment.id && order.amount == payment.amount && hold.amount == payment.amount
            });
            self.require(agree, "I4", payment.id, || "does not agree with its order and hold".to_owned());
        }
        for order in &self.ledger.orders {
            let known = self.payments.contains_key(&order.payment_id);
            self.require(known, "I4", order.id, || "has no payment".to_owned());
        }
    }

    /// I5: a paid order has exactly its tickets, any other has none that is valid.
    fn tickets(&mut self) {
        let mut valid: BTreeMap<OrderId, usize> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for ticket in &self.ledger.tickets {
            self.require(ids.insert(ticket.id), "I5", ticket.id, || "exists twice".to_owned());
            let used = ticket.status == TicketStatus::Used;
            self.require(used == ticket.redemption.is_some(), "I5", ticket.id, || {
                format!("is {} and its redemption is {:?}", ticket.status, ticket.redemption)
            });
            let known = self.orders.contains_key(&ticket.order_id);
            self.require(known, "I5", ticket.id, || "belongs to no order".to_owned());
            *valid.entry(ticket.order_id).or_default() += usize::from(ticket.status != TicketStatus::Revoked);
        }
        for order in &self.ledger.orders {
            let paid = order.status == OrderStatus::Paid;
            let expected = if paid { order.wanted.quantity() as usize } else { 0 };
            let found = valid.get(&order.id).copied().unwrap_or(0);
            self.require(found == expected, "I5", order.id, || {
                format!("is {} with {found} tickets, expected {expected}", order.status)
            });
        }
    }

    /// I6: captured money is a ticket set or a refund, never both and never neither.
    fn settlements(&mut self) {
        for payment in &self.ledger.payments {
            let order = self.orders.get(&payment.order_id).map(|order| order.status);
            let fits = match payment.status {
                PaymentStatus::Pending | PaymentStatus::Failed => {
                    matches!(order, Some(OrderStatus::Pending | OrderStatus::Cancelled))
                }
                PaymentStatus::Succeeded => order == Some(OrderStatus::Paid),
                PaymentStatus::RefundPending => matches!(order, Some(OrderStatus::Refunded | OrderStatus::Cancelled)),
                PaymentStatus::Refunded => matches!(order, Some(OrderStatus::Refunded | OrderStatus::Cancelled)),
            };
            self.require(fits, "I6", payment.id, || format!("is {} and its order is {order:?}", payment.status));
        }
        for callback in self.ledger.callbacks.iter().filter(|kept| kept.report.status == CallbackStatus::Success) {
            let payment = callback.payment_id.and_then(|id| self.payments.get(&id)).map(|payment| payment.status);
            let settled = matches!(
                payment,
                Some(PaymentStatus::Succeeded | PaymentStatus::RefundPending | PaymentStatus::Refunded)
            );
            self.require(settled, "I6", callback.id, || format!("reported SUCCESS and its payment is {payment:?}"));
        }
    }

    /// I7: one idempotency key of a user is one hold.
    fn keys(&mut self) {
        let mut seen = BTreeMap::new();
        for hold in &self.ledger.holds {
            if let Some(other) = seen.insert((hold.user_id, hold.key.clone()), hold.id) {
                self.require(false, "I7", hold.id, || format!("shares its user's key with {other}"));
            }
        }
    }

    /// I12: a user has at most one live hold.
    fn buyers(&mut self, now: Timestamp) {
        let mut seen = BTreeMap::new();
        for hold in self.ledger.holds.iter().filter(|hold| hold.is_live(now)) {
            if let Some(other) = seen.insert(hold.user_id, hold.id) {
                self.require(false, "I12", hold.user_id, || format!("has two live holds: {other} and {}", hold.id));
            }
        }
    }

    /// I14: the chain holds, and tells every hold's and order's story once.
    fn audit(&mut self, key: &AuditKey) {
        let (session, records) = (&self.ledger.session, &self.ledger.audit);
        if let Err(broken) = key.verify(StreamId::Session(session.id), &session.audit, records) {
            self.require(false, "I14", session.id, || broken.to_string());
        }
        let mut told: BTreeMap<(&str, Action), u32> = BTreeMap::new();
        for record in records {
            *told.entry((record.target.as_str(), record.action)).or_default() += 1;
        }
        let times =
            |target: &dyn ToString, action| told.get(&(target.to_string().as_str(), action)).copied().unwrap_or(0);
        let mut expected = Vec::new();
        for hold in &self.ledger.holds {
            expected.push((hold.id.to_string(), Action::HoldPlaced, 1, times(&hold.id, Action::HoldPlaced)));
            let released = u32::from(hold.status == HoldStatus::Released);
            expected.push((hold.id.to_string(), Action::HoldReleased, released, times(&hold.id, Action::HoldReleased)));
            if hold.status == HoldStatus::Expired {
                expected.push((hold.id.to_string(), Action::HoldExpired, 1, times(&hold.id, Action::HoldExpired)));
            }
        }
        for order in &self.ledger.orders {
            expected.push((
                order.id.to_string(),
                Action::CheckoutStarted,
                1,
                times(&order.id, Action::CheckoutStarted),
            ));
        }
        for payment in &self.ledger.payments {
            let order = self.orders.get(&payment.order_id).map(|order| order.status);
            let sold = matches!(order, Some(OrderStatus::Paid | OrderStatus::Refunded));
            let returned = matches!(payment.status, PaymentStatus::RefundPending | PaymentStatus::Refunded);
            for (action, count) in
                [(Action::PaymentSucceeded, u32::from(sold)), (Action::RefundRequested, u32::from(returned))]
            {
                expected.push((payment.id.to_string(), action, count, times(&payment.id, action)));
            }
        }
        for ticket in &self.ledger.tickets {
            let used = u32::from(ticket.status == TicketStatus::Used);
            expected.push((
                ticket.id.to_string(),
                Action::TicketRedeemed,
                used,
                times(&ticket.id, Action::TicketRedeemed),
            ));
        }
        for (target, action, expected, found) in expected {
            self.require(expected == found, "I14", target, || {
                format!("{found} records of {action}, expected {expected}")
            });
        }
    }

    /// I15: every refund is in the outbox once, under its fixed key, and done when it is done.
    fn outbox(&mut self) {
        let mut messages = BTreeMap::new();
        for message in &self.ledger.outbox {
            let fixed = message.key == refund_key(message.payment_id);
            self.require(fixed, "I15", message.id, || format!("carries the key {}", message.key));
            if messages.insert(message.payment_id, message.status).is_some() {
                self.require(false, "I15", message.payment_id, || "is refunded twice".to_owned());
            }
        }
        for payment in &self.ledger.payments {
            let expected = match payment.status {
                PaymentStatus::RefundPending => Some(OutboxStatus::Pending),
                PaymentStatus::Refunded => Some(OutboxStatus::Done),
                PaymentStatus::Pending | PaymentStatus::Succeeded | PaymentStatus::Failed => None,
            };
            let found = messages.get(&payment.id).copied();
            self.require(found == expected, "I15", payment.id, || {
                format!("is {} and its refund is {found:?}", payment.status)
            });
        }
    }
}
