//! Holds: their life, their end, their keys and their limits.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    audit::Actor,
    clock::{Clock, Timestamp},
    command::{CheckoutRefusal, HoldRefusal, ReleaseBy, ReleaseRefusal, SessionPatch},
    event::EventStatus,
    hold::{HoldStatus, Wanted},
    money::{Currency, Money},
    session::{SaleStatus, SessionKind},
    testing::{
        Harness,
        harness::{ALICE, BOB, CAROL, OPERATOR, PRICE, buyer, refusal, stock},
    },
    waiting_room::QueuePolicy,
};

pub async fn a_hold_dies_at_its_end_and_not_before(h: Harness) {
    h.session(5).await;
    let alice = h.hold(ALICE, "k1", 1).await.unwrap().hold;
    let bob = h.hold(BOB, "k2", 1).await.unwrap().hold;
    h.clock.set(Timestamp::from_micros(alice.expires_at.micros() - 1));
    assert_eq!(h.remaining().await, 3);
    assert!(h.checkout(ALICE, alice.id).await.is_ok());
    h.clock.advance(Duration::from_micros(1));
    assert_eq!(h.clock.now(), bob.expires_at);
    assert_eq!(h.remaining().await, 5);
    assert_eq!(h.checkout(BOB, bob.id).await.unwrap_err(), CheckoutRefusal::HoldNotActive);
}

pub async fn an_expired_hold_frees_its_stock_before_any_sweep(h: Harness) {
    h.session(2).await;
    let dead = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    h.advance(120);
    assert!(h.hold(BOB, "k2", 2).await.is_ok());
    assert_eq!(h.stock().await, stock(0, 2, 0));
    assert_eq!(h.hold_record(dead.id).await.status, HoldStatus::Expired);
}

pub async fn a_crowd_of_overdue_holds_is_reclaimed_for_one_that_needs_them_all(h: Harness) {
    h.session_with(|new| {
        new.total_stock = 300;
        new.max_per_user = 100;
    })
    .await;
    let crowd = join_all((0..300).map(|n| {
        let h = h.clone();
        async move { h.hold(buyer(n), "k", 1).await }
    }));
    assert!(crowd.await.iter().all(Result::is_ok));
    assert_eq!(h.hold(ALICE, "k1", 1).await, Err(HoldRefusal::SoldOut { remaining: 0 }));
    h.advance(120);
    for (user, key) in [(ALICE, "k1"), (BOB, "k2"), (CAROL, "k3")] {
        assert!(h.hold(user, key, 100).await.is_ok());
    }
    assert_eq!(h.stock().await, stock(0, 300, 0));
}

pub async fn a_refusal_tells_what_is_left_with_overdue_holds_counted_as_free(h: Harness) {
    h.session(5).await;
    h.hold(ALICE, "k1", 2).await.unwrap();
    h.advance(60);
    h.hold(BOB, "k2", 3).await.unwrap();
    h.advance(60);
    assert_eq!(h.hold(CAROL, "k3", 3).await, Err(HoldRefusal::SoldOut { remaining: 2 }));
    assert_eq!(h.remaining().await, 2);
}

/// Every mix of free, overdue and live stock: refused exactly when free and overdue do not do.
pub async fn nobody_is_refused_while_overdue_holds_would_do(h: Harness) {
    for (round, (overdue, live, wanted)) in
        [(0, 0, 3), (1, 0, 3), (2, 1, 2), (3, 0, 3), (1, 2, 2), (0, 3, 1), (2, 1, 3)].into_iter().enumerate()
    {
        h.session(3).await;
        if overdue > 0 {
            h.hold(ALICE, "k1", overdue).await.unwrap();
        }
        h.advance(120);
        if live > 0 {
            h.hold(BOB, "k2", live).await.unwrap();
        }
        let free = 3 - live;
        let answer = h.hold(CAROL, "k3", wanted).await;
        let expected = if wanted <= free { None } else { Some(HoldRefusal::SoldOut { remaining: i64::from(free) }) };
        assert_eq!(answer.err(), expected, "round {round}");
    }
}

pub async fn a_release_is_idempotent(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 3).await.unwrap().hold;
    for _ in 0..3 {
        assert_eq!(h.release(ALICE, hold.id).await.unwrap().status, HoldStatus::Released);
        assert_eq!(h.stock().await, stock(5, 0, 0));
    }
    assert!(h.hold(ALICE, "k2", 5).await.is_ok());
    assert_eq!(h.release(ALICE, hold.id).await.unwrap().status, HoldStatus::Released);
    assert_eq!(h.stock().await, stock(0, 5, 0), "a released hold gives nothing back twice");
}

