//! The waiting room: arrival order, admission, tokens and their ends.

use std::time::Duration;

use futures_util::future::{join, join_all};

use crate::{
    clock::Timestamp,
    command::{HoldRefusal, QueueRefusal},
    engine::{QueueState, QueueStatusRefusal},
    testing::{
        Harness,
        harness::{ALICE, BOB, CAROL, buyer, keys},
    },
    waiting_room::{QueueMode, QueuePolicy, token::PlaceClaim},
};

/// One visitor at a time.
fn one() -> QueuePolicy {
    QueuePolicy { max_active: Some(1), ..QueuePolicy::default() }
}

async fn state(h: &Harness, user: crate::ids::UserId, token: &str) -> (QueueState, u64) {
    let status = h.status(user, token).await.expect("the token is known");
    (status.state, status.position)
}

pub async fn places_are_in_order_of_arrival(h: Harness) {
    h.queue_session(100, one()).await;
    let joined = join_all((0..20).map(|n| h.join(buyer(n))));
    let positions: Vec<_> = joined.await.into_iter().map(|status| status.unwrap().position).collect();
    assert_eq!(positions, (1..=20).collect::<Vec<_>>());
    h.advance(1);
    assert_eq!(h.join(ALICE).await.unwrap().position, 21);
}

pub async fn the_same_user_finds_the_same_place(h: Harness) {
    h.queue_session(100, one()).await;
    h.token(ALICE).await;
    let first = h.join(BOB).await.unwrap();
    h.token(CAROL).await;
    h.advance(10);
    let again = h.join(BOB).await.unwrap();
    assert!(!first.existing && again.existing);
    assert_eq!((again.token, again.position, again.expires_at), (first.token, first.position, first.expires_at));
    let (one, two) = join(h.join(BOB), h.join(BOB)).await;
    assert_eq!(one.unwrap().token, two.unwrap().token);
}

pub async fn a_place_that_is_left_makes_room_for_the_next(h: Harness) {
    h.queue_session(100, one()).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Waiting, 1));
    for _ in 0..2 {
        h.leave(ALICE, &alice).await.unwrap();
    }
    assert_eq!(h.tick().await.admitted, 1);
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Allowed, 0));
}

pub async fn who_left_is_told_so_though_the_line_has_moved_on(h: Harness) {
    h.queue_session(100, one()).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    h.leave(ALICE, &alice).await.unwrap();
    for _ in 0..3 {
        assert_eq!(h.status(ALICE, &alice).await, Err(QueueStatusRefusal::UnknownToken));
        h.advance(1);
        h.tick().await;
    }
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Allowed, 0));
}

pub async fn a_place_that_is_left_or_over_holds_nothing(h: Harness) {
    let policy = QueuePolicy { wait_ttl_seconds: Some(60), admit_ttl_seconds: None, ..one() };
    h.queue_session(100, policy).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    h.leave(ALICE, &alice).await.unwrap();
    assert_eq!(h.hold_with(ALICE, "k1", 1, &alice).await, Err(HoldRefusal::TokenExpired));
    h.advance(60);
    h.tick().await;
    h.token(CAROL).await;
    h.tick().await;
    assert_eq!(h.hold_with(BOB, "k1", 1, &bob).await, Err(HoldRefusal::TokenExpired), "the frontier passed him by");
}

pub async fn who_comes_back_after_their_end_is_counted_once(h: Harness) {
    let ttls = (Some(100), Some(100));
    let policy = QueuePolicy { max_length: Some(3), wait_ttl_seconds: ttls.0, admit_ttl_seconds: ttls.1, ..one() };
    let id = h.queue_session(100, policy).await;
    h.token(ALICE).await;
    h.tick().await;
    h.token(BOB).await;
    h.advance(50);
    h.token(CAROL).await;
    h.advance(51);
    h.join(BOB).await.expect("ALICE's window and BOB's own wait are over: there is room");
    let stats = h.engine.session_stats(id).await.unwrap().unwrap();
    assert_eq!((stats.active, stats.waiting), (1, 1), "CAROL is in, BOB waits");
}

