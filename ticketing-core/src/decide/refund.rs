//! Refunds on their way through the outbox.

use super::context::{Context, Verdict, refuse};
use crate::{
    audit::Action,
    command::{CompleteOutbox, LeaseOutbox, Never, PaymentRefusal, RefundOrder, RefundReason, RefundRefusal, Refunded},
    hold::Hold,
    ids::OutboxId,
    order::{Order, OrderStatus},
    outbox::{LEASE, OutboxMessage, OutboxStatus, backoff},
    payment::{Payment, PaymentStatus},
    planted::{Planted, is_planted, key_of_refund},
    seat::SeatStatus,
    store::Read,
    ticket::{Ticket, TicketStatus, ticket_id},
};

/// Puts the refund of `payment` into the outbox.
pub(super) fn request(context: &mut Context<'_>, payment: &Payment, id: OutboxId) {
    context.snapshot.outbox.put(OutboxMessage {
        id,
        session_id: payment.session_id,
        payment_id: payment.id,
        key: key_of_refund(payment.id, id),
        status: OutboxStatus::Pending,
        attempts: 0,
        next_attempt_at: context.now,
        last_error: None,
        created_at: context.now,
        done_at: None,
    });
}

/// Gives a paid order back: its tickets are revoked and its stock is for sale again at once, the money
/// follows through the outbox.
pub(super) fn order(context: &mut Context<'_>, command: &RefundOrder) -> Verdict<Refunded, RefundRefusal> {
    let order = context.snapshot.orders.get(&(command.session_id, command.order_id))?.cloned();
    let (Some(order), Some(mut session)) = (order, context.session(command.session_id)?) else {
        return refuse(RefundRefusal::OrderNotFound);
    };
    let ids: Vec<_> = (0..order.wanted.quantity()).map(|ordinal| ticket_id(order.id, ordinal)).collect();
    context.need(
        (ids.iter().map(|id| Read::Ticket(session.id, *id)))
            .chain([Read::Payment(session.id, order.payment_id), Read::Hold(session.id, order.hold_id)])
            .chain(order.wanted.seat_ids().iter().map(|seat| Read::Seat(session.id, seat.clone()))),
    )?;
    let payment = context.snapshot.payments.get(&(session.id, order.payment_id))?.cloned();
    let hold = context.snapshot.holds.get(&(session.id, order.hold_id))?.cloned();
    let (Some(payment), Some(hold)) = (payment, hold) else { return refuse(RefundRefusal::OrderNotFound) };
    match order.status {
        OrderStatus::Refunded => return Ok(Refunded { order, payment, existing: true }),
        OrderStatus::Pending | OrderStatus::Cancelled => {
            return refuse(RefundRefusal::NotPaid { status: order.status });
        }
        OrderStatus::Paid => {}
    }
    let mut tickets = Vec::with_capacity(ids.len());
    for id in ids {
        tickets.extend(context.snapshot.tickets.get(&(session.id, id))?.cloned());
    }
    let used: Vec<_> = tickets.iter().filter(|ticket| ticket.status == TicketStatus::Used).collect();
    if !used.is_empty() {
        return refuse(RefundRefusal::TicketUsed { ticket_ids: used.iter().map(|ticket| ticket.id).collect() });
    }
    for ticket in tickets {
        context.snapshot.tickets.put(Ticket { status: TicketStatus::Revoked, ..ticket });
    }
    context.set_seats(&hold, SeatStatus::Available)?;
    let quantity = i64::from(order.wanted.quantity());
    session.stock.sold -= quantity;
    session.stock.available += quantity;
    request(context, &payment, command.outbox_id);
    let meta = format!(r#"{{"order":"{}","reason":"{}"}}"#, order.id, RefundReason::Organiser);
    context.audit(&mut session, command.caller, Action::RefundRequested, payment.id, meta);
    context.save(session);
    context.snapshot.holds.put(Hold { refunded_at: Some(context.now), ..hold });
    let order = Order { status: OrderStatus::Refunded, updated_at: context.now, ..order };
    let payment = Payment { status: PaymentStatus::RefundPending, updated_at: context.now, ..payment };
    context.snapshot.orders.put(order.clone());
    context.snapshot.payments.put(payment.clone());
    Ok(Refunded { order, payment, existing: false })
}

/// Gives a due message to one worker, for as long as a delivery may take.
pub(super) fn lease(context: &mut Context<'_>, command: &LeaseOutbox) -> Verdict<Option<OutboxMessage>, Never> {
    let message = context.snapshot.outbox.get(&(command.session_id, command.outbox_id))?.cloned();
    let due = |message: &OutboxMessage| {
        message.status == OutboxStatus::Pending
            && message.attempts == command.seen_attempts
            && message.next_attempt_at <= context.now
    };
    let Some(message) = message.filter(due) else { return Ok(None) };
    let leased = OutboxMessage { attempts: message.attempts + 1, next_attempt_at: context.now.plus(LEASE), ..message };
    context.snapshot.outbox.put(leased.clone());
    Ok(Some(leased))
}

/// Notes how a delivery went.
pub(super) fn complete(context: &mut Context<'_>, command: &CompleteOutbox) -> Verdict<PaymentStatus, PaymentRefusal> {
    let message = context.snapshot.outbox.get(&(command.session_id, command.outbox_id))?.cloned();
    let payment = context.snapshot.payments.get(&(command.session_id, command.payment_id))?.cloned();
    let order = context.snapshot.orders.get(&(command.session_id, command.order_id))?.cloned();
    let session = context.session(command.session_id)?;
    let (Some(message), Some(payment), Some(order), Some(mut session)) = (message, payment, order, session) else {
        return refuse(PaymentRefusal::PaymentNotFound);
    };
    if message.status == OutboxStatus::Done {
        return Ok(payment.status);
    }
    let status = match &command.result {
        Ok(()) => {
            if message.attempts <= 1 || !is_planted(Planted::RetriedRefundUnrecorded) {
                let meta = format!(r#"{{"order":"{}","key":"{}"}}"#, order.id, message.key);
                context.audit(&mut session, Context::ENGINE, Action::RefundCompleted, payment.id, meta);
            }
            let done_at = Some(context.now);
            context.snapshot.outbox.put(OutboxMessage {
                status: OutboxStatus::Done,
                done_at,
                last_error: None,
                ..message
            });
            let refunded = Payment { status: PaymentStatus::Refunded, updated_at: context.now, ..payment };
            context.snapshot.payments.put(refunded);
            PaymentStatus::Refunded
        }
        Err(error) => {
            let meta = serde_json::json!({ "attempt": message.attempts, "error": error }).to_string();
            context.audit(&mut session, Context::ENGINE, Action::RefundDelayed, payment.id, meta);
            let next_attempt_at = context.now.plus(backoff(message.attempts));
            let last_error = Some(error.clone());
            context.snapshot.outbox.put(OutboxMessage { next_attempt_at, last_error, ..message });
            payment.status
        }
    };
    context.save(session);
    Ok(status)
}
