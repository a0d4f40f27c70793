//! Refunds that the organiser asks for.

use futures_util::future::join_all;

use crate::{
    command::{RefundRefusal, Refunded},
    engine::{EngineError, OpenCheckout},
    ids::OrderId,
    order::OrderStatus,
    payment::PaymentStatus,
    seat::SeatStatus,
    testing::{
        Harness,
        harness::{ALICE, BOB, OPERATOR, refusal, stock},
    },
    ticket::TicketStatus,
};

async fn refund(h: &Harness, open: &OpenCheckout) -> Result<Refunded, RefundRefusal> {
    refusal(h.engine.refund_order(OPERATOR, open.order.id).await)
}

pub async fn a_refund_takes_the_tickets_and_brings_the_stock_back_at_once(h: Harness) {
    h.session(5).await;
    let open = h.buy(ALICE, "k1", 2).await;
    let refunded = refund(&h, &open).await.unwrap();
    assert_eq!((refunded.order.status, refunded.payment.status), (OrderStatus::Refunded, PaymentStatus::RefundPending));
    assert_eq!(h.stock().await, stock(5, 0, 0));
    assert!(h.tickets(ALICE).await.iter().all(|ticket| ticket.status == TicketStatus::Revoked));
    assert_eq!(h.tick().await.delivered, 1);
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
    assert_eq!(h.gateway.refunds()[0].amount, open.payment.amount);
    // What was given back counts for nothing: the same buyer may have all of it again.
    h.buy(ALICE, "k2", 5).await;
    assert_eq!(h.stock().await, stock(0, 0, 5));
}

pub async fn a_refund_asked_for_again_and_at_once_is_one(h: Harness) {
    h.session(5).await;
    let open = h.buy(ALICE, "k1", 1).await;
    let asked = join_all((0..20).map(|_| refund(&h, &open))).await;
    let first = asked.iter().filter(|answer| answer.as_ref().is_ok_and(|refunded| !refunded.existing)).count();
    assert_eq!((first, asked.iter().filter(|answer| answer.is_ok()).count()), (1, 20));
    assert_eq!(h.store.outbox_due(h.now(), 100).await.unwrap().len(), 1);
    h.tick().await;
    let before = h.written().await;
    assert!(refund(&h, &open).await.unwrap().existing);
    assert_eq!(h.written().await, before, "asking again writes nothing");
    assert_eq!(h.gateway.refunds().len(), 1);
}

pub async fn seats_that_were_given_back_are_for_sale_again(h: Harness) {
    let id = h.seated(&["A1", "A2"]).await;
    let hold = h.hold_seats(ALICE, "k1", &["A1", "A2"]).await.unwrap().hold;
    let open = h.checkout(ALICE, hold.id).await.unwrap();
    h.pay(&open).await;
    refund(&h, &open).await.unwrap();
    let (_, seats) = h.store.seats(id, None).await.unwrap().unwrap();
    assert!(seats.iter().all(|seat| seat.status == SeatStatus::Available && seat.hold_id.is_none()), "{seats:?}");
    assert!(h.hold_seats(BOB, "k1", &["A2"]).await.is_ok());
}

pub async fn only_what_was_paid_is_given_back(h: Harness) {
    h.session(5).await;
    let unknown = h.engine.refund_order(OPERATOR, OrderId::from_uuid(h.fresh())).await;
    assert!(matches!(unknown, Err(EngineError::Refused(RefundRefusal::OrderNotFound))));
    let open = h.held_and_checked_out(ALICE, "k1", 1).await;
    assert_eq!(refund(&h, &open).await, Err(RefundRefusal::NotPaid { status: OrderStatus::Pending }));
    h.decline(&open).await;
    assert_eq!(refund(&h, &open).await, Err(RefundRefusal::NotPaid { status: OrderStatus::Cancelled }));
    assert_eq!(h.tick().await.delivered, 0);
}

pub async fn an_order_with_a_used_ticket_is_not_given_back(h: Harness) {
    h.session(5).await;
    let open = h.buy(ALICE, "k1", 2).await;
    let used = h.tickets(ALICE).await.remove(0);
    super::checkin::scan(&h, &used, "n1").await.unwrap();
    assert_eq!(refund(&h, &open).await, Err(RefundRefusal::TicketUsed { ticket_ids: vec![used.id] }));
    assert_eq!(h.stock().await, stock(3, 0, 2));
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Succeeded);
}

/// The door and the office at once: somebody is in, or has the money back, and never both.
pub async fn a_scan_and_a_refund_at_once_end_in_one_of_both(h: Harness) {
    h.session(20).await;
    for n in 0..20 {
        let buyer = crate::testing::harness::buyer(n);
        let open = h.buy(buyer, "k", 1).await;
        let ticket = h.tickets(buyer).await.remove(0);
        let other = h.another_engine();
        let scan = super::checkin::scan(&h, &ticket, "n1");
        let (scanned, refunded) = futures_util::future::join(scan, refund(&other, &open)).await;
        assert_ne!(scanned.is_ok(), refunded.is_ok());
        other.engine.shutdown().await;
    }
}