pub async fn a_release_after_the_end_finds_the_hold_expired(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 3).await.unwrap().hold;
    h.advance(120);
    for _ in 0..2 {
        assert_eq!(h.release(ALICE, hold.id).await.unwrap().status, HoldStatus::Expired);
        assert_eq!(h.stock().await, stock(5, 0, 0));
    }
}

pub async fn a_release_after_payment_is_refused(h: Harness) {
    h.session(5).await;
    let open = h.buy(ALICE, "k1", 3).await;
    assert_eq!(h.release(ALICE, open.order.hold_id).await, Err(ReleaseRefusal::AlreadySold));
    assert_eq!(h.stock().await, stock(2, 0, 3));
}

pub async fn another_user_s_hold_is_not_found(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 3).await.unwrap().hold;
    assert_eq!(h.release(BOB, hold.id).await, Err(ReleaseRefusal::HoldNotFound));
    let nobody_s = crate::ids::HoldId::from_uuid(h.fresh());
    assert_eq!(h.release(ALICE, nobody_s).await, Err(ReleaseRefusal::HoldNotFound));
    assert_eq!(h.stock().await, stock(2, 3, 0));
}

pub async fn an_administrator_releases_any_hold(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 3).await.unwrap().hold;
    let released = refusal(h.engine.release(OPERATOR, hold.id, ReleaseBy::Administrator).await).unwrap();
    assert_eq!(released.status, HoldStatus::Released);
    assert_eq!(h.stock().await, stock(5, 0, 0));
    let stream = crate::audit::StreamId::Session(h.session_id());
    let log = h.store.audit(stream, 0, 100).await.unwrap();
    assert_eq!(log.last().unwrap().actor, Actor::Operator);
}

pub async fn one_live_hold_per_user_and_session(h: Harness) {
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 1).await.unwrap().hold;
    assert_eq!(h.hold(ALICE, "k2", 1).await, Err(HoldRefusal::HoldExists { hold_id: hold.id }));
    h.release(ALICE, hold.id).await.unwrap();
    let second = h.hold(ALICE, "k2", 1).await.unwrap().hold;
    h.clock.set(second.expires_at);
    assert!(h.hold(ALICE, "k3", 1).await.is_ok(), "a dead hold stands in nobody's way");
}

pub async fn a_user_holds_in_two_sessions_at_once(h: Harness) {
    for key in ["k1", "k2"] {
        h.session(5).await;
        assert!(h.hold(ALICE, key, 1).await.is_ok());
    }
}

pub async fn the_limit_counts_what_is_held_and_bought(h: Harness) {
    h.session_with(|new| {
        new.total_stock = 50;
        new.max_per_user = 4;
    })
    .await;
    let limit = Err(HoldRefusal::LimitExceeded { max_per_user: 4 });
    assert_eq!(h.hold(ALICE, "k0", 5).await, limit);
    h.buy(ALICE, "k1", 3).await;
    assert_eq!(h.hold(ALICE, "k2", 2).await, limit);
    let last = h.hold(ALICE, "k3", 1).await.unwrap().hold;
    h.release(ALICE, last.id).await.unwrap();
    assert!(h.hold(ALICE, "k4", 1).await.is_ok(), "what was given back does not count");
    assert!(h.hold(BOB, "k5", 4).await.is_ok(), "another user has a limit of their own");
}

pub async fn a_replay_comes_before_any_other_check_of_state(h: Harness) {
    let id = h.queue_session(3, QueuePolicy::default()).await;
    let token = h.token(ALICE).await;
    let first = h.hold_with(ALICE, "k1", 3, &token).await.unwrap().hold;
    let replays = async |why: &str| {
        let again = h.hold(ALICE, "k1", 3).await;
        assert_eq!(again.map(|placed| (placed.hold.id, placed.replayed)), Ok((first.id, true)), "{why}");
    };
    replays("sold out, a live hold, no token").await;
    for status in [SaleStatus::Paused, SaleStatus::Closed, SaleStatus::Scheduled] {
        let patch = SessionPatch { status: Some(status), max_per_user: Some(1), ..SessionPatch::default() };
        h.engine.update_session(OPERATOR, id, patch).await.unwrap();
        replays(status.as_str()).await;
    }
    h.set_event_status(EventStatus::Archived).await;
    replays("the event is archived").await;
    h.advance(100_000);
    replays("the hold and the token are long dead").await;
}

