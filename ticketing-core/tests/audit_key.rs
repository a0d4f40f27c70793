//! A program with another audit key is found out before it writes.

use std::sync::Arc;

use futures_util::future::join_all;
use ticketing_core::{
    Ticketing,
    audit::{Action, Actor, AuditKey, Caller, StreamId},
    engine::{EngineError, Keys, NewUser},
    payment::CallbackReport,
    store::memory::MemoryStore,
    testing::{Harness, SimClock, TestGateway, harness::OPERATOR},
    user::{Role, password::PasswordHash},
    verify::{check_key, has_log},
};

async fn empty() -> Harness {
    let clock = Arc::new(SimClock::new());
    Harness::over(Arc::new(MemoryStore::new(Arc::clone(&clock) as _)), clock).await
}

fn other_keys() -> Keys {
    Keys::new(b"another audit key", b"the queue key of the tests", &[7; 32])
}

/// Checks that the log's own key passes, and another one does not.
#[track_caller]
fn check(h: &Harness) -> impl Future<Output = ()> {
    let (ours, store) = (h.engine.clone(), Arc::clone(&h.store));
    let theirs = Ticketing::builder(Arc::clone(&h.store), other_keys(), Arc::new(TestGateway::new())).build();
    let line = std::panic::Location::caller().line();
    async move {
        let before = store.revision().await.unwrap();
        let refused = theirs.open_log().await;
        assert!(matches!(refused, Err(EngineError::Refused(_))), "line {line}: {refused:?}");
        assert_eq!(store.revision().await.unwrap(), before, "line {line}: it has written");
        ours.open_log().await.unwrap();
        assert!(ours.verify().await.unwrap().is_clean(), "line {line}");
        assert!(has_log(&*store).await.unwrap(), "line {line}");
        let third = AuditKey::new(b"a third one");
        let refused = check_key(&*store, &third).await.unwrap().unwrap_err().to_string();
        assert!(refused.contains("another key"), "line {line}: {refused}");
        theirs.shutdown().await;
    }
}

#[tokio::test]
async fn an_empty_log_was_written_with_any_key() {
    let h = empty().await;
    check_key(&*h.store, &AuditKey::new(b"any")).await.unwrap().unwrap();
    assert!(!has_log(&*h.store).await.unwrap());
}

#[tokio::test]
async fn a_log_is_begun_once_and_by_one_record() {
    let h = empty().await;
    for _ in 0..2 {
        h.engine.open_log().await.unwrap();
        let log = h.store.audit(StreamId::Users, 0, 10).await.unwrap();
        let told: Vec<_> = log.iter().map(|record| (record.action, record.actor)).collect();
        assert_eq!(told, [(Action::LogBegun, Actor::Engine)]);
    }
    check(&h).await;
    h.session(5).await;
    check(&h).await;
}

#[tokio::test]
async fn of_engines_with_different_keys_one_begins_the_log() {
    let h = empty().await;
    let of = |n: u8| {
        let keys = Keys::new(&[n; 32], b"the queue key of the tests", &[7; 32]);
        Ticketing::builder(Arc::clone(&h.store), keys, Arc::new(TestGateway::new())).build()
    };
    let engines: Vec<_> = (0..8).map(of).collect();
    let opened = join_all(engines.iter().map(Ticketing::open_log)).await;
    let (left, refused): (Vec<_>, Vec<_>) = engines.iter().zip(opened).partition(|(_, opened)| opened.is_ok());
    assert_eq!(left.len(), 1);
    for (_, refused) in refused {
        assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    }
    assert!(left[0].0.verify().await.unwrap().is_clean());
    assert_eq!(h.store.audit(StreamId::Users, 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_log_tells_its_key_by_whatever_was_written_first() {
    let callbacks = empty().await;
    callbacks.callback(CallbackReport::success("pg_stray".parse().unwrap())).await;
    check(&callbacks).await;

    let events = empty().await;
    events.event().await;
    check(&events).await;

    let users = empty().await;
    let password_hash = PasswordHash::from_stored("none".to_owned());
    let new = NewUser { email: "a@example.com".parse().unwrap(), password_hash, role: Role::User };
    users.engine.create_user(OPERATOR, new).await.unwrap();
    check(&users).await;
    users
        .engine
        .payment_callback(Caller::of(Actor::Gateway), CallbackReport::fail("pg".parse().unwrap()))
        .await
        .unwrap();
    users.session(5).await;
    check(&users).await;
}
