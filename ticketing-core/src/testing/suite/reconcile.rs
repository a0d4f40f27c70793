//! Reconciliation: what the gateway took, held against what the ledger knows.

use std::sync::Arc;

use futures_util::future::join;

use crate::{
    clock::Timestamp,
    command::{RefundReason, Settlement},
    engine::{EngineError, OpenCheckout, ReconcileReport},
    ids::PaymentId,
    order::OrderStatus,
    outbox::refund_key,
    payment::{
        PaymentStatus,
        gateway::{PaymentGateway, Refund},
    },
    store::{PageRequest, memory::MemoryStore},
    testing::{
        Harness, TestGateway,
        harness::{ALICE, BOB, OPERATOR, PRICE, buyer, stock},
    },
};

async fn reconcile(h: &Harness) -> ReconcileReport {
    h.engine.reconcile(OPERATOR, Timestamp::from_micros(0)).await.expect("the gateway lists what it captured")
}

/// The gateway takes the money of `open`, and its callback gets lost.
fn captured(h: &Harness, open: &OpenCheckout) {
    h.gateway.capture(open.payment.id, open.payment.amount, h.now());
}

/// The gateway gives the money of `open` back, whoever asked it to.
async fn given_back(h: &Harness, open: &OpenCheckout) {
    let (key, pg_payment_id) = (refund_key(open.payment.id), open.gateway.pg_payment_id.clone());
    h.gateway.refund(Refund { key, pg_payment_id, amount: open.payment.amount }).await.unwrap();
}

pub async fn what_is_settled_is_left_alone(h: Harness) {
    h.session(5).await;
    h.buy(ALICE, "k1", 1).await;
    let released = h.held_and_checked_out(BOB, "k2", 1).await;
    h.release(BOB, released.order.hold_id).await.unwrap();
    assert_eq!(h.pay(&released).await, Settlement::RefundRequested(RefundReason::HoldReleased));
    let expected = ReconcileReport { captured: 2, settled: 2, ..ReconcileReport::default() };
    assert_eq!(reconcile(&h).await, expected, "one paid, one to be given back");
    h.tick().await;
    let before = h.written().await;
    assert_eq!(reconcile(&h).await, expected, "one paid, one given back");
    assert_eq!(h.written().await, before, "it writes nothing");
}

pub async fn a_capture_that_the_ledger_waits_for_is_sold(h: Harness) {
    h.session(9).await;
    let mut open = Vec::new();
    for n in 0..5 {
        open.push(h.held_and_checked_out(buyer(n), "k1", 1).await);
        captured(&h, &open[n as usize]);
    }
    let unpaid = h.held_and_checked_out(ALICE, "k1", 1).await;
    assert_eq!(reconcile(&h).await, ReconcileReport { captured: 5, sold: 5, ..ReconcileReport::default() });
    assert_eq!(h.stock().await, stock(3, 1, 5));
    assert_eq!(h.payment_record(&unpaid).await.status, PaymentStatus::Pending);
    assert_eq!(reconcile(&h).await, ReconcileReport { captured: 5, settled: 5, ..ReconcileReport::default() });
    assert_eq!(h.pay(&open[0]).await, Settlement::Duplicate, "its callback came after all");
    assert_eq!(h.tickets(buyer(0)).await.len(), 1);
}

pub async fn a_capture_with_nothing_to_sell_goes_back(h: Harness) {
    h.session(2).await;
    let late = h.held_and_checked_out(ALICE, "k1", 2).await;
    captured(&h, &late);
    h.clock.set(late.expires_at);
    let declined = h.held_and_checked_out(BOB, "k2", 1).await;
    assert_eq!(h.decline(&declined).await, Settlement::Declined);
    captured(&h, &declined);
    let wrong = h.held_and_checked_out(BOB, "k3", 1).await;
    h.gateway.capture(wrong.payment.id, PRICE.times(7), h.now());
    h.hold(buyer(1), "k4", 1).await.unwrap();
    assert_eq!(reconcile(&h).await, ReconcileReport { captured: 3, refunded: 3, ..ReconcileReport::default() });
    h.tick().await;
    for open in [late, declined, wrong] {
        assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
    }
    assert_eq!(h.gateway.refunds().len(), 3);
    assert_eq!(reconcile(&h).await, ReconcileReport { captured: 3, settled: 3, ..ReconcileReport::default() });
}

pub async fn a_capture_that_was_given_back_sells_nothing(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    captured(&h, &open);
    given_back(&h, &open).await;
    let expected = ReconcileReport { captured: 1, given_back: 1, ..ReconcileReport::default() };
    assert_eq!(reconcile(&h).await, expected);
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::RefundPending);
    assert_eq!(h.order_record(&open).await.status, OrderStatus::Cancelled);
    assert_eq!(h.stock().await, stock(5, 0, 0));
    h.tick().await;
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
    assert_eq!(h.gateway.refunds().len(), 1, "it was asked for it under the same key, and has nothing left to give");
    assert_eq!(reconcile(&h).await, ReconcileReport { captured: 1, settled: 1, ..ReconcileReport::default() });
    let unknown = PaymentId::from_uuid(h.fresh());
    h.gateway.capture(unknown, PRICE, h.now());
    let (key, pg_payment_id) = (refund_key(unknown), TestGateway::name_of(unknown));
    h.gateway.refund(Refund { key, pg_payment_id, amount: PRICE }).await.unwrap();
    assert_eq!(
        reconcile(&h).await,
        ReconcileReport { captured: 2, settled: 1, given_back: 1, ..ReconcileReport::default() }
    );
    assert_eq!(h.store.callbacks_unmatched(PageRequest::first()).await.unwrap().items, []);
}

