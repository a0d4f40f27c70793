//! Checkout and callbacks: one payment ends in one ticket set or one full refund.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};

use crate::{
    audit::StreamId,
    command::{Checkout, CheckoutRefusal, HoldRefusal, RefundReason, Settlement},
    engine::{CallbackOutcome, EngineError, OpenCheckout},
    hold::HoldStatus,
    ids::{HoldId, OrderId, PaymentId},
    order::OrderStatus,
    payment::{CallbackReport, CallbackStatus, PaymentMethod, PaymentStatus},
    testing::{
        Harness, TestGateway,
        harness::{ALICE, BOB, OPERATOR, PRICE, report, stock},
    },
    ticket::TicketStatus,
};

pub async fn a_checkout_asked_again_is_the_same(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    let first = h.checkout(ALICE, hold.id).await.unwrap();
    assert!(!first.existing);
    assert_eq!((first.expires_at, first.payment.amount), (hold.expires_at, PRICE.times(2)));
    let again = h.checkout(ALICE, hold.id).await.unwrap();
    assert!(again.existing);
    assert_eq!((again.order.id, again.payment.id, &again.gateway), (first.order.id, first.payment.id, &first.gateway));
    assert_eq!(h.gateway.opened().len(), 1);
    let at_once = join(h.checkout(ALICE, hold.id), h.checkout(ALICE, hold.id)).await;
    assert_eq!(at_once.0.unwrap().payment.id, at_once.1.unwrap().payment.id);
}

pub async fn a_dead_hold_is_not_checked_out(h: Harness) {
    h.session(5).await;
    let released = h.hold(ALICE, "k1", 1).await.unwrap().hold;
    h.release(ALICE, released.id).await.unwrap();
    assert_eq!(h.checkout(ALICE, released.id).await.unwrap_err(), CheckoutRefusal::HoldNotActive);
    let expired = h.hold(ALICE, "k2", 1).await.unwrap().hold;
    h.clock.set(expired.expires_at);
    assert_eq!(h.checkout(ALICE, expired.id).await.unwrap_err(), CheckoutRefusal::HoldNotActive);
    h.tick().await;
    assert_eq!(h.checkout(ALICE, expired.id).await.unwrap_err(), CheckoutRefusal::HoldNotActive);
}

pub async fn another_user_s_hold_is_not_checked_out(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 1).await.unwrap().hold;
    assert_eq!(h.checkout(BOB, hold.id).await.unwrap_err(), CheckoutRefusal::HoldNotFound);
    let nobody_s = HoldId::from_uuid(h.fresh());
    assert_eq!(h.checkout(ALICE, nobody_s).await.unwrap_err(), CheckoutRefusal::HoldNotFound);
    assert_eq!(h.gateway.opens_asked(), 0);
    // The rule says so too, to whoever comes past the engine's own look at the hold.
    let command = Checkout {
        caller: OPERATOR,
        session_id: h.session_id(),
        hold_id: hold.id,
        user_id: BOB,
        method: PaymentMethod::Card,
        order_id: OrderId::from_uuid(h.fresh()),
        payment_id: PaymentId::from_uuid(h.fresh()),
    };
    assert_eq!(h.command(command).await, Err(CheckoutRefusal::HoldNotFound));
}

pub async fn a_checkout_goes_on_where_the_gateway_failed(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 1).await.unwrap().hold;
    h.gateway.open_unavailable(1);
    let failed = h.engine.checkout(h.checkout_request(ALICE, hold.id)).await;
    assert!(matches!(failed, Err(EngineError::Gateway(_))), "{failed:?}");
    h.gateway.lose_open_replies(1);
    let failed = h.engine.checkout(h.checkout_request(ALICE, hold.id)).await;
    assert!(matches!(failed, Err(EngineError::Gateway(_))), "{failed:?}");
    let open = h.checkout(ALICE, hold.id).await.unwrap();
    assert_eq!(h.gateway.opened().len(), 1, "asked three times under one reference");
    assert_eq!(h.pay(&open).await, Settlement::Sold);
}

pub async fn no_page_is_opened_for_a_hold_that_is_over(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 1).await.unwrap().hold;
    h.gateway.open_unavailable(1);
    assert!(h.engine.checkout(h.checkout_request(ALICE, hold.id)).await.is_err());
    h.release(ALICE, hold.id).await.unwrap();
    assert_eq!(h.checkout(ALICE, hold.id).await.unwrap_err(), CheckoutRefusal::HoldNotActive);
    assert_eq!(h.gateway.opened().len(), 0);
}

/// ALICE is at the gateway with `quantity` tickets when her hold ends.
async fn late(h: &Harness, quantity: u32) -> OpenCheckout {
    let open = h.held_and_checked_out(ALICE, "k1", quantity).await;
    h.clock.set(open.expires_at);
    open
}

