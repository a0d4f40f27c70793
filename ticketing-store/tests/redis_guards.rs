//! What the Redis ledger refuses, and what it does when something was lost or written in part.

use std::sync::Arc;

use ticketing_core::{
    audit::{Actor, Caller},
    command::ReleaseBy,
    engine::EngineError,
    ids::{BatchId, OrderId},
    store::{
        BatchOutcome, Durability, Schema, Store, StoreError,
        kv::{Applied, Change, Direction, Guard, KeyValue, Lookup, Put, Span, View},
    },
    testing::{
        Harness, SimClock,
        harness::{ALICE, OPERATOR},
    },
};
use ticketing_store::{
    Level, OpenOptions, Role, diagnose, diagnose_rooms,
    redis::{RedisKv, RedisStore, open},
    resume,
    testing::redis::{Namespace, Server},
};
use uuid::Uuid;

const TEN_SECONDS: u64 = 10_000_000;

fn node(url: &str) -> RedisStore {
    open(url, OpenOptions::new(Role::Server)).expect("a test's URL is read")
}

/// A key that is only ever asked for alone.
fn alone(n: u32) -> Vec<u8> {
    [&[0x14][..], &Uuid::from_u128(n.into()).into_bytes()].concat()
}

/// A key on the shelf of one session's seats.
fn on_a_shelf(n: u32) -> Vec<u8> {
    [&[0x16; 17][..], &Uuid::from_u128(n.into()).into_bytes()].concat()
}

fn batch(n: u128) -> BatchId {
    BatchId::from_uuid(Uuid::from_u128(n))
}

/// New pairs, which must not be there.
fn adds(keys: impl IntoIterator<Item = Vec<u8>>) -> Change {
    let keys: Vec<_> = keys.into_iter().collect();
    let guards = keys.iter().map(|key| Guard { key: key.clone(), expected: None }).collect();
    let puts = keys.into_iter().map(|key| Put { key, value: Some(b"x".to_vec()) }).collect();
    Change { batch: None, stamp: None, guards, puts }
}

async fn read(kv: &RedisKv, lookups: Vec<Lookup>) -> View {
    kv.read(lookups).await.expect("the server answers")
}

async fn is_there(kv: &RedisKv, key: Vec<u8>) -> bool {
    !read(kv, vec![Lookup::Get(key)]).await.found[0].is_empty()
}

#[track_caller]
fn unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>, part: &str) {
    match answer {
        Err(StoreError::Unavailable { detail, source }) => {
            let text = format!("{detail}: {source:?}");
            assert!(text.contains(part), "{text}");
        }
        other => panic!("expected to hear of `{part}`: {other:?}"),
    }
}

#[tokio::test]
async fn a_change_decided_too_long_ago_is_not_written() {
    let Some(place) = Namespace::create().await else { return };
    let store = node(place.url());
    let kv = store.key_value();
    let stamp = read(kv, vec![]).await.stamp;
    for off in [stamp - TEN_SECONDS, stamp + TEN_SECONDS] {
        let late = Change { stamp: Some(off), ..adds([alone(1)]) };
        assert_eq!(kv.apply(late).await.unwrap(), Applied::Late);
    }
    assert!(!is_there(kv, alone(1)).await);
    let in_time = Change { stamp: Some(stamp), ..adds([alone(1)]) };
    assert_eq!(kv.apply(in_time).await.unwrap(), Applied::Yes);
}

#[tokio::test]
async fn a_batch_that_somebody_asked_about_is_never_written() {
    let Some(place) = Namespace::create().await else { return };
    let store = node(place.url());
    let kv = store.key_value();
    assert_eq!(kv.outcome(batch(1)).await.unwrap(), BatchOutcome::NotCommitted);
    unavailable(kv.apply(Change { batch: Some(batch(1)), ..adds([alone(1)]) }).await, "not committed");
    assert_eq!(kv.outcome(batch(1)).await.unwrap(), BatchOutcome::NotCommitted);
    assert!(!is_there(kv, alone(1)).await);
}

