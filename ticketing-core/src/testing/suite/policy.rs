//! The waiting room's policy: ahead of the sale, changed while people wait, and cleared.

use futures_util::future::{join, join_all};

use crate::{
    command::{HoldRefusal, QueuePatch, QueueRefusal, SessionPatch},
    engine::{QueueState, QueueStatusRefusal},
    ids::UserId,
    session::SaleStatus,
    testing::{
        Harness,
        harness::{ALICE, BOB, CAROL, OPERATOR, buyer},
    },
    waiting_room::{QueueMode, QueuePolicy, admission::PLACES_PER_STEP},
};

fn one() -> QueuePolicy {
    QueuePolicy { max_active: Some(1), ..QueuePolicy::default() }
}

async fn state(h: &Harness, user: UserId, token: &str) -> (QueueState, u64) {
    let status = h.status(user, token).await.expect("the token is known");
    (status.state, status.position)
}

async fn patch(h: &Harness, patch: SessionPatch) {
    h.engine.update_session(OPERATOR, h.session_id(), patch).await.expect("the session takes the change");
}

async fn set(h: &Harness, policy: QueuePolicy) {
    patch(h, SessionPatch { queue: Some(policy.into()), ..SessionPatch::default() }).await;
}

async fn line(h: &Harness, len: u32) -> Vec<(UserId, String)> {
    let mut tokens = Vec::new();
    for n in 0..len {
        tokens.push((buyer(n), h.token(buyer(n)).await));
    }
    tokens
}

/// How many of `line` are allowed; they are the first of it, and the others stand in order behind them.
async fn allowed(h: &Harness, line: &[(UserId, String)]) -> usize {
    let mut states = Vec::new();
    for (user, token) in line {
        states.push(state(h, *user, token).await);
    }
    let allowed = states.iter().take_while(|(state, _)| *state == QueueState::Allowed).count();
    for (position, state) in (1..).zip(&states[allowed..]) {
        assert_eq!(*state, (QueueState::Waiting, position), "{states:?}");
    }
    allowed
}

pub async fn who_comes_ahead_of_the_sale_is_admitted_in_order_once_it_opens(h: Harness) {
    let opens = h.now().plus_seconds(1_000);
    h.session_with(|new| {
        new.queue = QueuePolicy { pre_queue_seconds: Some(100), admit_per_second: Some(2), ..QueuePolicy::default() };
        new.sales_open_at = Some(opens);
    })
    .await;
    h.advance(899);
    assert_eq!(h.join(ALICE).await, Err(QueueRefusal::NotOnSale));
    h.advance(1);
    let line = line(&h, 6).await;
    h.advance(99);
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, 0, "nobody is admitted ahead of the sale");
    assert_eq!(h.hold_with(buyer(0), "k", 1, &line[0].1).await, Err(HoldRefusal::NotOnSale));
    h.advance(1);
    h.tick().await;
    let first = allowed(&h, &line).await;
    assert!((1..=2).contains(&first), "no credit is gathered ahead of the sale: {first}");
    h.advance(1);
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, first + 2);
    assert!(h.hold_with(buyer(0), "k", 1, &line[0].1).await.is_ok());
}

pub async fn nobody_is_admitted_and_nobody_loses_a_place_while_a_sale_is_paused(h: Harness) {
    h.queue_session(100, one()).await;
    let line = line(&h, 3).await;
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, 1);
    patch(&h, SessionPatch { status: Some(SaleStatus::Paused), ..SessionPatch::default() }).await;
    h.leave(line[0].0, &line[0].1).await.unwrap();
    for _ in 0..3 {
        h.advance(1);
        assert_eq!(h.tick().await.admitted, 0);
    }
    assert_eq!(allowed(&h, &line[1..]).await, 0);
    patch(&h, SessionPatch { status: Some(SaleStatus::Open), ..SessionPatch::default() }).await;
    h.tick().await;
    assert_eq!(allowed(&h, &line[1..]).await, 1);
}

pub async fn a_line_that_is_cleared_is_sent_away_and_may_come_back(h: Harness) {
    h.queue_session(100, one()).await;
    let line = line(&h, 4).await;
    h.tick().await;
    assert_eq!(h.engine.clear_queue(OPERATOR, h.session_id()).await.unwrap(), 3);
    assert_eq!(state(&h, line[0].0, &line[0].1).await, (QueueState::Allowed, 0), "who was admitted stays");
    for (user, token) in &line[1..] {
        assert_eq!(h.status(*user, token).await, Err(QueueStatusRefusal::Expired));
    }
    assert_eq!(h.engine.clear_queue(OPERATOR, h.session_id()).await.unwrap(), 0);
    let again = h.join(line[2].0).await.unwrap();
    assert_eq!((again.existing, again.position), (false, 1));
    h.leave(line[0].0, &line[0].1).await.unwrap();
    h.tick().await;
    assert_eq!(state(&h, line[2].0, &again.token).await, (QueueState::Allowed, 0));
    assert_eq!(h.status(line[1].0, &line[1].1).await, Err(QueueStatusRefusal::Expired), "nobody comes back unasked");
}

