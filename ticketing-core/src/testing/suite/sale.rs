//! When a session sells.

use crate::{
    clock::Timestamp,
    command::{HoldRefusal, SessionPatch, Settlement},
    event::EventStatus,
    session::SaleStatus,
    testing::{
        Harness,
        harness::{ALICE, BOB, OPERATOR, stock},
    },
};

pub async fn sales_open_and_close_at_their_exact_instants(h: Harness) {
    let (opens, closes) = (h.now().plus_seconds(10), h.now().plus_seconds(20));
    h.session_with(|new| {
        new.sales_open_at = Some(opens);
        new.sales_close_at = Some(closes);
    })
    .await;
    let just_before = |at: Timestamp| Timestamp::from_micros(at.micros() - 1);
    assert_eq!(h.hold(ALICE, "k1", 1).await, Err(HoldRefusal::NotOnSale));
    h.clock.set(just_before(opens));
    assert_eq!(h.hold(ALICE, "k1", 1).await, Err(HoldRefusal::NotOnSale));
    h.clock.set(opens);
    assert!(h.hold(ALICE, "k1", 1).await.is_ok());
    h.clock.set(just_before(closes));
    assert!(h.hold(BOB, "k2", 1).await.is_ok());
    h.clock.set(closes);
    let third = crate::testing::harness::CAROL;
    assert_eq!(h.hold(third, "k3", 1).await, Err(HoldRefusal::SaleClosed));
}

async fn set(h: &Harness, status: SaleStatus) {
    let patch = SessionPatch { status: Some(status), ..SessionPatch::default() };
    h.engine.update_session(OPERATOR, h.session_id(), patch).await.unwrap();
}

pub async fn a_session_sells_only_while_it_is_open(h: Harness) {
    h.session(5).await;
    let closed = [
        (SaleStatus::Scheduled, HoldRefusal::NotOnSale),
        (SaleStatus::Paused, HoldRefusal::SalePaused),
        (SaleStatus::Closed, HoldRefusal::SaleClosed),
    ];
    for (status, refusal) in closed {
        set(&h, status).await;
        assert_eq!(h.hold(ALICE, "k1", 1).await, Err(refusal));
    }
    set(&h, SaleStatus::Open).await;
    assert!(h.hold(ALICE, "k1", 1).await.is_ok());
}

pub async fn a_live_hold_may_be_paid_while_the_sale_is_paused_or_closed(h: Harness) {
    h.session(5).await;
    let alice = h.hold(ALICE, "k1", 1).await.unwrap().hold;
    let bob = h.hold(BOB, "k2", 1).await.unwrap().hold;
    set(&h, SaleStatus::Paused).await;
    let open = h.checkout(ALICE, alice.id).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::Sold);
    set(&h, SaleStatus::Closed).await;
    let open = h.checkout(BOB, bob.id).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::Sold);
    assert_eq!(h.stock().await, stock(3, 0, 2));
}

pub async fn a_session_of_a_draft_or_archived_event_is_not_found(h: Harness) {
    h.session(5).await;
    for status in [EventStatus::Draft, EventStatus::Archived] {
        h.set_event_status(status).await;
        assert_eq!(h.hold(ALICE, "k1", 1).await, Err(HoldRefusal::SessionNotFound));
        assert_eq!(h.join(ALICE).await.unwrap_err(), crate::command::QueueRefusal::SessionNotFound);
    }
    h.set_event_status(EventStatus::Published).await;
    assert!(h.hold(ALICE, "k1", 1).await.is_ok());
}

pub async fn an_unknown_session_is_not_found(h: Harness) {
    h.session(5).await;
    h.select(h.event_id(), crate::ids::SessionId::from_uuid(h.fresh()));
    assert_eq!(h.hold(ALICE, "k1", 1).await, Err(HoldRefusal::SessionNotFound));
    assert_eq!(h.join(ALICE).await.unwrap_err(), crate::command::QueueRefusal::SessionNotFound);
}