async fn is_sold(h: &Harness, open: &OpenCheckout) {
    assert_eq!(h.hold_record(open.order.hold_id).await.status, HoldStatus::Confirmed);
    assert_eq!(h.order_record(open).await.status, OrderStatus::Paid);
    assert_eq!(h.payment_record(open).await.status, PaymentStatus::Succeeded);
    assert_eq!(h.tickets(open.order.user_id).await.len(), open.order.wanted.quantity() as usize);
    h.tick().await;
    assert_eq!(h.gateway.refunds().len(), 0);
}

async fn is_refunded(h: &Harness, open: &OpenCheckout) {
    assert_eq!(h.payment_record(open).await.status, PaymentStatus::RefundPending);
    h.tick().await;
    assert_eq!(h.payment_record(open).await.status, PaymentStatus::Refunded);
    assert_eq!(h.order_record(open).await.status, OrderStatus::Cancelled);
    let refunds = h.gateway.refunds();
    assert_eq!(refunds.len(), 1);
    assert_eq!((&refunds[0].pg_payment_id, refunds[0].amount), (&open.gateway.pg_payment_id, open.payment.amount));
    assert_eq!(h.store.tickets_of_order(open.order.id).await.unwrap(), []);
}

pub async fn a_late_payment_takes_its_stock_again_if_it_is_free(h: Harness) {
    h.session(2).await;
    let open = late(&h, 2).await;
    assert_eq!(h.pay(&open).await, Settlement::Sold);
    assert_eq!(h.stock().await, stock(0, 0, 2));
    is_sold(&h, &open).await;
}

pub async fn a_late_payment_takes_its_stock_again_after_a_sweep(h: Harness) {
    h.session(2).await;
    let open = late(&h, 2).await;
    h.tick().await;
    assert_eq!(h.order_record(&open).await.status, OrderStatus::Cancelled);
    h.advance(3_600);
    assert_eq!(h.pay(&open).await, Settlement::Sold);
    assert_eq!(h.stock().await, stock(0, 0, 2));
    is_sold(&h, &open).await;
}

pub async fn a_late_payment_is_refunded_when_its_stock_is_gone(h: Harness) {
    h.session(2).await;
    let open = late(&h, 2).await;
    h.hold(BOB, "k2", 1).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::RefundRequested(RefundReason::StockGone));
    assert_eq!(h.stock().await, stock(1, 1, 0));
    assert_eq!(h.pay(&open).await, Settlement::Duplicate);
    is_refunded(&h, &open).await;
    assert_eq!(h.pay(&open).await, Settlement::Duplicate, "a refund is not undone");
    assert_eq!(h.gateway.refunds_asked(), 1);
}

pub async fn a_late_payment_is_refunded_when_it_would_break_the_limit(h: Harness) {
    h.session_with(|new| new.max_per_user = 3).await;
    let open = late(&h, 2).await;
    h.hold(ALICE, "k2", 2).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::RefundRequested(RefundReason::LimitExceeded));
    assert_eq!(h.stock().await, stock(98, 2, 0));
    is_refunded(&h, &open).await;
}

pub async fn a_success_followed_by_a_fail_stays_paid(h: Harness) {
    h.session(5).await;
    let open = h.buy(ALICE, "k1", 2).await;
    assert_eq!(h.decline(&open).await, Settlement::Contradicted);
    assert_eq!(h.stock().await, stock(3, 0, 2));
    is_sold(&h, &open).await;
}

pub async fn a_fail_followed_by_a_success_is_refunded(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    assert_eq!(h.decline(&open).await, Settlement::Declined);
    assert_eq!(h.decline(&open).await, Settlement::Duplicate);
    assert_eq!(h.pay(&open).await, Settlement::RefundRequested(RefundReason::HoldReleased));
    assert_eq!(h.stock().await, stock(5, 0, 0));
    is_refunded(&h, &open).await;
}

pub async fn a_payment_for_a_released_hold_is_refunded(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    h.release(ALICE, open.order.hold_id).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::RefundRequested(RefundReason::HoldReleased));
    is_refunded(&h, &open).await;
}

async fn is_never_sold(h: &Harness, change: impl Fn(&mut CallbackReport)) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    let mut wrong = report(&open, CallbackStatus::Success);
    change(&mut wrong);
    assert_eq!(h.settle(wrong).await, Settlement::RefundRequested(RefundReason::AmountMismatch));
    assert_eq!(h.pay(&open).await, Settlement::Duplicate, "the right amount afterwards changes nothing");
    assert_eq!(h.tickets(ALICE).await, []);
    h.clock.set(open.expires_at);
    assert_eq!(h.remaining().await, 5);
    is_refunded(h, &open).await;
}