pub async fn who_was_sent_away_is_never_counted_as_admitted(h: Harness) {
    h.queue_session(100, one()).await;
    let line = line(&h, 4).await;
    h.tick().await;
    h.engine.clear_queue(OPERATOR, h.session_id()).await.unwrap();
    let (alice, bob) = (h.token(ALICE).await, h.token(BOB).await);
    h.leave(line[0].0, &line[0].1).await.unwrap();
    for _ in 0..3 {
        h.tick().await;
        h.advance(1);
    }
    assert_eq!(state(&h, ALICE, &alice).await, (QueueState::Allowed, 0));
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Waiting, 1), "one visitor at a time");

    // Nor when they give up what they do not have any more, or come back.
    h.leave(line[1].0, &line[1].1).await.unwrap();
    let again = h.join(line[2].0).await.unwrap();
    assert_eq!((again.existing, again.position), (false, 2));
    h.tick().await;
    assert_eq!(state(&h, BOB, &bob).await, (QueueState::Waiting, 1));
    let stats = h.engine.session_stats(h.session_id()).await.unwrap().unwrap();
    assert_eq!((stats.active, stats.waiting), (1, 2));
}

pub async fn who_was_sent_away_holds_nothing_where_windows_never_end(h: Harness) {
    h.queue_session(100, QueuePolicy { admit_ttl_seconds: None, ..one() }).await;
    let line = line(&h, 3).await;
    h.tick().await;
    h.engine.clear_queue(OPERATOR, h.session_id()).await.unwrap();
    let alice = h.token(ALICE).await;
    h.leave(line[0].0, &line[0].1).await.unwrap();
    h.tick().await;
    assert_eq!(state(&h, ALICE, &alice).await, (QueueState::Allowed, 0));
    for (user, token) in &line[1..] {
        assert_eq!(h.status(*user, token).await, Err(QueueStatusRefusal::Expired));
        assert_eq!(h.hold_with(*user, "k", 1, token).await, Err(HoldRefusal::TokenExpired));
        assert!(!h.join(*user).await.unwrap().existing, "there is no place to find again");
    }
}

pub async fn a_line_of_many_steps_is_sent_away_to_its_end(h: Harness) {
    h.queue_session(100, one()).await;
    let len = PLACES_PER_STEP + 10;
    let joined = join_all((0..len).map(|n| h.join(buyer(n)))).await;
    assert!(joined.iter().all(Result::is_ok));
    assert_eq!(h.engine.clear_queue(OPERATOR, h.session_id()).await.unwrap(), u64::from(len));
    let stats = h.engine.session_stats(h.session_id()).await.unwrap().unwrap();
    assert_eq!((stats.active, stats.waiting), (0, 0));
    assert_eq!(h.join(ALICE).await.unwrap().position, 1);
}

pub async fn a_wait_ahead_of_the_sale_counts_from_its_opening(h: Harness) {
    let opens = h.now().plus_seconds(1_000);
    h.session_with(|new| {
        new.queue = QueuePolicy { pre_queue_seconds: Some(1_000), wait_ttl_seconds: Some(60), ..one() };
        new.sales_open_at = Some(opens);
    })
    .await;
    h.token(ALICE).await;
    let bob = h.join(BOB).await.unwrap();
    assert_eq!(bob.expires_at, Some(opens.plus_seconds(60)));
    h.advance(999);
    h.tick().await;
    assert_eq!(state(&h, BOB, &bob.token).await, (QueueState::Waiting, 2), "nobody waits for nothing");
    assert!(h.join(BOB).await.unwrap().existing);
    h.advance(1);
    h.tick().await;
    h.advance(59);
    assert_eq!(state(&h, BOB, &bob.token).await, (QueueState::Waiting, 1));
    h.advance(1);
    assert_eq!(h.status(BOB, &bob.token).await, Err(QueueStatusRefusal::Expired));
}

pub async fn a_wider_room_admits_the_next_and_a_narrower_one_takes_nobody_out(h: Harness) {
    h.queue_session(100, one()).await;
    let line = line(&h, 6).await;
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, 1);
    set(&h, QueuePolicy { max_active: Some(4), ..one() }).await;
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, 4);
    set(&h, one()).await;
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, 4);
    for (user, token) in &line[..3] {
        h.leave(*user, token).await.unwrap();
    }
    h.tick().await;
    assert_eq!(allowed(&h, &line[3..]).await, 1, "the room is as full as it may be");
    set(&h, QueuePolicy { max_active: None, ..one() }).await;
    h.tick().await;
    assert_eq!(allowed(&h, &line[3..]).await, 3);
}