#[tokio::test]
async fn a_change_that_is_sent_twice_is_written_once() {
    let Some(place) = Namespace::create().await else { return };
    let store = node(place.url());
    let kv = store.key_value();
    let change = Change { batch: Some(batch(1)), ..adds([alone(1)]) };
    assert_eq!(kv.apply(change.clone()).await.unwrap(), Applied::Yes);
    let revision = read(kv, vec![]).await.revision;
    assert_eq!(kv.apply(change).await.unwrap(), Applied::Yes, "its own key is in its way");
    assert_eq!(read(kv, vec![]).await.revision, revision);
    assert_eq!(kv.outcome(batch(1)).await.unwrap(), BatchOutcome::Committed);
}

#[tokio::test]
async fn of_a_large_change_that_is_refused_nothing_is_left() {
    let Some(place) = Namespace::create().await else { return };
    let store = node(place.url());
    let kv = store.key_value();
    kv.apply(adds([on_a_shelf(9_999)])).await.unwrap();
    let refused = kv.apply(adds((0..10_000).map(on_a_shelf))).await.unwrap();
    assert_eq!(refused, Applied::Refused { key: on_a_shelf(9_999) });
    let (from, to) = (vec![0x16; 17], [&[0x16; 16][..], &[0x17]].concat());
    let all = Span { from, to, direction: Direction::Ascending, limit: usize::MAX };
    let found =
        read(kv, vec![Lookup::Scan(all), Lookup::Get(on_a_shelf(0)), Lookup::Get(on_a_shelf(9_998))]).await.found;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(kv.apply(adds((0..9_999).map(on_a_shelf))).await.unwrap(), Applied::Yes);
}

#[tokio::test]
async fn of_many_pointers_the_first_ones_are_followed_from_either_end() {
    let Some(place) = Namespace::create().await else { return };
    let store = node(place.url());
    let kv = store.key_value();
    // A user's orders: their ids begin with the time.
    let pointer = |n: u32| [&[0x4e; 17][..], &n.to_be_bytes(), &[7; 12]].concat();
    for some in [0..300, 300..600] {
        kv.apply(adds(some.clone().map(alone))).await.unwrap();
        // Not quite in order, as nodes put them there.
        let puts = some.map(|n| n ^ 1).map(|n| Put { key: pointer(n), value: Some(alone(n)) }).collect();
        kv.apply(Change { batch: None, stamp: None, guards: vec![], puts }).await.unwrap();
    }
    let follow = async |from: Vec<u8>, to: Vec<u8>, direction, limit| -> Vec<Vec<u8>> {
        let span = Span { from, to, direction, limit };
        let found = read(kv, vec![Lookup::Follow(span)]).await.found;
        found[0].iter().map(|pair| pair.key.clone()).collect()
    };
    let expected = |numbers: &mut dyn Iterator<Item = u32>| numbers.map(alone).collect::<Vec<_>>();
    let shelf = || (vec![0x4e; 17], [&[0x4e; 16][..], &[0x4e + 1]].concat());
    for limit in [1, 5, 200, 599, 600, usize::MAX] {
        let most = u32::try_from(limit).unwrap_or(u32::MAX).min(600);
        let ((from, to), (again, end)) = (shelf(), shelf());
        assert_eq!(follow(from, to, Direction::Ascending, limit).await, expected(&mut (0..most)));
        assert_eq!(follow(again, end, Direction::Descending, limit).await, expected(&mut (0..600).rev().take(limit)));
    }
    let behind = [pointer(400), vec![0]].concat();
    assert_eq!(follow(behind, shelf().1, Direction::Ascending, 3).await, expected(&mut (401..404)));
    assert_eq!(follow(shelf().0, pointer(400), Direction::Descending, 3).await, expected(&mut (397..400).rev()));
}

#[tokio::test]
async fn a_span_that_leaves_its_shelf_is_refused() {
    let Some(place) = Namespace::create().await else { return };
    let store = node(place.url());
    for from in [vec![0x16], vec![0x14]] {
        let span = Span { from, to: vec![0x18], direction: Direction::Ascending, limit: 1 };
        let error = store.key_value().read(vec![Lookup::Scan(span)]).await.unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt { detail } if detail.contains("leaves its shelf")), "{error}");
    }
}

