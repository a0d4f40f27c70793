//! A program with another audit key is found out before it writes.

use std::sync::Arc;

use ticketing_core::{
    Ticketing,
    audit::{Actor, AuditKey, Caller},
    engine::{Keys, NewUser},
    payment::CallbackReport,
    store::memory::MemoryStore,
    testing::{Harness, SimClock, TestGateway, harness::OPERATOR},
    user::{Role, password::PasswordHash},
    verify::{KeyError, check_key},
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
        ours.check_audit_key().await.unwrap();
        let refused = theirs.check_audit_key().await;
        assert!(matches!(refused, Err(KeyError::Other(_))), "line {line}: {refused:?}");
        let refused = check_key(&*store, &AuditKey::new(b"a third one")).await.unwrap_err().to_string();
        assert!(refused.contains("another key"), "line {line}: {refused}");
        theirs.shutdown().await;
    }
}

#[tokio::test]
async fn an_empty_log_was_written_with_any_key() {
    let h = empty().await;
    check_key(&*h.store, &AuditKey::new(b"any")).await.unwrap();
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
