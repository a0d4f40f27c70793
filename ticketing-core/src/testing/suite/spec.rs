//! The specification's own test names and scenarios.

use crate::{
    command::{HoldRefusal, QueueRefusal, Settlement},
    engine::QueueState,
    hold::HoldStatus,
    order::OrderStatus,
    payment::PaymentStatus,
    testing::{
        Harness,
        harness::{ALICE, BOB, CAROL, stock},
    },
    ticket::TicketStatus,
    waiting_room::QueuePolicy,
};

pub async fn hold_succeeds_when_sufficient_inventory(h: Harness) {
    h.session(5).await;
    let placed = h.hold(ALICE, "k1", 3).await.unwrap();
    assert_eq!((placed.hold.quantity(), placed.hold.status, placed.replayed), (3, HoldStatus::Active, false));
    assert_eq!(h.stock().await, stock(2, 3, 0));
}

pub async fn hold_fails_when_insufficient_inventory(h: Harness) {
    h.session(5).await;
    h.hold(ALICE, "k1", 3).await.unwrap();
    assert_eq!(h.hold(BOB, "k2", 3).await, Err(HoldRefusal::SoldOut { remaining: 2 }));
    assert_eq!(h.stock().await, stock(2, 3, 0));
}

pub async fn hold_is_idempotent_with_same_key(h: Harness) {
    h.session(5).await;
    let first = h.hold(ALICE, "k1", 3).await.unwrap();
    let again = h.hold(ALICE, "k1", 3).await.unwrap();
    assert_eq!((again.hold, again.replayed), (first.hold, true));
    assert_eq!(h.stock().await, stock(2, 3, 0));
}

pub async fn hold_expires_and_restores_inventory(h: Harness) {
    h.session(5).await;
    let placed = h.hold(ALICE, "k1", 3).await.unwrap();
    h.advance(120);
    assert_eq!(h.remaining().await, 5);
    h.tick().await;
    assert_eq!(h.stock().await, stock(5, 0, 0));
    assert_eq!(h.hold_record(placed.hold.id).await.status, HoldStatus::Expired);
}

pub async fn payment_completion_is_idempotent(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    assert_eq!(h.pay(&open).await, Settlement::Sold);
    assert_eq!(h.pay(&open).await, Settlement::Duplicate);
    assert_eq!(h.tickets(ALICE).await.len(), 2);
    assert_eq!(h.stock().await, stock(3, 0, 2));
}

pub async fn hold_to_sold_transition_on_payment_success(h: Harness) {
    h.session(5).await;
    let open = h.buy(ALICE, "k1", 2).await;
    assert_eq!(h.stock().await, stock(3, 0, 2));
    assert_eq!(h.hold_record(open.order.hold_id).await.status, HoldStatus::Confirmed);
    assert_eq!(h.order_record(&open).await.status, OrderStatus::Paid);
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Succeeded);
}

pub async fn payment_failure_releases_hold(h: Harness) {
    h.session(5).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    assert_eq!(h.decline(&open).await, Settlement::Declined);
    assert_eq!(h.stock().await, stock(5, 0, 0));
    assert_eq!(h.hold_record(open.order.hold_id).await.status, HoldStatus::Released);
    assert_eq!(h.order_record(&open).await.status, OrderStatus::Cancelled);
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Failed);
}

fn one_at_a_time() -> QueuePolicy {
    QueuePolicy { max_active: Some(1), ..QueuePolicy::default() }
}

pub async fn issues_token_with_position(h: Harness) {
    h.queue_session(5, one_at_a_time()).await;
    for (position, user) in [(1, ALICE), (2, BOB), (3, CAROL)] {
        let status = h.join(user).await.unwrap();
        assert_eq!((status.position, status.state), (position, QueueState::Waiting));
        assert_eq!(status.expires_at, Some(h.now().plus_seconds(1_800)));
        assert!(!status.token.is_empty());
    }
}