#[tokio::test]
async fn a_change_written_in_part_halts_the_ledger_until_it_is_resumed() {
    let Some(server) = Server::start(&[]).await else { return };
    let store = node(&server.url("prefix=shop"));
    let kv = store.key_value();
    kv.apply(adds([alone(1)])).await.unwrap();
    // Somebody put something else where a shelf is to be.
    let shelf = [b"{shop}=".to_vec(), vec![0x16; 17]].concat();
    server.ask::<()>(&["SET", std::str::from_utf8(&shelf).unwrap(), "of somebody else"]).await;
    let half = kv.apply(Change { batch: Some(batch(1)), ..adds([alone(2), on_a_shelf(1)]) }).await;
    let Err(StoreError::OutcomeUnknown { detail }) = half else { panic!("half of it is there: {half:?}") };
    assert!(detail.contains("WRONGTYPE"), "{detail}");
    assert!(is_there(kv, alone(2)).await);
    unavailable(kv.outcome(batch(1)).await, "written in part");
    unavailable(kv.apply(adds([alone(3)])).await, "written in part");
    let another = node(&server.url("prefix=shop"));
    unavailable(another.key_value().apply(adds([alone(3)])).await, "written in part");
    assert!(resume(&server.url("prefix=shop")).await.unwrap().unwrap());
    assert_eq!(kv.apply(adds([alone(3)])).await.unwrap(), Applied::Yes);
    assert!(!resume(&server.url("prefix=shop")).await.unwrap().unwrap(), "it was not halted any more");
}

#[tokio::test]
async fn a_flushed_ledger_takes_no_writes_before_somebody_looked_at_it() {
    let Some(server) = Server::start(&[]).await else { return };
    let (store, url) = (node(&server.url("")), server.url(""));
    store.migrate().await.unwrap();
    for n in 1..=5 {
        store.key_value().apply(adds([alone(n)])).await.unwrap();
    }
    server.flush().await;
    unavailable(store.key_value().outcome(batch(1)).await, "the ledger is gone, with all of its 6 changes");
    unavailable(store.key_value().apply(adds([alone(6)])).await, "the ledger is gone, with all of its 6 changes");
    // A node that knows nothing of it is told.
    let another = node(&url);
    unavailable(another.migrate().await, "the ledger is gone");
    for node in [&store, &another] {
        read(node.key_value(), vec![]).await;
        let why = node.refuses_writes().expect("it takes none");
        assert!(why.starts_with("the ledger is gone"), "{why}");
    }
    let told = diagnose(&url).await.unwrap();
    let told = told.iter().find(|finding| finding.check == "ledger").expect("it is told to an operator");
    assert_eq!(told.level, Level::Fail);
    resume(&url).await.unwrap().unwrap();
    another.migrate().await.unwrap();
    assert_eq!(store.key_value().apply(adds([alone(1)])).await.unwrap(), Applied::Yes);
    assert_eq!(store.refuses_writes(), None);
}

#[tokio::test]
async fn what_a_ledger_may_have_lost_is_not_told_as_missing() {
    let Some(server) = Server::start(&[]).await else { return };
    let h = Harness::over(Arc::new(node(&server.url(""))), Arc::new(SimClock::new())).await;
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 1).await.unwrap().hold.id;
    server.flush().await;
    let caller = Caller::of(Actor::User(ALICE));
    let released = h.engine.release(caller, hold, ReleaseBy::Owner(ALICE)).await;
    assert!(matches!(released, Err(EngineError::Store(StoreError::Unavailable { .. }))), "{released:?}");
    let paid = h.engine.checkout(h.checkout_request(ALICE, hold)).await;
    assert!(matches!(paid, Err(EngineError::Store(StoreError::Unavailable { .. }))), "{paid:?}");
    let refunded = h.engine.refund_order(OPERATOR, OrderId::from_uuid(Uuid::from_u128(1))).await;
    assert!(matches!(refunded, Err(EngineError::Store(StoreError::Unavailable { .. }))), "{refunded:?}");
}

