//! Callbacks of the gateway: one payment ends in exactly one of a ticket set or one full refund.

use super::{
    context::{Context, Verdict, refuse},
    expire, hold, refund, release,
};
use crate::{
    audit::{Action, StreamId},
    command::{KeepCallback, Never, PaymentRefusal, RefundReason, SettlePayment, Settlement},
    hold::{Hold, HoldStatus},
    order::{Order, OrderStatus},
    payment::{Callback, CallbackReport, CallbackStatus, Payment, PaymentStatus},
    planted::{Planted, is_planted},
    seat::SeatStatus,
    session::{Session, SessionKind},
    store::{Missing, Read},
    ticket::{Ticket, TicketStatus, ticket_id},
    waiting_room::{Place, PlaceState, admission},
};

/// A payment with everything it touches.
struct Purchase {
    session: Session,
    payment: Payment,
    order: Order,
    hold: Hold,
}

/// Applies a callback to its payment.
pub(super) fn settle(context: &mut Context<'_>, command: &SettlePayment) -> Verdict<Settlement, PaymentRefusal> {
    let Some(mut purchase) = load(context, command)? else { return refuse(PaymentRefusal::PaymentNotFound) };
    let settlement = match (command.report.status, purchase.payment.status) {
        (_, PaymentStatus::Pending | PaymentStatus::Failed) if command.given_back => {
            end_hold(context, command, &mut purchase)?;
            give_money_back(context, command, &mut purchase, RefundReason::GivenBack)?
        }
        (_, PaymentStatus::RefundPending | PaymentStatus::Refunded) if command.given_back => Settlement::Duplicate,
        (CallbackStatus::Success, PaymentStatus::Failed) if is_planted(Planted::CaptureAfterDeclineIgnored) => {
            Settlement::Duplicate
        }
        (CallbackStatus::Success, PaymentStatus::Pending | PaymentStatus::Failed) => {
            captured(context, command, &mut purchase)?
        }
        (CallbackStatus::Success, PaymentStatus::Succeeded) if is_planted(Planted::CallbackNotDeduplicated) => {
            captured(context, command, &mut purchase)?
        }
        (CallbackStatus::Success, PaymentStatus::RefundPending | PaymentStatus::Refunded)
            if is_planted(Planted::RefundTwice) =>
        {
            give_money_back(context, command, &mut purchase, RefundReason::HoldReleased)?
        }
        (CallbackStatus::Fail, PaymentStatus::Pending) => declined(context, command, &mut purchase)?,
        (CallbackStatus::Success, _) | (CallbackStatus::Fail, PaymentStatus::Failed) => Settlement::Duplicate,
        (CallbackStatus::Fail, _) => Settlement::Contradicted,
    };
    let kept = keep_payload(context, command)?;
    let changed = !matches!(settlement, Settlement::Duplicate | Settlement::Contradicted);
    if kept && !changed {
        let meta = format!(r#"{{"status":"{}"}}"#, command.report.status);
        context.audit(&mut purchase.session, command.caller, Action::CallbackKept, purchase.payment.id, meta);
    }
    if changed {
        context.snapshot.payments.put(purchase.payment);
        context.snapshot.orders.put(purchase.order);
    }
    if changed || kept {
        context.save(purchase.session);
    }
    Ok(settlement)
}

/// Keeps a callback that names no payment of ours, once; tells whether that was new.
pub(super) fn keep(context: &mut Context<'_>, command: &KeepCallback) -> Verdict<bool, Never> {
    if context.snapshot.callbacks.get(&command.callback_id)?.is_some() {
        return Ok(false);
    }
    let report = command.report.clone();
    let callback = Callback { id: command.callback_id, report, payment_id: None, received_at: context.now };
    let meta = serde_json::json!({ "pgPaymentId": callback.report.pg_payment_id, "status": callback.report.status });
    let (caller, action) = (command.caller, Action::CallbackKept);
    context.audit_stream(StreamId::Callbacks, caller, action, callback.id, meta.to_string())?;
    context.snapshot.callbacks.put(callback);
    Ok(true)
}

fn load(context: &Context<'_>, command: &SettlePayment) -> Result<Option<Purchase>, Missing> {
    let link = command.link;
    let payment = context.snapshot.payments.get(&(link.session_id, link.payment_id))?.cloned();
    let order = context.snapshot.orders.get(&(link.session_id, link.order_id))?.cloned();
    let hold = context.snapshot.holds.get(&(link.session_id, link.hold_id))?.cloned();
    let session = context.session(link.session_id)?;
    Ok(session.zip(payment).zip(order.zip(hold)).map(|((session, payment), (order, hold))| Purchase {
        session,
        payment,
        order,
        hold,
    }))
}

/// Keeps what the gateway said, once; tells whether that was new.
fn keep_payload(context: &mut Context<'_>, command: &SettlePayment) -> Result<bool, Missing> {
    let payment_id = Some(command.link.payment_id);
    let known = context.snapshot.callbacks.get(&command.callback_id)?.cloned();
    let (callback, new) = match known {
        Some(callback) if callback.payment_id == payment_id => return Ok(false),
        Some(callback) => (Callback { payment_id, ..callback }, false),
        None => {
            let report = command.report.clone();
            (Callback { id: command.callback_id, report, payment_id, received_at: context.now }, true)
        }
    };
    context.snapshot.callbacks.put(callback);
    Ok(new)
}

/// The money is captured: tickets, or all of it back.
fn captured(
    context: &mut Context<'_>,
    command: &SettlePayment,
    purchase: &mut Purchase,
) -> Result<Settlement, Missing> {
    let Purchase { session, payment, hold, .. } = purchase;
    if !agrees(&command.report, payment) {
        if hold.is_live(context.now) {
            *hold = release::end(context, session, hold.clone(), command.caller)?;
        }
        return give_money_back(context, command, purchase, RefundReason::AmountMismatch);
    }
    if hold.is_overdue(context.now) && !is_planted(Planted::OverdueHoldSold) {
        expire::expire(context, session, hold.clone())?;
        hold.status = HoldStatus::Expired;
    }
    let quantity = i64::from(hold.quantity());
    let refusal = match hold.status {
        HoldStatus::Active => {
            session.stock.held -= quantity;
            None
        }
        HoldStatus::Expired if is_planted(Planted::ConfirmedWithoutStock) => {
            session.stock.sold -= quantity;
            None
        }
        HoldStatus::Expired => {
            let refusal = retake(context, session, hold)?;
            if refusal.is_none() {
                session.stock.available -= quantity;
            }
            refusal
        }
        // Given up, by its owner or by a decline: nobody expects tickets of it any more.
        HoldStatus::Released | HoldStatus::Confirmed => Some(RefundReason::HoldReleased),
    };
    match refusal {
        Some(reason) => give_money_back(context, command, purchase, reason),
        None => {
            purchase.session.stock.sold += quantity;
            sell(context, command, purchase)?;
            Ok(Settlement::Sold)
        }
    }
}

/// Whether a hold that has expired may have its stock once more, and why not.
fn retake(context: &mut Context<'_>, session: &mut Session, dead: &Hold) -> Result<Option<RefundReason>, Missing> {
    let quantity = dead.quantity();
    let kind = if dead.wanted.seat_ids().is_empty() { SessionKind::Quantity } else { SessionKind::Seated };
    if kind != session.kind {
        return Ok(Some(RefundReason::StockGone));
    }
    expire::reclaim(context, session, i64::from(quantity))?;
    context.need(dead.wanted.seat_ids().iter().map(|id| Read::Seat(session.id, id.clone())))?;
    let taken = hold::reclaim_seats(context, session, dead.wanted.seat_ids())?;
    if session.stock.available < i64::from(quantity) || !taken.is_empty() {
        return Ok(Some(RefundReason::StockGone));
    }
    let others = hold::tickets_of(context, session, dead.user_id)?;
    let fits = others + u64::from(quantity) <= u64::from(session.max_per_user);
    Ok((!fits && !is_planted(Planted::LateSaleOverLimit)).then_some(RefundReason::LimitExceeded))
}

fn agrees(report: &CallbackReport, payment: &Payment) -> bool {
    report.amount.is_none_or(|amount| amount == payment.amount.minor)
        && report.currency.as_deref().is_none_or(|currency| currency == payment.amount.currency.as_str())
}

/// Confirms the hold and issues its tickets. The stock has been moved.
fn sell(context: &mut Context<'_>, command: &SettlePayment, purchase: &mut Purchase) -> Result<(), Missing> {
    let Purchase { session, payment, order, hold } = purchase;
    context.set_seats(hold, SeatStatus::Sold)?;
    hold.status = HoldStatus::Confirmed;
    hold.ended_at = Some(context.now);
    context.snapshot.holds.put(hold.clone());
    free_place(context, session, hold)?;
    order.status = OrderStatus::Paid;
    order.paid_at = Some(context.now);
    order.updated_at = context.now;
    payment.status = PaymentStatus::Succeeded;
    payment.updated_at = context.now;
    for ordinal in 0..hold.quantity() {
        context.snapshot.add_ticket(Ticket {
            id: ticket_id(order.id, ordinal),
            order_id: order.id,
            event_id: session.event_id,
            session_id: session.id,
            user_id: order.user_id,
            seat_id: hold.wanted.seat_ids().get(ordinal as usize).cloned(),
            status: TicketStatus::Valid,
            issued_at: context.now,
            redemption: None,
        });
    }
    let meta = format!(r#"{{"order":"{}","hold":"{}","tickets":{}}}"#, order.id, hold.id, hold.quantity());
    context.audit(session, command.caller, Action::PaymentSucceeded, payment.id, meta);
    Ok(())
}

/// A buyer's place in the waiting room is free at once, where places are limited in number.
fn free_place(context: &mut Context<'_>, session: &Session, hold: &Hold) -> Result<(), Missing> {
    let policy = &session.queue;
    let counted = policy.max_active.is_some() || policy.max_length.is_some();
    let Some(number) = hold.place.filter(|_| counted) else { return Ok(()) };
    let room = context.snapshot.rooms.get(&session.id)?.filter(|room| !room.apart).cloned();
    if room.is_none() {
        // The engine tells the store that keeps it.
        return Ok(());
    }
    let place = context.snapshot.places.get(&(session.id, number))?.copied();
    if let (Some(mut room), Some(place)) = (room, place.filter(|place| place.state == PlaceState::In)) {
        admission::give_up(&mut room, &place);
        if !is_planted(Planted::BuyerStaysIn) {
            context.snapshot.places.put(Place { state: PlaceState::Bought, ..place });
        }
        context.snapshot.rooms.put(room);
    }
    Ok(())
}

/// Puts a refund into the outbox, and cancels what is not cancelled yet.
fn give_money_back(
    context: &mut Context<'_>,
    command: &SettlePayment,
    purchase: &mut Purchase,
    reason: RefundReason,
) -> Result<Settlement, Missing> {
    let Purchase { session, payment, order, .. } = purchase;
    cancel(context, order);
    payment.status = PaymentStatus::RefundPending;
    payment.updated_at = context.now;
    refund::request(context, payment, command.outbox_id);
    let meta = format!(r#"{{"order":"{}","reason":"{}"}}"#, order.id, reason);
    context.audit(session, command.caller, Action::RefundRequested, payment.id, meta);
    Ok(Settlement::RefundRequested(reason))
}

/// Nothing will be bought with it any more.
fn end_hold(context: &mut Context<'_>, command: &SettlePayment, purchase: &mut Purchase) -> Result<(), Missing> {
    let Purchase { session, hold, .. } = purchase;
    if hold.is_overdue(context.now) {
        expire::expire(context, session, hold.clone())?;
    } else if hold.status == HoldStatus::Active {
        release::end(context, session, hold.clone(), command.caller)?;
    }
    Ok(())
}

/// The money is not captured: the hold is over at once.
fn declined(
    context: &mut Context<'_>,
    command: &SettlePayment,
    purchase: &mut Purchase,
) -> Result<Settlement, Missing> {
    end_hold(context, command, purchase)?;
    let Purchase { session, payment, order, hold } = purchase;
    if is_planted(Planted::DeclineFreesSeats) {
        context.set_seats(hold, SeatStatus::Available)?;
    }
    cancel(context, order);
    payment.status = PaymentStatus::Failed;
    payment.updated_at = context.now;
    let meta = format!(r#"{{"order":"{}","hold":"{}"}}"#, order.id, hold.id);
    context.audit(session, command.caller, Action::PaymentFailed, payment.id, meta);
    Ok(Settlement::Declined)
}

fn cancel(context: &Context<'_>, order: &mut Order) {
    if order.status == OrderStatus::Pending {
        order.status = OrderStatus::Cancelled;
        order.updated_at = context.now;
    }
}