pub async fn a_replay_is_answered_as_the_hold_was_first_answered(h: Harness) {
    h.session(9).await;
    let released = h.hold(ALICE, "k1", 1).await.unwrap().hold;
    h.release(ALICE, released.id).await.unwrap();
    assert_eq!(h.hold(ALICE, "k1", 1).await.unwrap().hold, released);
    let paid = h.buy(BOB, "k2", 2).await;
    let again = h.hold(BOB, "k2", 2).await.unwrap();
    assert_eq!((again.hold.id, again.hold.status), (paid.order.hold_id, HoldStatus::Active));
    assert_eq!((again.hold.order_id, again.hold.ended_at), (None, None));
    let expired = h.hold(CAROL, "k3", 1).await.unwrap().hold;
    h.advance(120);
    h.tick().await;
    assert_eq!(h.hold(CAROL, "k3", 1).await.unwrap().hold, expired);
    assert_eq!(h.stock().await, stock(7, 0, 2), "a replay takes no stock");
}

pub async fn a_key_names_one_request(h: Harness) {
    h.session(9).await;
    let hold = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    assert_eq!(h.hold(ALICE, "k1", 3).await, Err(HoldRefusal::KeyReused));
    assert_eq!(h.hold_seats(ALICE, "k1", &["A1", "A2"]).await, Err(HoldRefusal::KeyReused));
    h.release(ALICE, hold.id).await.unwrap();
    assert_eq!(h.hold(ALICE, "k1", 3).await, Err(HoldRefusal::KeyReused), "even when its hold is over");
    h.seated(&["A1", "A2"]).await;
    h.hold_seats(ALICE, "k1", &["A1"]).await.unwrap();
    assert_eq!(h.hold_seats(ALICE, "k1", &["A2"]).await, Err(HoldRefusal::KeyReused));
}

pub async fn a_key_belongs_to_its_user_and_its_session(h: Harness) {
    h.session(9).await;
    let alice = h.hold(ALICE, "k1", 2).await.unwrap();
    let bob = h.hold(BOB, "k1", 2).await.unwrap();
    assert!(!bob.replayed && bob.hold.id != alice.hold.id);
    h.session(9).await;
    assert!(!h.hold(ALICE, "k1", 2).await.unwrap().replayed);
}

pub async fn a_refused_key_may_be_tried_again(h: Harness) {
    h.session(2).await;
    let hold = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    assert_eq!(h.hold(BOB, "k2", 1).await, Err(HoldRefusal::SoldOut { remaining: 0 }));
    h.release(ALICE, hold.id).await.unwrap();
    let placed = h.hold(BOB, "k2", 1).await.unwrap();
    assert!(!placed.replayed);
    assert_eq!(h.hold(CAROL, "k3", 2).await, Err(HoldRefusal::SoldOut { remaining: 1 }));
    assert!(h.hold(CAROL, "k3", 1).await.is_ok(), "a refused key is bound to nothing");
}

pub async fn a_quantity_is_not_sold_in_seats_nor_seats_by_quantity(h: Harness) {
    h.session(9).await;
    let wrong = |kind| Err(HoldRefusal::WrongKind { kind });
    assert_eq!(h.hold_seats(ALICE, "k1", &["A1"]).await, wrong(SessionKind::Quantity));
    h.seated(&["A1"]).await;
    assert_eq!(h.hold(ALICE, "k1", 1).await, wrong(SessionKind::Seated));
}

pub async fn prices_are_those_of_the_moment_of_the_hold(h: Harness) {
    let id = h.session(9).await;
    let hold = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    assert_eq!(hold.amount, PRICE.times(2));
    let dearer = Money::new(60_000, Currency::KRW);
    let patch = SessionPatch { price: Some(dearer), ..SessionPatch::default() };
    h.engine.update_session(OPERATOR, id, patch).await.unwrap();
    let open = h.checkout(ALICE, hold.id).await.unwrap();
    assert_eq!((open.order.amount, open.payment.amount), (PRICE.times(2), PRICE.times(2)));
    assert_eq!(h.gateway.opened()[0].amount, PRICE.times(2));
    let later = refusal(h.engine.hold(h.request(BOB, "k2", Wanted::Quantity(2))).await).unwrap();
    assert_eq!(later.hold.amount, dearer.times(2));
}