#[tokio::test]
async fn a_ledger_that_lost_its_last_changes_takes_no_writes_before_somebody_looked_at_it() {
    let Some(server) = Server::start(&[]).await else { return };
    let replica = server.replica(server.address()).await;
    let url = format!("redis://{},{}", server.address(), replica.address());
    let store = node(&url);
    let kv = store.key_value();
    kv.apply(Change { batch: Some(batch(1)), ..adds([alone(1)]) }).await.unwrap();
    server.in_step_with(&replica).await;
    replica.ask::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    for n in 2..=4 {
        kv.apply(Change { batch: Some(batch(n.into())), ..adds([alone(n)]) }).await.unwrap();
    }
    server.kill().await;
    // What is found first is a connection that is gone.
    while kv.read(vec![]).await.is_err() {}
    unavailable(kv.apply(adds([alone(5)])).await, "lost 3 of 4 changes");
    // It stands on the server that is gone, and may be there again.
    unavailable(kv.outcome(batch(4)).await, "lost 3 of 4 changes");
    assert_eq!(kv.outcome(batch(1)).await.unwrap(), BatchOutcome::Committed);
    resume(&url).await.unwrap().unwrap();
    assert_eq!(kv.outcome(batch(4)).await.unwrap(), BatchOutcome::NotCommitted);
    assert_eq!(kv.apply(adds([alone(5)])).await.unwrap(), Applied::Yes);
}

#[tokio::test]
async fn a_loss_that_others_have_written_past_is_noticed_by_whoever_saw_it() {
    let Some(server) = Server::start(&[]).await else { return };
    let replica = server.replica(server.address()).await;
    let url = format!("redis://{},{}", server.address(), replica.address());
    let (here, there) = (node(&url), node(&url));
    here.key_value().apply(adds([alone(1)])).await.unwrap();
    read(there.key_value(), vec![]).await;
    server.in_step_with(&replica).await;
    replica.promote().await;
    for n in 2..=3 {
        here.key_value().apply(adds([alone(n)])).await.unwrap();
    }
    server.kill().await;
    while there.key_value().read(vec![]).await.is_err() {}
    for n in 12..=15 {
        assert_eq!(there.key_value().apply(adds([alone(n)])).await.unwrap(), Applied::Yes, "it has seen no loss");
    }
    while here.key_value().read(vec![]).await.is_err() {}
    let told = "other changes than nodes had seen, number 3 for one";
    unavailable(here.key_value().apply(adds([alone(4)])).await, told);
    unavailable(there.key_value().apply(adds([alone(16)])).await, told);
    resume(&url).await.unwrap().unwrap();
    for store in [&here, &there] {
        let n = read(store.key_value(), vec![]).await.revision;
        let key = alone(100 + u32::try_from(n).unwrap());
        assert_eq!(store.key_value().apply(adds([key])).await.unwrap(), Applied::Yes);
    }
}

#[tokio::test]
async fn a_ledger_whose_changes_had_no_tags_goes_on() {
    let Some(server) = Server::start(&[]).await else { return };
    let store = node(&server.url(""));
    for n in 1..=3 {
        store.key_value().apply(adds([alone(n)])).await.unwrap();
    }
    server.ask::<()>(&["HDEL", "{ticketing}:meta", "tag"]).await;
    server.ask::<()>(&["DEL", "{ticketing}:tags"]).await;
    let another = node(&server.url(""));
    for n in 4..=6 {
        assert_eq!(another.key_value().apply(adds([alone(n)])).await.unwrap(), Applied::Yes);
        assert_eq!(store.key_value().apply(adds([alone(10 + n)])).await.unwrap(), Applied::Yes);
    }
}

#[tokio::test]
async fn a_clock_that_jumps_makes_nobody_forget_what_was_just_committed() {
    let Some(server) = Server::start(&[]).await else { return };
    let store = node(&server.url(""));
    let kv = store.key_value();
    assert_eq!(kv.apply(Change { batch: Some(batch(1)), ..adds([alone(1)]) }).await.unwrap(), Applied::Yes);
    // As if it had been given long ago.
    let name = format!("{}\u{1}1", "\0".repeat(15));
    server.ask::<()>(&["ZADD", "{ticketing}:names", "XX", "1", &name]).await;
    assert_eq!(server.ask::<Option<String>>(&["ZSCORE", "{ticketing}:names", &name]).await.as_deref(), Some("1"));
    assert_eq!(kv.apply(Change { batch: Some(batch(2)), ..adds([alone(2)]) }).await.unwrap(), Applied::Yes);
    assert_eq!(kv.outcome(batch(1)).await.unwrap(), BatchOutcome::Committed);
}

