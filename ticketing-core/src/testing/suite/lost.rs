//! A room that its store lost, wholly or in part, while people were in it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{
    audit::{Action, StreamId},
    clock::Timestamp,
    command::HoldRefusal,
    engine::{QueueState, QueueStatusRefusal},
    ids::{BatchId, UserId},
    store::{BatchHeader, Decision, Read, Snapshot},
    testing::{
        Harness,
        harness::{ALICE, BOB, CAROL, OPERATOR, buyer},
    },
    waiting_room::{QueuePolicy, Room},
};

/// What can happen to the store of the waiting rooms.
pub trait Misfortune: Send + Sync {
    /// It loses everything.
    fn flush(&self) -> BoxFuture<'_, ()>;

    /// It remembers how it is now.
    fn remember(&self) -> BoxFuture<'_, ()>;

    /// It is again as it was when it last remembered, as when a replica takes over that lacks the last writes.
    fn fall_back(&self) -> BoxFuture<'_, ()>;
}

/// An engine whose waiting rooms are kept apart, and what may happen to them.
#[derive(Clone)]
pub struct Lossy {
    /// The engine.
    pub h: Harness,
    /// What may happen.
    pub misfortune: Arc<dyn Misfortune>,
}

impl std::fmt::Debug for Lossy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lossy").field("h", &self.h).finish_non_exhaustive()
    }
}

fn most(max_active: u32) -> QueuePolicy {
    QueuePolicy { max_active: Some(max_active), ..QueuePolicy::default() }
}

async fn line(h: &Harness, len: u32) -> Vec<(UserId, String)> {
    let mut tokens = Vec::new();
    for n in 0..len {
        tokens.push((buyer(n), h.token(buyer(n)).await));
    }
    tokens
}

async fn is_allowed(h: &Harness, (user, token): &(UserId, String)) -> bool {
    h.status(*user, token).await.is_ok_and(|status| status.state == QueueState::Allowed)
}

pub async fn who_was_admitted_goes_on_and_who_waited_comes_again(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, most(2)).await;
    let line = line(h, 5).await;
    h.tick().await;
    l.misfortune.flush().await;
    assert!(is_allowed(h, &line[0]).await && is_allowed(h, &line[1]).await);
    assert_eq!(h.status(line[2].0, &line[2].1).await, Err(QueueStatusRefusal::Expired));
    assert!(h.hold_with(line[0].0, "k", 1, &line[0].1).await.is_ok());
    assert_eq!(h.hold_with(line[2].0, "k", 1, &line[2].1).await, Err(HoldRefusal::TokenExpired));
    assert_eq!(h.tick().await.admitted, 0, "the two who are in count as active");
    let again = h.join(line[3].0).await.unwrap();
    assert!(!again.existing && again.token != line[3].1);
    assert_eq!((again.state, again.position), (QueueState::Waiting, 1));
    h.tick().await;
    h.advance(200);
    h.tick().await;
    assert!(is_allowed(h, &(line[3].0, again.token)).await, "their windows ended");
    assert_eq!(h.hold_with(line[2].0, "k", 1, &line[2].1).await, Err(HoldRefusal::TokenExpired), "void for good");
    assert_eq!(h.hold_with(line[1].0, "k", 1, &line[1].1).await, Err(HoldRefusal::TokenExpired), "not for ever");
}

pub async fn a_purchase_frees_the_place_of_who_was_admitted_before_the_loss(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, most(1)).await;
    let alice = h.token(ALICE).await;
    h.tick().await;
    l.misfortune.flush().await;
    let bob = h.token(BOB).await;
    h.tick().await;
    let hold = h.hold_with(ALICE, "k", 1, &alice).await.unwrap().hold;
    assert!(!is_allowed(h, &(BOB, bob.clone())).await);
    let open = h.checkout(ALICE, hold.id).await.unwrap();
    h.pay(&open).await;
    assert_eq!(h.tick().await.admitted, 1);
    assert!(is_allowed(h, &(BOB, bob)).await);
}

pub async fn who_was_admitted_at_once_goes_on(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, QueuePolicy::default()).await;
    let alice = h.token(ALICE).await;
    l.misfortune.flush().await;
    let bob = h.token(BOB).await;
    assert!(is_allowed(h, &(ALICE, alice.clone())).await);
    assert!(h.hold_with(ALICE, "k", 1, &alice).await.is_ok());
    assert!(h.hold_with(BOB, "k", 1, &bob).await.is_ok());
}

pub async fn who_left_before_the_loss_holds_nothing_after_it(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, most(2)).await;
    let line = line(h, 2).await;
    h.tick().await;
    h.leave(line[0].0, &line[0].1).await.unwrap();
    l.misfortune.flush().await;
    assert_eq!(h.hold_with(line[0].0, "k", 1, &line[0].1).await, Err(HoldRefusal::TokenExpired));
    assert!(h.hold_with(line[1].0, "k", 1, &line[1].1).await.is_ok());
}

pub async fn a_store_that_fell_back_keeps_the_line_under_another_epoch(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, most(2)).await;
    let line = line(h, 6).await;
    l.misfortune.remember().await;
    h.tick().await;
    let late = h.token(CAROL).await;
    l.misfortune.fall_back().await;
    for admitted in &line[..2] {
        assert!(is_allowed(h, admitted).await, "the ledger knows");
    }
    let again = h.join(line[4].0).await.unwrap();
    assert!(again.existing && again.token != line[4].1, "the same place by another token");
    assert_eq!(again.position, 3);
    assert_eq!(h.status(line[4].0, &line[4].1).await, Err(QueueStatusRefusal::Expired), "the old one is void");
    assert_eq!(h.status(CAROL, &late).await, Err(QueueStatusRefusal::Expired), "nothing is left of this one");
    assert!(!h.join(CAROL).await.unwrap().existing);
    h.leave(line[0].0, &line[0].1).await.unwrap();
    h.leave(line[1].0, &line[1].1).await.unwrap();
    h.advance(200);
    assert_eq!(h.tick().await.admitted, 2);
}

