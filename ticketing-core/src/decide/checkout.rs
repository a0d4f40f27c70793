//! Checkout: an order and a payment of a hold, and the gateway's side of it.

use super::context::{Context, Verdict, refuse};
use crate::{
    audit::Action,
    command::{CheckedOut, Checkout, CheckoutRefusal, PaymentRefusal, RecordGatewaySession},
    hold::{Hold, HoldStatus},
    order::{Order, OrderStatus},
    payment::{Payment, PaymentStatus},
};

/// Makes an order of a live hold, or finds the one it became.
pub(super) fn checkout(context: &mut Context<'_>, command: &Checkout) -> Verdict<CheckedOut, CheckoutRefusal> {
    let hold = context.snapshot.holds.get(&(command.session_id, command.hold_id))?.cloned();
    let hold = hold.filter(|hold| hold.user_id == command.user_id);
    let (Some(hold), Some(mut session)) = (hold, context.session(command.session_id)?) else {
        return refuse(CheckoutRefusal::HoldNotFound);
    };
    // Nobody is sent to pay for a hold that is over: the money could only come back.
    if !hold.is_live(context.now) && hold.status != HoldStatus::Confirmed {
        return refuse(CheckoutRefusal::HoldNotActive);
    }
    if let Some(existing) = existing(context, &hold)? {
        return Ok(existing);
    }
    let order = Order {
        id: command.order_id,
        session_id: hold.session_id,
        hold_id: hold.id,
        payment_id: command.payment_id,
        user_id: hold.user_id,
        wanted: hold.wanted.clone(),
        amount: hold.amount,
        status: OrderStatus::Pending,
        created_at: context.now,
        updated_at: context.now,
        paid_at: None,
        trace: hold.trace.or(command.caller.span),
    };
    let payment = Payment {
        id: command.payment_id,
        session_id: hold.session_id,
        order_id: order.id,
        hold_id: hold.id,
        user_id: hold.user_id,
        method: command.method,
        amount: hold.amount,
        gateway: None,
        status: PaymentStatus::Pending,
        created_at: context.now,
        updated_at: context.now,
    };
    let meta = format!(r#"{{"hold":"{}","payment":"{}","amount":{}}}"#, hold.id, payment.id, hold.amount.minor);
    context.audit(&mut session, command.caller, Action::CheckoutStarted, order.id, meta);
    context.save(session);
    let expires_at = hold.expires_at;
    context.snapshot.holds.put(Hold { order_id: Some(order.id), ..hold });
    context.snapshot.orders.put(order.clone());
    context.snapshot.payments.put(payment.clone());
    Ok(CheckedOut { order, payment, expires_at, existing: false })
}

/// The order and the payment that a hold became.
fn existing(context: &Context<'_>, hold: &Hold) -> Verdict<Option<CheckedOut>, CheckoutRefusal> {
    let Some(order_id) = hold.order_id else { return Ok(None) };
    let Some(order) = context.snapshot.orders.get(&(hold.session_id, order_id))?.cloned() else { return Ok(None) };
    let Some(payment) = context.snapshot.payments.get(&(hold.session_id, order.payment_id))?.cloned() else {
        return Ok(None);
    };
    Ok(Some(CheckedOut { order, payment, expires_at: hold.expires_at, existing: true }))
}

/// Records what the gateway calls a payment and where it is paid. The first name stands.
pub(super) fn record(context: &mut Context<'_>, command: &RecordGatewaySession) -> Verdict<Payment, PaymentRefusal> {
    let link = command.link;
    let payment = context.snapshot.payments.get(&(link.session_id, link.payment_id))?.cloned();
    let (Some(payment), Some(mut session)) = (payment, context.session(link.session_id)?) else {
        return refuse(PaymentRefusal::PaymentNotFound);
    };
    if let Some(recorded) = &payment.gateway {
        if recorded.pg_payment_id == command.gateway.pg_payment_id {
            return Ok(payment);
        }
        return refuse(PaymentRefusal::AlreadyRecorded { recorded: recorded.pg_payment_id.clone() });
    }
    let payment = Payment { gateway: Some(command.gateway.clone()), updated_at: context.now, ..payment };
    let meta = serde_json::json!({ "pgPaymentId": command.gateway.pg_payment_id }).to_string();
    context.audit(&mut session, command.caller, Action::PaymentOpened, payment.id, meta);
    context.save(session);
    context.snapshot.payments.put(payment.clone());
    Ok(payment)
}