pub async fn a_purchase_makes_room_for_the_next(h: Harness) {
    h.queue_session(100, one()).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    let hold = h.hold_with(ALICE, "k1", 1, &alice).await.unwrap().hold;
    assert_eq!(hold.place, Some(1));
    let open = h.checkout(ALICE, hold.id).await.unwrap();
    assert_eq!(h.tick().await.admitted, 0);
    h.pay(&open).await;
    assert_eq!(h.tick().await.admitted, 1);
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Allowed, 0));
}

pub async fn admission_takes_those_who_came_first(h: Harness) {
    h.queue_session(100, QueuePolicy { admit_per_second: Some(2), ..QueuePolicy::default() }).await;
    let mut tokens = Vec::new();
    for n in 0..5 {
        tokens.push(h.token(buyer(n)).await);
    }
    for admitted in [0, 2, 4, 5] {
        for (n, token) in (0..).zip(&tokens) {
            let expected = if n < admitted {
                (QueueState::Allowed, 0)
            } else {
                (QueueState::Waiting, u64::from(n - admitted + 1))
            };
            assert_eq!(state(&h, buyer(n), token).await, expected);
        }
        h.advance(1);
        h.tick().await;
    }
}

pub async fn positions_count_those_who_wait_ahead(h: Harness) {
    h.queue_session(100, one()).await;
    let mut tokens = Vec::new();
    for n in 0..6 {
        tokens.push(h.token(buyer(n)).await);
    }
    assert_eq!(state(&h, buyer(4), &tokens[4]).await, (QueueState::Waiting, 5));
    h.leave(buyer(2), &tokens[2]).await.unwrap();
    h.leave(buyer(5), &tokens[5]).await.unwrap();
    assert_eq!(state(&h, buyer(4), &tokens[4]).await, (QueueState::Waiting, 4));
    h.tick().await;
    assert_eq!(state(&h, buyer(4), &tokens[4]).await, (QueueState::Waiting, 3));
    assert_eq!(h.join(buyer(4)).await.unwrap().position, 3);
    assert_eq!(h.join(ALICE).await.unwrap().position, 4, "a newcomer counts those who still wait");
}

pub async fn a_place_survives_a_restart(h: Harness) {
    h.queue_session(100, one()).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    h.engine.shutdown().await;
    let after = h.another_engine();
    assert_eq!(state(&after, ALICE, &alice).await, (QueueState::Allowed, 0));
    assert_eq!(state(&after, BOB, &bob).await, (QueueState::Waiting, 1));
    let again = after.join(BOB).await.unwrap();
    assert!(again.existing && again.token == bob);
    assert_eq!(after.join(CAROL).await.unwrap().position, 2);
    assert!(after.hold_with(ALICE, "k1", 1, &alice).await.is_ok());
}

pub async fn a_hold_needs_a_token_while_the_queue_is_on(h: Harness) {
    h.queue_session(100, QueuePolicy::default()).await;
    assert_eq!(h.hold(ALICE, "k1", 1).await, Err(HoldRefusal::TokenRequired));
    let token = h.token(ALICE).await;
    assert!(h.hold_with(ALICE, "k1", 1, &token).await.is_ok());
}

pub async fn a_hold_needs_no_token_while_the_queue_is_off(h: Harness) {
    h.queue_session(100, QueuePolicy { mode: QueueMode::Off, ..QueuePolicy::default() }).await;
    assert!(h.hold(ALICE, "k1", 1).await.is_ok());
    let token = h.token(BOB).await;
    assert!(h.hold_with(BOB, "k2", 1, &token).await.is_ok(), "one that comes with a token is no worse off");
}

