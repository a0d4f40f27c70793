//! Refunds on their way through the outbox.

use super::context::{Context, Verdict, refuse};
use crate::{
    audit::Action,
    command::{CompleteOutbox, LeaseOutbox, Never, PaymentRefusal},
    ids::OutboxId,
    order::{Order, OrderStatus},
    outbox::{LEASE, OutboxMessage, OutboxStatus, backoff, refund_key},
    payment::{Payment, PaymentStatus},
};

/// Puts the refund of `payment` into the outbox.
pub(super) fn request(context: &mut Context<'_>, payment: &Payment, id: OutboxId) {
    context.snapshot.outbox.put(OutboxMessage {
        id,
        session_id: payment.session_id,
        payment_id: payment.id,
        key: refund_key(payment.id),
        status: OutboxStatus::Pending,
        attempts: 0,
        next_attempt_at: context.now,
        last_error: None,
        created_at: context.now,
        done_at: None,
    });
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
            let meta = format!(r#"{{"order":"{}","key":"{}"}}"#, order.id, message.key);
            context.audit(&mut session, Context::ENGINE, Action::RefundCompleted, payment.id, meta);
            let done_at = Some(context.now);
            context.snapshot.outbox.put(OutboxMessage {
                status: OutboxStatus::Done,
                done_at,
                last_error: None,
                ..message
            });
            if order.status == OrderStatus::Paid {
                let refunded = Order { status: OrderStatus::Refunded, updated_at: context.now, ..order };
                context.snapshot.orders.put(refunded);
            }
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