pub async fn what_was_given_back_buys_nothing_however_late_its_callback_comes(h: Harness) {
    h.session(5).await;
    let (pending, failed) = (h.held_and_checked_out(ALICE, "k1", 2).await, h.held_and_checked_out(BOB, "k1", 1).await);
    h.clock.set(failed.expires_at);
    assert_eq!(h.decline(&failed).await, Settlement::Declined);
    for open in [&pending, &failed] {
        captured(&h, open);
        given_back(&h, open).await;
    }
    assert_eq!(reconcile(&h).await, ReconcileReport { captured: 2, given_back: 2, ..ReconcileReport::default() });
    for open in [&pending, &failed] {
        assert_eq!(h.pay(open).await, Settlement::Duplicate, "its stock is free, and its money is not there any more");
    }
    h.tick().await;
    for open in [&pending, &failed] {
        assert_eq!(h.payment_record(open).await.status, PaymentStatus::Refunded);
        assert_eq!(h.pay(open).await, Settlement::Duplicate);
    }
    assert_eq!(h.stock().await, stock(5, 0, 0));
    assert!(h.tickets(ALICE).await.is_empty() && h.tickets(BOB).await.is_empty());
}

pub async fn a_ticket_whose_money_was_given_back_is_told_and_left_alone(h: Harness) {
    h.session(5).await;
    let open = h.buy(ALICE, "k1", 2).await;
    given_back(&h, &open).await;
    let report = reconcile(&h).await;
    assert_eq!((report.contradicted, report.settled), (1, 0));
    assert_eq!(report.contradicted_payments, std::slice::from_ref(&open.gateway.pg_payment_id));
    assert_eq!(h.order_record(&open).await.status, OrderStatus::Paid);
}

pub async fn a_payment_that_lost_its_name_is_found_by_its_reference(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    h.gateway.lose_open_replies(1);
    assert!(h.engine.checkout(h.checkout_request(ALICE, hold.id)).await.is_err());
    let opened = h.gateway.opened().remove(0);
    h.gateway.capture(opened.reference, opened.amount, h.now());
    h.clock.set(hold.expires_at);
    h.gateway.open_unavailable(1);
    let report = reconcile(&h).await;
    assert_eq!((report.unmatched, report.sold), (1, 0), "the gateway does not tell the name again");
    assert_eq!(reconcile(&h).await, ReconcileReport { captured: 1, sold: 1, ..ReconcileReport::default() });
    assert_eq!(h.tickets(ALICE).await.len(), 2);
    let unmatched = h.store.callbacks_unmatched(PageRequest::first()).await.unwrap();
    assert_eq!(unmatched.items, [], "what was kept meanwhile has found its payment");
}

pub async fn a_ledger_that_lost_its_sales_tells_of_every_one(h: Harness) {
    let before = h.over_another_store(Arc::new(MemoryStore::new(Arc::clone(&h.clock) as _))).await;
    before.session(9).await;
    let mut lost = Vec::new();
    for n in 0..3 {
        lost.push(before.buy(buyer(n), "k1", 2).await);
    }
    h.session(5).await;
    let waiting = h.held_and_checked_out(ALICE, "k1", 1).await;
    captured(&h, &waiting);
    let named: Vec<_> = lost.iter().map(|open| open.gateway.pg_payment_id.clone()).collect();
    for (sold, settled) in [(1, 0), (0, 1)] {
        let report = reconcile(&h).await;
        assert_eq!((report.captured, report.sold, report.settled, report.unmatched), (4, sold, settled, 3));
        assert_eq!(report.unmatched_payments, named);
        let kept = h.store.callbacks_unmatched(PageRequest::first()).await.unwrap().items;
        assert_eq!(kept.len(), 3, "each is kept once");
        for open in &lost {
            let callback = kept.iter().find(|callback| callback.report.pg_payment_id == open.gateway.pg_payment_id);
            let report = &callback.expect("every lost payment is kept").report;
            assert_eq!(report.amount, Some(open.payment.amount.minor));
            assert!(report.raw_payload.contains(&open.payment.id.to_string()), "{}", report.raw_payload);
        }
    }
    assert_eq!(h.tickets(ALICE).await.len(), 1);
    before.engine.shutdown().await;
}

pub async fn only_what_was_captured_since_is_asked_for(h: Harness) {
    h.session(9).await;
    let early = h.held_and_checked_out(ALICE, "k1", 1).await;
    captured(&h, &early);
    h.advance(10);
    let late = h.held_and_checked_out(BOB, "k1", 1).await;
    captured(&h, &late);
    let report = h.engine.reconcile(OPERATOR, h.now()).await.unwrap();
    assert_eq!(report, ReconcileReport { captured: 1, sold: 1, ..ReconcileReport::default() });
    assert_eq!(h.payment_record(&early).await.status, PaymentStatus::Pending);
}

pub async fn a_gateway_that_lists_nothing_is_told_and_asked_again(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 1).await;
    captured(&h, &open);
    h.gateway.captures_unavailable(1);
    let failed = h.engine.reconcile(OPERATOR, Timestamp::from_micros(0)).await;
    assert!(matches!(failed, Err(EngineError::Gateway(_))), "{failed:?}");
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Pending);
    assert_eq!(reconcile(&h).await.sold, 1);
}

pub async fn two_engines_reconcile_at_once_and_sell_once(h: Harness) {
    h.session(9).await;
    for n in 0..6 {
        let open = h.held_and_checked_out(buyer(n), "k1", 1).await;
        captured(&h, &open);
    }
    let other = h.another_engine();
    let (one, two) = join(reconcile(&h), reconcile(&other)).await;
    assert_eq!((one.sold + two.sold, one.settled + two.settled), (6, 6));
    assert_eq!(h.stock().await, stock(3, 0, 6));
    other.engine.shutdown().await;
}