pub async fn a_token_belongs_to_its_user_and_its_session(h: Harness) {
    h.queue_session(100, QueuePolicy::default()).await;
    let elsewhere = h.token(ALICE).await;
    h.queue_session(100, QueuePolicy::default()).await;
    let bob = h.token(BOB).await;
    assert_eq!(h.hold_with(ALICE, "k1", 1, &elsewhere).await, Err(HoldRefusal::TokenMismatch));
    assert_eq!(h.hold_with(ALICE, "k1", 1, &bob).await, Err(HoldRefusal::TokenMismatch));
    assert_eq!(h.status(ALICE, &bob).await, Err(QueueStatusRefusal::UnknownToken));
    assert_eq!(h.leave(ALICE, &bob).await, Err(QueueStatusRefusal::UnknownToken));
}

pub async fn a_forged_token_is_refused(h: Harness) {
    h.queue_session(100, QueuePolicy::default()).await;
    let token = h.token(ALICE).await;
    let forged = format!("{}{}", if token.starts_with('A') { "B" } else { "A" }, &token[1..]);
    for bad in [forged.as_str(), "", "nonsense", "토큰"] {
        assert_eq!(h.hold_with(ALICE, "k1", 1, bad).await, Err(HoldRefusal::TokenMismatch), "{bad}");
        assert_eq!(h.status(ALICE, bad).await, Err(QueueStatusRefusal::UnknownToken), "{bad}");
    }
}

/// As after a failover to a replica that lacks the last places: the token is genuine, and the store has never
/// heard of its place, or gave it to somebody else since.
pub async fn a_token_of_a_place_that_was_lost_holds_nothing(h: Harness) {
    h.queue_session(100, one()).await;
    let given = keys().queue_token.verify(&h.token(BOB).await).expect("the engine's own token");
    for claim in [PlaceClaim { user_id: ALICE, ..given }, PlaceClaim { user_id: ALICE, number: 7, ..given }] {
        let lost = keys().queue_token.sign(&claim);
        assert_eq!(h.status(ALICE, &lost).await, Err(QueueStatusRefusal::Expired), "{claim:?}");
        h.tick().await;
        // Where the room is kept apart, a hold believes every token of an epoch: a store that lost places it had
        // given begins another.
        if h.waiting_room.is_none() {
            assert_eq!(h.hold_with(ALICE, "k1", 1, &lost).await, Err(HoldRefusal::TokenExpired), "{claim:?}");
        }
    }
    assert!(h.join(ALICE).await.is_ok_and(|status| !status.existing), "a new place is to be had");
}

pub async fn a_token_whose_turn_has_not_come_holds_nothing(h: Harness) {
    h.queue_session(100, one()).await;
    let token = h.token(ALICE).await;
    assert_eq!(h.hold_with(ALICE, "k1", 1, &token).await, Err(HoldRefusal::NotAdmitted));
    h.tick().await;
    assert!(h.hold_with(ALICE, "k1", 1, &token).await.is_ok());
}

pub async fn a_token_expires_with_its_window(h: Harness) {
    h.queue_session(100, QueuePolicy::default()).await;
    let (alice, bob) = (h.join(ALICE).await.unwrap(), h.token(BOB).await);
    let ends = alice.expires_at.unwrap();
    assert_eq!(ends, h.now().plus_seconds(120));
    h.clock.set(Timestamp::from_micros(ends.micros() - 1));
    assert!(h.hold_with(ALICE, "k1", 1, &alice.token).await.is_ok());
    h.clock.advance(Duration::from_micros(1));
    assert_eq!(h.hold_with(BOB, "k2", 1, &bob).await, Err(HoldRefusal::TokenExpired));
    assert_eq!(h.status(BOB, &bob).await, Err(QueueStatusRefusal::Expired));
}