pub async fn a_wrong_amount_is_never_sold(h: Harness) {
    is_never_sold(&h, |report| report.amount = Some(PRICE.minor)).await;
}

pub async fn a_wrong_currency_is_never_sold(h: Harness) {
    is_never_sold(&h, |report| report.currency = Some("USD".to_owned())).await;
}

pub async fn a_callback_without_amount_is_believed(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    let bare = CallbackReport { amount: None, currency: None, ..report(&open, CallbackStatus::Success) };
    assert_eq!(h.settle(bare).await, Settlement::Sold);
}

pub async fn fifty_duplicates_at_once_sell_once(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    let settlements = join_all((0..50).map(|_| h.pay(&open))).await;
    assert_eq!(settlements.iter().filter(|settlement| **settlement == Settlement::Sold).count(), 1);
    assert_eq!(settlements.iter().filter(|settlement| **settlement == Settlement::Duplicate).count(), 49);
    assert_eq!(h.stock().await, stock(3, 0, 2));
    is_sold(&h, &open).await;
}

pub async fn a_success_and_a_fail_at_once_end_in_one_of_both(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    match join(h.pay(&open), h.decline(&open)).await {
        (Settlement::Sold, Settlement::Contradicted) => is_sold(&h, &open).await,
        (Settlement::RefundRequested(RefundReason::HoldReleased), Settlement::Declined) => is_refunded(&h, &open).await,
        other => panic!("a payment ended twice: {other:?}"),
    }
}

pub async fn an_unknown_payment_is_kept_and_matched_later(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    h.gateway.lose_open_replies(1);
    let failed = h.engine.checkout(h.checkout_request(ALICE, hold.id)).await;
    assert!(matches!(failed, Err(EngineError::Gateway(_))), "{failed:?}");
    // The gateway knows the payment, we do not yet know the gateway's name for it.
    let early = CallbackReport {
        pg_payment_id: TestGateway::name_of(h.gateway.opened()[0].reference),
        status: CallbackStatus::Success,
        amount: Some(PRICE.times(2).minor),
        currency: None,
        raw_payload: r#"{"early":true}"#.to_owned(),
    };
    for _ in 0..2 {
        assert_eq!(h.callback(early.clone()).await, CallbackOutcome::Unmatched);
    }
    assert_eq!(h.tick().await.matched, 0);
    let open = h.checkout(ALICE, hold.id).await.unwrap();
    assert!(open.existing);
    assert_eq!(h.tick().await.matched, 1);
    assert_eq!(h.stock().await, stock(3, 0, 2));
    is_sold(&h, &open).await;
    assert_eq!(h.tick().await.matched, 0, "it is matched once");
    assert_eq!(h.pay(&open).await, Settlement::Duplicate);
}

pub async fn an_unknown_payment_of_nobody_stays_kept(h: Harness) {
    let stray = CallbackReport {
        pg_payment_id: "pg_of_somebody_else".parse().unwrap(),
        status: CallbackStatus::Success,
        amount: Some(1),
        currency: None,
        raw_payload: "{}".to_owned(),
    };
    for _ in 0..3 {
        assert_eq!(h.callback(stray.clone()).await, CallbackOutcome::Unmatched);
    }
    assert_eq!(h.tick().await.matched, 0);
    let (head, _) = h.store.chain(StreamId::Callbacks).await.unwrap();
    assert_eq!(head.length, 1, "a duplicate is kept once");
}

pub async fn a_decline_frees_its_stock_at_once(h: Harness) {
    h.session(2).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    assert_eq!(h.hold(BOB, "k2", 1).await, Err(HoldRefusal::SoldOut { remaining: 0 }));
    h.decline(&open).await;
    assert!(h.hold(BOB, "k2", 2).await.is_ok());
    assert!(h.hold(ALICE, "k3", 1).await.is_err(), "its buyer starts anew, behind the others");
}

pub async fn a_purchase_has_its_tickets_each_with_its_own_id(h: Harness) {
    h.session(5).await;
    let open = h.buy(ALICE, "k1", 3).await;
    let tickets = h.store.tickets_of_order(open.order.id).await.unwrap();
    assert_eq!(tickets.iter().map(|ticket| ticket.id).collect::<BTreeSet<_>>().len(), 3);
    for ticket in &tickets {
        assert_eq!((ticket.status, ticket.user_id, ticket.session_id), (TicketStatus::Valid, ALICE, h.session_id()));
        assert_eq!((ticket.event_id, ticket.order_id), (h.event_id(), open.order.id));
        let claims = h.engine.ticket_signer().verify(&h.engine.ticket_code(ticket)).unwrap();
        assert_eq!((claims.ticket_id, claims.session_id), (ticket.id, ticket.session_id));
    }
}