pub async fn a_fall_back_that_only_this_node_has_seen_is_noticed(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, most(1)).await;
    h.token(ALICE).await;
    h.tick().await;
    l.misfortune.remember().await;
    let bob = h.token(BOB).await;
    l.misfortune.fall_back().await;
    let carol = h.join(CAROL).await.unwrap();
    assert_eq!(h.status(BOB, &bob).await, Err(QueueStatusRefusal::Expired), "nobody else has the number that he had");
    assert_eq!(carol.position, 1);
}

/// What the ledger has of a room is again as it was, as when it was restored from a copy.
async fn ledger_falls_back(h: &Harness, room: Room) {
    let session_id = room.session_id;
    let id = BatchId::from_uuid(Uuid::from_u128(0xfa11));
    let batch = BatchHeader { id, locks: vec![StreamId::Session(session_id)], reads: vec![Read::Room(session_id)] };
    let decide = move |snapshot: &mut Snapshot, _: Timestamp| {
        snapshot.rooms.put(room.clone());
        Decision::Commit(snapshot.take_changes())
    };
    h.store.transact(batch, Box::new(decide)).await.expect("the ledger is written");
}

async fn mirror(h: &Harness) -> Room {
    h.store.queue(h.session_id()).await.unwrap().expect("the session has a room").room
}

pub async fn a_ledger_that_fell_back_behind_an_epoch_is_brought_past_it(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, most(2)).await;
    let before = mirror(h).await;
    let line = line(h, 4).await;
    h.tick().await;
    assert!(mirror(h).await.epoch > before.epoch);
    ledger_falls_back(h, before).await;
    h.advance(2);
    h.token(CAROL).await;
    h.tick().await;
    for admitted in &line[..2] {
        assert!(is_allowed(h, admitted).await, "they were told so");
        assert!(h.hold_with(admitted.0, "k", 1, &admitted.1).await.is_ok());
    }
    let again = h.join(line[2].0).await.unwrap();
    assert!(again.existing && again.token != line[2].1, "the same place by another token");
    assert_eq!(again.position, 1);
    h.leave(line[0].0, &line[0].1).await.unwrap();
    h.tick().await;
    assert!(is_allowed(h, &(line[2].0, again.token.clone())).await);
    assert!(h.hold_with(line[2].0, "k", 1, &again.token).await.is_ok());
}

pub async fn whoever_sends_a_line_away_is_recorded_though_nobody_stood_in_it(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, most(1)).await;
    line(h, 3).await;
    h.tick().await;
    for sent_away in [2, 0] {
        assert_eq!(h.engine.clear_queue(OPERATOR, h.session_id()).await.unwrap(), sent_away);
    }
    let log = h.store.audit(StreamId::Session(h.session_id()), 0, 100).await.unwrap();
    let meta: Vec<_> =
        log.iter().filter(|record| record.action == Action::QueueCleared).map(|one| &*one.meta).collect();
    assert_eq!(meta, [r#"{"sentAway":2}"#, r#"{"sentAway":0}"#]);
}

pub async fn two_nodes_begin_a_lost_room_once(l: Lossy) {
    let h = &l.h;
    h.queue_session(100, most(1)).await;
    h.token(ALICE).await;
    h.tick().await;
    let other = h.another_engine();
    other.token(BOB).await;
    for round in 0..5 {
        l.misfortune.flush().await;
        let (here, there) = (h.clone(), other.clone());
        let joins = (0..20).map(|n| {
            let node = if n % 2 == 0 { here.clone() } else { there.clone() };
            async move { node.join(buyer(round * 20 + n)).await.unwrap() }
        });
        let joined = futures_util::future::join_all(joins).await;
        let mut positions: Vec<u64> = joined.iter().map(|status| status.position).collect();
        positions.sort_unstable();
        assert_eq!(positions, (1..=20).collect::<Vec<_>>());
        for (n, status) in (0..).zip(&joined) {
            assert!(h.status(buyer(round * 20 + n), &status.token).await.is_ok(), "round {round}: one epoch for all");
        }
    }
    other.engine.shutdown().await;
}

pub async fn a_line_in_the_ledger_moves_out_and_back_in_and_who_was_admitted_goes_on(l: Lossy) {
    let h = &l.h;
    let home = Harness::over(Arc::clone(&h.store), Arc::clone(&h.clock)).await;
    home.queue_session(100, most(1)).await;
    h.select(home.event_id(), home.session_id());
    let (alice, bob) = (home.token(ALICE).await, home.token(BOB).await);
    home.tick().await;
    assert!(is_allowed(h, &(ALICE, alice.clone())).await);
    assert!(h.hold_with(ALICE, "k", 1, &alice).await.is_ok());
    assert_eq!(h.status(BOB, &bob).await, Err(QueueStatusRefusal::Expired));
    let carol = h.token(CAROL).await;
    h.advance(200);
    h.tick().await;
    assert!(is_allowed(h, &(CAROL, carol.clone())).await);
    home.token(BOB).await;
    assert!(home.hold_with(CAROL, "k", 1, &carol).await.is_ok());
    assert!(is_allowed(&home, &(CAROL, carol)).await);
    home.tick().await;
    home.engine.shutdown().await;
}