pub async fn allows_when_within_window(h: Harness) {
    h.queue_session(5, one_at_a_time()).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    let status = h.status(ALICE, &alice).await.unwrap();
    assert_eq!((status.position, status.state), (0, QueueState::Allowed));
    assert!(h.hold_with(ALICE, "k1", 1, &alice).await.is_ok());
    assert_eq!(h.status(BOB, &bob).await.unwrap().state, QueueState::Waiting);
    assert_eq!(h.hold_with(BOB, "k2", 1, &bob).await, Err(HoldRefusal::NotAdmitted));
}

pub async fn rejects_when_queue_is_full(h: Harness) {
    h.queue_session(5, QueuePolicy { max_length: Some(2), ..one_at_a_time() }).await;
    h.token(ALICE).await;
    h.token(BOB).await;
    assert_eq!(h.join(CAROL).await, Err(QueueRefusal::QueueFull));
}

pub async fn given_ten_left_a_hold_of_three_leaves_seven_is_active_and_has_an_end(h: Harness) {
    h.session(10).await;
    let hold = h.hold(ALICE, "k1", 3).await.unwrap().hold;
    assert_eq!(h.remaining().await, 7);
    assert_eq!((hold.status, hold.expires_at), (HoldStatus::Active, h.now().plus_seconds(120)));
    assert_eq!(h.hold_record(hold.id).await, hold);
}

pub async fn given_two_left_a_hold_of_three_is_a_conflict(h: Harness) {
    h.session(2).await;
    assert_eq!(h.hold(ALICE, "k1", 3).await, Err(HoldRefusal::SoldOut { remaining: 2 }));
    assert_eq!(h.stock().await, stock(2, 0, 0));
}

pub async fn given_the_same_key_a_retry_returns_the_same_hold_id(h: Harness) {
    h.session(10).await;
    let first = h.hold(ALICE, "k1", 3).await.unwrap().hold.id;
    h.advance(60);
    assert_eq!(h.hold(ALICE, "k1", 3).await.unwrap().hold.id, first);
    assert_eq!(h.another_engine().hold(ALICE, "k1", 3).await.unwrap().hold.id, first);
    assert_eq!(h.remaining().await, 7);
}

pub async fn given_an_expired_hold_the_scanner_restores_its_stock(h: Harness) {
    h.session(10).await;
    h.hold(ALICE, "k1", 3).await.unwrap();
    h.advance(119);
    assert_eq!(h.tick().await.expired, 0);
    h.advance(1);
    assert_eq!(h.tick().await.expired, 1);
    assert_eq!(h.stock().await, stock(10, 0, 0));
}

pub async fn given_a_live_hold_a_successful_payment_makes_it_sold(h: Harness) {
    h.session(10).await;
    let open = h.held_and_checked_out(ALICE, "k1", 3).await;
    h.advance(119);
    assert_eq!(h.pay(&open).await, Settlement::Sold);
    assert_eq!(h.stock().await, stock(7, 0, 3));
}

pub async fn given_a_duplicate_callback_a_single_sale_is_recorded(h: Harness) {
    h.session(10).await;
    let open = h.buy(ALICE, "k1", 3).await;
    for _ in 0..3 {
        assert_eq!(h.pay(&open).await, Settlement::Duplicate);
    }
    let tickets = h.tickets(ALICE).await;
    assert_eq!(tickets.len(), 3);
    assert!(tickets.iter().all(|ticket| ticket.status == TicketStatus::Valid));
    assert_eq!(h.stock().await, stock(7, 0, 3));
}

pub async fn given_a_full_queue_another_visitor_is_turned_away(h: Harness) {
    h.queue_session(10, QueuePolicy { max_length: Some(1), ..QueuePolicy::default() }).await;
    assert_eq!(h.join(ALICE).await.unwrap().state, QueueState::Allowed);
    assert_eq!(h.join(BOB).await, Err(QueueRefusal::QueueFull));
    assert!(h.join(ALICE).await.unwrap().existing, "whoever is in keeps their place");
}