pub async fn windows_wanted_in_a_running_sale_begin_then_and_make_room_when_they_end(h: Harness) {
    h.queue_session(100, QueuePolicy { admit_ttl_seconds: None, ..one() }).await;
    let line = line(&h, 2).await;
    h.tick().await;
    h.advance(1_000);
    set(&h, one()).await;
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, 1, "who was let in without a window has a whole one");
    h.advance(130);
    h.tick().await;
    assert_eq!(h.status(line[0].0, &line[0].1).await, Err(QueueStatusRefusal::Expired));
    assert_eq!(state(&h, line[1].0, &line[1].1).await, (QueueState::Allowed, 0));
    for longer in [None, Some(100_000)] {
        set(&h, QueuePolicy { admit_ttl_seconds: longer, ..one() }).await;
        h.tick().await;
        assert_eq!(h.status(line[0].0, &line[0].1).await, Err(QueueStatusRefusal::Expired), "{longer:?}");
        assert_eq!(h.hold_with(line[0].0, "k", 1, &line[0].1).await, Err(HoldRefusal::TokenExpired));
    }
}

pub async fn a_limit_is_changed_alone(h: Harness) {
    h.queue_session(100, QueuePolicy { max_length: Some(9), ..one() }).await;
    let of = |queue: QueuePatch| SessionPatch { queue: Some(queue), ..SessionPatch::default() };
    let rate = of(QueuePatch { admit_per_second: Some(Some(7)), ..QueuePatch::default() });
    let wider = of(QueuePatch { max_active: Some(None), ..QueuePatch::default() });
    join(patch(&h, rate), patch(&h, wider)).await;
    let expected =
        QueuePolicy { admit_per_second: Some(7), max_active: None, max_length: Some(9), ..QueuePolicy::default() };
    assert_eq!(h.store.session(h.session_id()).await.unwrap().unwrap().session.queue, expected);
}

pub async fn a_rate_counts_from_when_it_is_set(h: Harness) {
    h.queue_session(100, one()).await;
    let line = line(&h, 20).await;
    h.tick().await;
    h.advance(60);
    set(&h, QueuePolicy { admit_per_second: Some(3), admit_ttl_seconds: None, ..QueuePolicy::default() }).await;
    h.tick().await;
    let first = allowed(&h, &line).await;
    assert!(first <= 4, "a minute of another policy is no credit: {first}");
    for second in 1..4 {
        h.advance(1);
        h.tick().await;
        assert_eq!(allowed(&h, &line).await, first + 3 * second);
    }
    set(&h, QueuePolicy { admit_ttl_seconds: None, ..QueuePolicy::default() }).await;
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, 20);
}

pub async fn a_room_that_is_shortened_takes_nobody_more_and_sends_nobody_away(h: Harness) {
    h.queue_session(100, one()).await;
    let line = line(&h, 3).await;
    set(&h, QueuePolicy { max_length: Some(2), ..one() }).await;
    assert_eq!(h.join(ALICE).await, Err(QueueRefusal::QueueFull));
    h.tick().await;
    assert_eq!(allowed(&h, &line).await, 1);
    set(&h, QueuePolicy { max_length: Some(4), ..one() }).await;
    assert_eq!(h.join(ALICE).await.unwrap().position, 3);
    assert_eq!(h.join(BOB).await, Err(QueueRefusal::QueueFull));
}

pub async fn a_room_switched_off_lets_all_hold_and_switched_on_again_knows_its_line(h: Harness) {
    h.queue_session(100, one()).await;
    let line = line(&h, 3).await;
    h.tick().await;
    assert_eq!(h.hold(CAROL, "k1", 1).await, Err(HoldRefusal::TokenRequired));
    set(&h, QueuePolicy { mode: QueueMode::Off, ..one() }).await;
    let hold = h.hold(CAROL, "k1", 1).await.unwrap().hold;
    h.release(CAROL, hold.id).await.unwrap();
    set(&h, one()).await;
    assert_eq!(h.hold(CAROL, "k2", 1).await, Err(HoldRefusal::TokenRequired));
    h.tick().await;
    assert!(allowed(&h, &line).await >= 1);
}

pub async fn a_sold_out_room_says_so_until_stock_returns(h: Harness) {
    h.queue_session(1, one()).await;
    let line = line(&h, 2).await;
    h.tick().await;
    let hold = h.hold_with(line[0].0, "k1", 1, &line[0].1).await.unwrap().hold;
    let open = h.checkout(line[0].0, hold.id).await.unwrap();
    h.pay(&open).await;
    h.tick().await;
    assert_eq!(state(&h, line[1].0, &line[1].1).await.0, QueueState::SoldOut);
    h.engine.refund_order(OPERATOR, open.order.id).await.unwrap();
    h.tick().await;
    assert_eq!(state(&h, line[1].0, &line[1].1).await, (QueueState::Allowed, 0));
}