pub async fn a_wait_ends_with_its_time(h: Harness) {
    h.queue_session(100, QueuePolicy { wait_ttl_seconds: Some(60), ..one() }).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    h.advance(59);
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Waiting, 1));
    h.advance(1);
    assert_eq!(h.status(BOB, &bob).await, Err(QueueStatusRefusal::Expired));
    assert_eq!(h.hold_with(BOB, "k2", 1, &bob).await, Err(HoldRefusal::TokenExpired));
    assert_eq!(h.tick().await.admitted, 0);
    assert_eq!(h.status(BOB, &bob).await, Err(QueueStatusRefusal::Expired), "a tick brings nobody back");
    assert_eq!(state(&h, ALICE, &alice).await, (QueueState::Allowed, 0), "who was admitted in time stays so");
}

pub async fn a_visitor_whose_window_ended_joins_at_the_end(h: Harness) {
    h.queue_session(100, one()).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    h.advance(121);
    let again = h.join(ALICE).await.unwrap();
    assert!(!again.existing && again.token != alice);
    assert_eq!((again.state, again.position), (QueueState::Waiting, 2));
    h.tick().await;
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Allowed, 0));
    assert_eq!(state(&h, ALICE, &again.token).await, (QueueState::Waiting, 1));
    assert_eq!(h.hold_with(ALICE, "k1", 1, &alice).await, Err(HoldRefusal::TokenExpired));
}

pub async fn nobody_is_admitted_to_a_sold_out_session(h: Harness) {
    h.queue_session(1, one()).await;
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.tick().await;
    let hold = h.hold_with(ALICE, "k1", 1, &alice).await.unwrap().hold;
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Waiting, 1), "what is held may come back");
    assert!(h.join(CAROL).await.is_ok());
    let open = h.checkout(ALICE, hold.id).await.unwrap();
    h.pay(&open).await;
    assert_eq!(h.tick().await.admitted, 0);
    assert_eq!(state(&h, BOB, &bob).await.0, QueueState::SoldOut);
    assert_eq!(h.join(buyer(9)).await.unwrap_err(), QueueRefusal::SoldOut);
}

pub async fn a_full_queue_takes_visitors_again_when_places_end(h: Harness) {
    h.queue_session(100, QueuePolicy { max_length: Some(2), ..QueuePolicy::default() }).await;
    let alice = h.token(ALICE).await;
    h.advance(60);
    h.token(BOB).await;
    assert_eq!(h.join(CAROL).await, Err(QueueRefusal::QueueFull));
    h.leave(ALICE, &alice).await.unwrap();
    assert!(h.join(CAROL).await.is_ok());
    assert_eq!(h.join(buyer(1)).await, Err(QueueRefusal::QueueFull));
    h.advance(120);
    assert!(h.join(buyer(1)).await.is_ok(), "windows that ended make room without any tick");
}

pub async fn a_queue_opens_with_the_sale_and_closes_with_it(h: Harness) {
    let (opens, closes) = (h.now().plus_seconds(10), h.now().plus_seconds(20));
    h.session_with(|new| {
        new.queue = QueuePolicy::default();
        new.sales_open_at = Some(opens);
        new.sales_close_at = Some(closes);
    })
    .await;
    assert_eq!(h.join(ALICE).await, Err(QueueRefusal::NotOnSale));
    h.clock.set(opens);
    assert!(h.join(ALICE).await.is_ok());
    h.clock.set(closes);
    assert_eq!(h.join(BOB).await, Err(QueueRefusal::SaleClosed));
    assert!(h.join(ALICE).await.unwrap().existing, "whoever is in is told where they stand");
}

pub async fn a_token_that_was_left_is_unknown(h: Harness) {
    h.queue_session(100, one()).await;
    let token = h.token(ALICE).await;
    h.leave(ALICE, &token).await.unwrap();
    assert_eq!(h.status(ALICE, &token).await, Err(QueueStatusRefusal::UnknownToken));
    let again = h.join(ALICE).await.unwrap();
    assert!(!again.existing && again.token != token);
    assert_eq!(again.position, 1);
}
