//! Refunds: once under their key, again and again until they got through.

use futures_util::future::join;

use crate::{
    command::{LeaseOutbox, RefundReason, Settlement},
    engine::OpenCheckout,
    outbox::{LEASE, OutboxMessage, refund_key},
    payment::{
        PaymentStatus,
        gateway::{PaymentGateway, Refund},
    },
    testing::{
        Harness,
        harness::{ALICE, OPERATOR, buyer},
    },
};

/// ALICE's money came for a hold that she had given up.
async fn refund_requested(h: &Harness) -> OpenCheckout {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    h.release(ALICE, open.order.hold_id).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::RefundRequested(RefundReason::HoldReleased));
    open
}

async fn due(h: &Harness) -> Vec<OutboxMessage> {
    h.store.outbox_due(h.now(), 100).await.unwrap()
}

pub async fn a_refund_reaches_the_gateway_once_under_its_fixed_key(h: Harness) {
    let open = refund_requested(&h).await;
    assert_eq!(h.tick().await.delivered, 1);
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
    for _ in 0..5 {
        h.advance(3_600);
        assert_eq!(h.tick().await.delivered, 0);
    }
    let refunds = h.gateway.refunds();
    assert_eq!((refunds.len(), h.gateway.refunds_asked()), (1, 1));
    assert_eq!(refunds[0].key, refund_key(open.payment.id));
    assert_eq!(refunds[0].pg_payment_id, open.gateway.pg_payment_id);
    assert_eq!(refunds[0].amount, open.payment.amount);
}

pub async fn a_refund_waits_for_the_gateway_with_growing_patience(h: Harness) {
    let open = refund_requested(&h).await;
    h.gateway.refund_unavailable(4);
    let mut asked = 0;
    for patience in [0, 1, 2, 4] {
        if patience > 0 {
            h.advance(patience - 1);
            h.tick().await;
            assert_eq!(h.gateway.refunds_asked(), asked, "asked again before {patience} s had passed");
            h.advance(1);
        }
        assert_eq!(h.tick().await.delivered, 0);
        asked += 1;
        assert_eq!(h.gateway.refunds_asked(), asked, "not asked again after {patience} s");
        assert_eq!(h.payment_record(&open).await.status, PaymentStatus::RefundPending);
    }
    h.advance(8);
    assert_eq!(h.tick().await.delivered, 1);
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
    assert_eq!(h.gateway.refunds().len(), 1);
}

pub async fn a_refund_whose_reply_was_lost_is_given_once(h: Harness) {
    let open = refund_requested(&h).await;
    h.gateway.lose_refund_replies(1);
    assert_eq!(h.tick().await.delivered, 0);
    h.advance(1);
    assert_eq!(h.tick().await.delivered, 1);
    assert_eq!((h.gateway.refunds().len(), h.gateway.refunds_asked()), (1, 2));
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
}

pub async fn a_worker_that_dies_in_the_middle_of_a_refund_leaves_it_to_the_next(h: Harness) {
    let open = refund_requested(&h).await;
    let message = due(&h).await.remove(0);
    let lease = LeaseOutbox { session_id: message.session_id, outbox_id: message.id, seen_attempts: 0 };
    h.command(lease).await.unwrap().expect("a due message is leased");
    // The worker asks the gateway, and is gone before it can report.
    let (key, pg_payment_id) = (message.key, open.gateway.pg_payment_id.clone());
    h.gateway.refund(Refund { key, pg_payment_id, amount: open.payment.amount }).await.unwrap();
    assert_eq!(h.tick().await.delivered, 0, "the message is the dead worker's until its lease ends");
    h.clock.advance(LEASE);
    assert_eq!(h.tick().await.delivered, 1);
    assert_eq!((h.gateway.refunds().len(), h.gateway.refunds_asked()), (1, 2));
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
}

pub async fn a_lease_is_one_worker_s_alone(h: Harness) {
    refund_requested(&h).await;
    let message = due(&h).await.remove(0);
    let lease = |seen_attempts| LeaseOutbox { session_id: message.session_id, outbox_id: message.id, seen_attempts };
    let (first, second) = join(h.command(lease(0)), h.command(lease(0))).await;
    let leased = [first.unwrap(), second.unwrap()];
    assert_eq!(leased.iter().flatten().count(), 1);
    assert_eq!(leased.iter().flatten().next().unwrap().attempts, 1);
    assert_eq!(h.command(lease(1)).await.unwrap(), None, "it is not due while the lease runs");
    assert_eq!(due(&h).await, []);
    h.clock.advance(LEASE);
    assert_eq!(h.command(lease(0)).await.unwrap(), None, "somebody else had it since");
    assert_eq!(h.command(lease(1)).await.unwrap().unwrap().attempts, 2);
    h.clock.advance(LEASE);
    assert_eq!(h.tick().await.delivered, 1);
}

pub async fn refunds_are_under_way_side_by_side(h: Harness) {
    h.session(8).await;
    for n in 0..8 {
        let open = h.buy(buyer(n), "k1", 1).await;
        h.engine.refund_order(OPERATOR, open.order.id).await.unwrap();
    }
    h.gateway.refunds_meet(8);
    assert_eq!(h.tick().await.delivered, 8);
    let keys: Vec<_> = h.gateway.refunds().into_iter().map(|refund| refund.key).collect();
    assert_eq!((keys.len(), h.gateway.refunds_asked()), (8, 8));
}
