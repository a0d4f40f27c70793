//! Two stores over one map, as two processes would be: they take no turns, only the guards hold.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use futures_util::{FutureExt, future::join_all};

use super::{KvStore, batch, commit, conflict, empty, write};
use crate::{
    session::Session,
    store::{Changes, Decide, Decision, Queries, Read, Snapshot, Store, StoreError, memory::MemoryStore},
    testing::records,
    waiting_room::Room,
};

fn of_session() -> Vec<Read> {
    vec![Read::Session(records::session(1, 1).id)]
}

/// Raises the session's version by one.
fn bump(snapshot: &mut Snapshot) {
    let id = records::session(1, 1).id;
    let session = snapshot.sessions.get(&id).expect("it was loaded").expect("it is there").clone();
    snapshot.sessions.put(Session { version: session.version + 1, ..session });
}

async fn ground() -> MemoryStore {
    let store = empty();
    write(&store, vec![], |snapshot| records::ground(snapshot, 1)).await.unwrap();
    store
}

async fn version(store: &MemoryStore) -> u64 {
    store.session(records::session(1, 1).id).await.unwrap().unwrap().session.version
}

/// Memory answers at once, so a write of it can be made inside a decision of another.
fn now<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("nothing in memory waits")
}

#[test]
fn writers_of_one_session_all_see_each_other() {
    const WRITES: u64 = 200;
    let first = Arc::new(now(ground()));
    let second = Arc::new(KvStore::over(first.key_value().clone()));
    let before = now(version(&first));
    let writers: Vec<_> = [Arc::clone(&first), Arc::clone(&first), Arc::clone(&second), second]
        .into_iter()
        .map(|store| {
            let writer = async move {
                for n in 0..WRITES {
                    // Being the slower one too often is an answer too: nothing was written.
                    while let Err(error) = store.transact(batch(u128::from(n), of_session()), commit(bump)).await {
                        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
                    }
                }
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            thread::spawn(move || runtime.block_on(writer))
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(now(version(&first)), before + 4 * WRITES, "an update was lost");
}

#[tokio::test]
async fn writers_of_one_store_take_turns_and_never_decide_in_vain() {
    let store = ground().await;
    let asked = Arc::new(AtomicU32::new(0));
    let counted = || {
        let asked = Arc::clone(&asked);
        commit(move |snapshot: &mut Snapshot| {
            asked.fetch_add(1, Ordering::SeqCst);
            bump(snapshot);
        })
    };
    let writes = join_all((0..50).map(|n| store.transact(batch(n, of_session()), counted()))).await;
    assert!(writes.iter().all(Result::is_ok), "{writes:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 50);
}

/// Runs `meanwhile` while the first decision over the session is made, and tells which versions the
/// decisions saw.
async fn decide_during(
    store: &MemoryStore,
    meanwhile: impl FnOnce() + Send + 'static,
    answer: impl Fn(&mut Snapshot) -> Decision + Send + 'static,
) -> (Result<crate::store::Receipt, StoreError>, Vec<u64>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut meanwhile = Some(meanwhile);
    let into = Arc::clone(&seen);
    let decide: Decide = Box::new(move |snapshot, _| {
        let session = snapshot.sessions.get(&records::session(1, 1).id).unwrap().unwrap();
        into.lock().unwrap().push(session.version);
        if let Some(meanwhile) = meanwhile.take() {
            meanwhile();
        }
        answer(snapshot)
    });
    let answer = store.transact(batch(9, of_session()), decide).await;
    let seen = seen.lock().unwrap().clone();
    (answer, seen)
}

#[tokio::test]
async fn whoever_was_slower_decides_again_over_what_the_faster_one_wrote() {
    let store = ground().await;
    let other = KvStore::over(store.key_value().clone());
    let faster = move || assert_eq!(now(write(&other, of_session(), bump)).unwrap().rounds, 1);
    let (answer, seen) = decide_during(&store, faster, |snapshot| {
        bump(snapshot);
        Decision::Commit(snapshot.take_changes())
    })
    .await;
    assert_eq!((answer.unwrap().rounds, seen), (2, vec![3, 4]));
    assert_eq!(version(&store).await, 5);
}

#[tokio::test]
async fn a_lock_covers_records_that_were_read_and_not_written() {
    let store = ground().await;
    let other = KvStore::over(store.key_value().clone());
    // The faster one leaves the session's own record alone.
    let room = vec![Read::Room(records::session(1, 1).id)];
    let faster = move || {
        let admit = |snapshot: &mut Snapshot| snapshot.rooms.put(Room { frontier: 21, ..records::room(1) });
        now(write(&other, room, admit)).unwrap();
    };
    let (answer, seen) = decide_during(&store, faster, |snapshot| {
        snapshot.add_hold(records::hold(1, 1));
        Decision::Commit(snapshot.take_changes())
    })
    .await;
    assert_eq!((answer.unwrap().rounds, seen.len()), (2, 2));
}

#[tokio::test]
async fn a_decision_never_sees_two_states_at_once() {
    let store = ground().await;
    let other = KvStore::over(store.key_value().clone());
    let faster = move || assert_eq!(now(write(&other, of_session(), bump)).unwrap().rounds, 1);
    let room = Read::Room(records::session(1, 1).id);
    let (answer, seen) = decide_during(&store, faster, move |snapshot| {
        if snapshot.has(&room) { Decision::Commit(Changes::default()) } else { Decision::NeedMore(vec![room.clone()]) }
    })
    .await;
    assert_eq!(seen, [3, 4, 4], "the second round would have shown the room of another version");
    assert_eq!(answer.unwrap().rounds, 3);
}

#[tokio::test]
async fn somebody_who_is_always_faster_is_told_of_after_five_more_tries() {
    let store = ground().await;
    let other = KvStore::over(store.key_value().clone());
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let answer = write(&store, of_session(), move |snapshot| {
        counted.fetch_add(1, Ordering::SeqCst);
        now(write(&other, of_session(), bump)).unwrap();
        bump(snapshot);
    });
    let detail = conflict(answer.await);
    assert!(detail.starts_with("stream 00") && detail.ends_with("somebody was faster 6 times"), "{detail}");
    assert_eq!(asked.load(Ordering::SeqCst), 6);
    assert_eq!(version(&store).await, 3 + 6, "only the faster one wrote");
}

#[tokio::test]
async fn a_store_that_is_opened_again_has_everything() {
    let store = ground().await;
    let map = store.key_value().clone();
    drop(store);
    assert_eq!(version(&KvStore::over(map)).await, 3);
}
