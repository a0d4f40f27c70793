//! What is written, what is refused, and what a refusal leaves behind: nothing.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::{batch, commit, conflict, empty, everything, write};
use crate::{
    ids::BatchId,
    session::{Session, Stock},
    store::{BatchOutcome, Decision, Queries, Read, Schema, SchemaVersion, Snapshot, Store, StoreError, kv::KeyValue},
    testing::records,
    user::User,
};

#[tokio::test]
async fn a_unique_value_in_use_is_refused_by_its_index_and_nothing_is_left_behind() {
    let store = empty();
    write(&store, vec![], |snapshot| snapshot.add_user(records::user(1))).await.unwrap();
    let before = everything(store.key_value()).await;

    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let answer = write(&store, vec![], move |snapshot| {
        counted.fetch_add(1, Ordering::SeqCst);
        snapshot.holds.put(records::hold(1, 1));
        snapshot.add_user(User { email: records::user(1).email, ..records::user(2) });
    });
    assert_eq!(conflict(answer.await), "user by e-mail: it exists already");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the decision had its chance to see who was faster");
    assert_eq!(everything(store.key_value()).await, before);
}

#[tokio::test]
async fn two_new_records_of_one_batch_cannot_share_a_unique_value() {
    let store = empty();
    let answer = write(&store, vec![], |snapshot| {
        snapshot.add_user(records::user(1));
        snapshot.add_user(User { email: records::user(1).email, ..records::user(2) });
    });
    assert!(conflict(answer.await).starts_with("user by e-mail: two records want it at once"));
    assert_eq!(everything(store.key_value()).await, []);
}

#[tokio::test]
async fn a_unique_value_passes_from_one_record_to_another_in_one_batch() {
    let store = empty();
    let (giver, taker) = (records::user(1), User { email: records::user(1).email, ..records::user(2) });
    let (old, heir) = (giver.clone(), taker.clone());
    write(&store, vec![], move |snapshot| snapshot.add_user(old.clone())).await.unwrap();
    let moved = User { email: records::user(3).email, ..giver.clone() };
    let passed = write(&store, vec![Read::User(giver.id)], move |snapshot| {
        snapshot.users.put(moved.clone());
        snapshot.users.put(heir.clone());
    });
    passed.await.unwrap();
    assert_eq!(store.user_by_email(giver.email).await.unwrap(), Some(taker));
    assert_eq!(store.user_by_email(records::user(3).email).await.unwrap().map(|user| user.id), Some(giver.id));
}

#[tokio::test]
async fn unsound_stock_is_refused_whatever_was_decided() {
    let store = empty();
    write(&store, vec![], |snapshot| records::ground(snapshot, 1)).await.unwrap();
    let before = everything(store.key_value()).await;
    for stock in
        [Stock { total: 10, available: -1, held: 6, sold: 5 }, Stock { total: 10, available: 4, held: 6, sold: 5 }]
    {
        let answer = write(&store, vec![Read::Session(records::session(1, 1).id)], move |snapshot| {
            snapshot.add_user(records::user(1));
            snapshot.sessions.put(Session { stock, ..records::session(1, 1) });
        });
        assert!(conflict(answer.await).ends_with("its stock does not add up"));
    }
    assert_eq!(everything(store.key_value()).await, before);
}

#[tokio::test]
async fn a_seat_and_a_hold_that_contradict_themselves_are_refused() {
    let store = empty();
    let seat = crate::seat::Seat { hold_id: None, ..records::seat(1, "A1", Some(1)) };
    let answer = write(&store, vec![], move |snapshot| snapshot.seats.put(seat.clone()));
    assert!(conflict(answer.await).ends_with("its status does not agree with its hold"));
    let hold = crate::hold::Hold { ended_at: Some(records::at(1)), ..records::hold(1, 1) };
    let answer = write(&store, vec![], move |snapshot| snapshot.holds.put(hold.clone()));
    assert!(conflict(answer.await).ends_with("its status does not agree with its end"));
}

#[tokio::test]
async fn a_batch_is_remembered_if_it_was_written_and_only_then() {
    let store = empty();
    store.transact(batch(7, vec![]), commit(|snapshot| snapshot.add_user(records::user(1)))).await.unwrap();
    let refused = store.transact(batch(8, vec![]), commit(|snapshot| snapshot.users.put(records::user(1)))).await;
    conflict(refused);
    let outcome = async |n| store.outcome(BatchId::from_uuid(uuid::Uuid::from_u128(n))).await.unwrap();
    assert_eq!([outcome(7).await, outcome(8).await], [BatchOutcome::Committed, BatchOutcome::NotCommitted]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named() {
    let store = empty();
    write(&store, vec![], |snapshot| snapshot.add_user(records::user(1))).await.unwrap();
    let key = super::Key::of(super::super::encode::Space::User).and(&records::user(1).id).into_bytes();
    let put = crate::store::kv::Put { key, value: Some(b"{".to_vec()) };
    let change = crate::store::kv::Change { batch: None, stamp: None, guards: vec![], puts: vec![put] };
    store.key_value().apply(change).await.unwrap();
    let error = store.user(records::user(1).id).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { detail } if detail.starts_with("user 0000")), "{error}");
}

#[tokio::test]
async fn a_decision_that_is_never_done_is_refused() {
    let store = empty();
    let reads = vec![Read::Session(records::session(1, 1).id)];
    let greedy = move |_: &mut Snapshot, _| Decision::NeedMore(reads.clone());
    let answer = store.transact(batch(1, vec![]), Box::new(greedy)).await;
    assert!(conflict(answer).ends_with("not decided after 32 rounds"));
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let store = empty();
    assert_eq!(store.version().await.unwrap(), SchemaVersion { found: 0, needed: 1 });
    assert_eq!(store.migrate().await.unwrap(), SchemaVersion { found: 1, needed: 1 });
    let key = super::super::keys::schema().into_bytes();
    let put = crate::store::kv::Put { key, value: Some(2_u32.to_be_bytes().to_vec()) };
    store
        .key_value()
        .apply(crate::store::kv::Change { batch: None, stamp: None, guards: vec![], puts: vec![put] })
        .await
        .unwrap();
    let before = everything(store.key_value()).await;
    assert!(matches!(store.migrate().await, Err(StoreError::Corrupt { .. })));
    assert_eq!(everything(store.key_value()).await, before);
}