#[tokio::test]
async fn a_server_without_room_refuses_and_goes_on_with_room_again() {
    let Some(server) = Server::start(&[("maxmemory-policy", "noeviction")]).await else { return };
    let store = node(&server.url(""));
    let kv = store.key_value();
    kv.apply(adds([alone(1)])).await.unwrap();
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    unavailable(kv.apply(adds([alone(2), on_a_shelf(2)])).await, "OOM");
    assert!(!is_there(kv, alone(2)).await);
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(kv.apply(adds([alone(2), on_a_shelf(2)])).await.unwrap(), Applied::Yes);
}

#[tokio::test]
async fn a_server_that_forgot_its_scripts_is_told_them_again() {
    let Some(server) = Server::start(&[]).await else { return };
    let store = node(&server.url(""));
    store.key_value().apply(adds([alone(1)])).await.unwrap();
    server.ask::<()>(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(store.key_value().apply(adds([alone(2)])).await.unwrap(), Applied::Yes);
    assert!(is_there(store.key_value(), alone(2)).await);
}

#[tokio::test]
async fn a_password_is_used_and_never_repeated() {
    let Some(server) = Server::start(&[]).await else { return };
    server.ask::<()>(&["CONFIG", "SET", "requirepass", "hunter2"]).await;
    let address = server.address();
    let right = node(&format!("redis://:hunter2@{address}"));
    assert_eq!(right.key_value().apply(adds([alone(1)])).await.unwrap(), Applied::Yes);
    for wrong in [format!("redis://:hunter3@{address}"), format!("redis://{address}")] {
        let error = node(&wrong).key_value().read(vec![]).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
    }
}

#[tokio::test]
async fn what_survives_is_what_the_server_s_log_gives() {
    let cases: [(&[(&str, &str)], _); 3] = [
        (&[("appendonly", "yes"), ("appendfsync", "always")], Durability::Disk),
        (&[("appendonly", "yes"), ("appendfsync", "everysec")], Durability::Seconds),
        (&[], Durability::Memory),
    ];
    for (settings, expected) in cases {
        let Some(server) = Server::start(settings).await else { return };
        let store = node(&server.url(""));
        store.version().await.unwrap();
        assert_eq!(store.key_value().durability(), expected, "{settings:?}");
        let findings = diagnose(&server.url("")).await.unwrap();
        let sound = findings.iter().filter(|finding| finding.check == "durability").all(|one| one.level == Level::Ok);
        assert_eq!(sound, expected == Durability::Disk, "{findings:?}");
    }
}

#[tokio::test]
async fn a_queue_whose_lines_may_be_dropped_is_told_to_an_operator() {
    let Some(server) = Server::start(&[("maxmemory", "100mb")]).await else { return };
    for (policy, level) in [("volatile-lru", Level::Fail), ("allkeys-lru", Level::Fail), ("noeviction", Level::Ok)] {
        server.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", policy]).await;
        let findings = diagnose_rooms(&server.url("")).await;
        assert!(findings.iter().all(|one| one.check == "queue" && one.level == level), "{policy}: {findings:?}");
    }
    assert_eq!(diagnose_rooms("redis://127.0.0.1:1").await[0].level, Level::Fail);
}

#[tokio::test]
async fn sentinels_tell_who_takes_writes() {
    let Some(server) = Server::start(&[]).await else { return };
    let watched = format!("shop 127.0.0.1 {} 1", server.address().port());
    let Some(sentinel) = Server::sentinel(&watched).await else { return };
    let url = format!("redis://{}?sentinel=shop", sentinel.address());
    assert_eq!(node(&url).key_value().apply(adds([alone(1)])).await.unwrap(), Applied::Yes);
    assert!(is_there(node(&server.url("")).key_value(), alone(1)).await);
    let unknown = node(&format!("redis://{}?sentinel=shoe", sentinel.address()));
    unavailable(unknown.key_value().read(vec![]).await, "MasterNameNotFoundBySentinel");
}
