//! Several nodes on one Redis and one session: they take turns, none decides in vain for long, and none starves.

mod crowd;

use std::{sync::Arc, time::Duration};

use crowd::Shop;
use ticketing_core::{
    audit::StreamId,
    command::HoldRefusal,
    engine::{EngineError, HoldRequest},
    hold::Wanted,
    ids::{BatchId, SessionId},
    store::{
        Store,
        kv::{Applied, Change, Guard, KeyValue, Put, Turn},
    },
    testing::{harness::buyer, records},
};
use ticketing_store::{
    OpenOptions, Role,
    redis::{RedisStore, open},
    testing::redis::{Namespace, Server},
};
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

const NODES: u32 = 3;
/// Who asks each node at once.
const CALLERS: u32 = 32;
const STOCK: i64 = 6_000;

/// Takes tickets at `shop` until there are none; tells how many.
async fn take_all(shop: Shop, session: SessionId, first_buyer: u32) -> i64 {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let engine = shop.engine.clone();
        callers.spawn(async move {
            let mut taken = 0;
            for n in 0.. {
                let user = buyer(first_buyer + caller + CALLERS * n);
                let key = "the-key".parse().expect("letters and a dash make a key");
                match engine.hold(HoldRequest::of(user, session, Wanted::Quantity(1), key)).await {
                    Ok(_) => taken += 1,
                    Err(EngineError::Refused(HoldRefusal::SoldOut { .. })) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            taken
        });
    }
    callers.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_node_starves() {
    let Some(place) = Namespace::create().await else { return };
    let first = Shop::open(place.url()).await;
    let session = first.session(STOCK).await;
    let mut nodes = JoinSet::new();
    for n in 0..NODES {
        let node = first.another(place.url()).await;
        nodes.spawn(take_all(node, session, 1 + n * 1_000_000));
    }
    let begun = Instant::now();
    let shares = nodes.join_all().await;
    let took = begun.elapsed();
    assert_eq!(shares.iter().sum::<i64>(), STOCK, "{shares:?}");
    let fair = STOCK / i64::from(NODES);
    assert!(shares.iter().all(|share| *share > fair / 2), "{shares:?}");
    let report = first.engine.verify().await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
    eprintln!("{NODES} nodes on one session took {shares:?} of {STOCK} in {took:?}");
}

fn node(place: &Namespace) -> Arc<RedisStore> {
    Arc::new(open(place.url(), OpenOptions::new(Role::Server)).unwrap())
}

fn batch(n: u128) -> BatchId {
    BatchId::from_uuid(Uuid::from_u128(n))
}

/// The lock of the `n`-th session, as a key.
fn lock(n: u32) -> Vec<u8> {
    [&[0x02, 0][..], records::session(n, 1).id.uuid().as_bytes()].concat()
}

fn turn(n: u128, locks: &[u32]) -> Turn {
    Turn { batch: batch(n), locks: locks.iter().map(|n| lock(*n)).collect() }
}

/// Writes in the turn of the `n`-th batch, which ends by that.
async fn write(node: &RedisStore, n: u128) {
    let put = Put { key: lock(9), value: Some(n.to_be_bytes().to_vec()) };
    let change = Change { batch: Some(batch(n)), stamp: None, guards: Vec::<Guard>::new(), puts: vec![put] };
    assert_eq!(node.key_value().apply(change).await.unwrap(), Applied::Yes);
}

#[tokio::test]
async fn a_node_waits_until_the_turn_of_another_has_ended() {
    let Some(server) = Server::start(&[]).await else { return };
    let node = || Arc::new(open(&server.url(""), OpenOptions::new(Role::Server)).unwrap());
    let (one, other) = (node(), node());
    one.key_value().read_in_turn(&turn(1, &[1]), vec![]).await.unwrap();
    // Nobody else's matter.
    other.key_value().read_in_turn(&turn(2, &[2]), vec![]).await.unwrap();
    let waiting = {
        let other = Arc::clone(&other);
        tokio::spawn(async move { other.key_value().read_in_turn(&turn(3, &[1, 3]), vec![]).await.unwrap() })
    };
    while server.ask::<u64>(&["ZCARD", "{ticketing}:line"]).await == 0 {}
    let nobody = tokio::time::timeout(Duration::from_millis(200), one.key_value().read_in_turn(&turn(4, &[3]), vec![]));
    assert!(nobody.await.is_err(), "who came later was let past, though its session is what the first waits for");
    assert!(!waiting.is_finished(), "it did not wait");
    let revision = one.key_value().read(vec![]).await.unwrap().revision;
    write(&one, 1).await;
    assert!(waiting.await.unwrap().revision > revision, "it saw what was before");
}

#[tokio::test]
async fn a_turn_that_is_given_up_lets_the_next_one_begin() {
    let Some(place) = Namespace::create().await else { return };
    let (one, other) = (node(&place), node(&place));
    one.key_value().read_in_turn(&turn(1, &[1]), vec![]).await.unwrap();
    one.key_value().end_turn(batch(1));
    let begun = Instant::now();
    other.key_value().read_in_turn(&turn(2, &[1]), vec![]).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_turn_in_which_nothing_could_be_written_lets_the_next_one_begin() {
    let Some(place) = Namespace::create().await else { return };
    let (one, other) = (node(&place), node(&place));
    one.key_value().read_in_turn(&turn(1, &[1]), vec![]).await.unwrap();
    let guards = vec![Guard { key: lock(1), expected: Some(b"somebody else's".to_vec()) }];
    let refused = Change { batch: Some(batch(1)), stamp: None, guards, puts: vec![] };
    assert_eq!(one.key_value().apply(refused).await.unwrap(), Applied::Refused { key: lock(1) });
    one.key_value().end_turn(batch(1));
    let begun = Instant::now();
    other.key_value().read_in_turn(&turn(2, &[1]), vec![]).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_node_that_is_gone_keeps_nobody_waiting_for_long() {
    let Some(place) = Namespace::create().await else { return };
    let (gone, other) = (node(&place), node(&place));
    gone.key_value().read_in_turn(&turn(1, &[1]), vec![]).await.unwrap();
    // In line, and gone as well.
    let in_line =
        tokio::time::timeout(Duration::from_millis(50), gone.key_value().read_in_turn(&turn(2, &[1]), vec![]));
    assert!(in_line.await.is_err());
    drop(gone);
    let begun = Instant::now();
    other.key_value().read_in_turn(&turn(3, &[1]), vec![]).await.unwrap();
    let waited = begun.elapsed();
    assert!(waited > Duration::from_millis(500) && waited < Duration::from_millis(2_500), "{waited:?}");
}

#[tokio::test]
async fn whoever_writes_out_of_turn_is_told_by_the_guards() {
    let Some(place) = Namespace::create().await else { return };
    let (one, other) = (node(&place), node(&place));
    let stream = StreamId::Session(records::session(1, 1).id);
    assert_eq!(lock(1)[2..], stream_bytes(stream), "the lock of a session is written here as the core writes it");
    let guards = || vec![Guard { key: lock(1), expected: None }];
    let puts = |n: u64| vec![Put { key: lock(1), value: Some(n.to_be_bytes().to_vec()) }];
    one.key_value().read_in_turn(&turn(1, &[1]), vec![]).await.unwrap();
    let out_of_turn = Change { batch: Some(batch(2)), stamp: None, guards: guards(), puts: puts(1) };
    assert_eq!(other.key_value().apply(out_of_turn).await.unwrap(), Applied::Yes);
    let in_turn = Change { batch: Some(batch(1)), stamp: None, guards: guards(), puts: puts(1) };
    assert_eq!(one.key_value().apply(in_turn).await.unwrap(), Applied::Refused { key: lock(1) });
    assert!(one.lanes() > 0);
}

#[tokio::test]
async fn a_race_on_a_new_stream_is_told_by_its_lock() {
    let Some(place) = Namespace::create().await else { return };
    let (one, other) = (node(&place), node(&place));
    // The first record of its audit log, which is in the way as well.
    let record = [&[0x1d, 0][..], &lock(1)[2..], &[0; 8]].concat();
    let change = |n: u128| {
        let keys = || [lock(1), record.clone()].into_iter();
        let guards = keys().map(|key| Guard { key, expected: None }).collect();
        let puts = keys().map(|key| Put { key, value: Some(vec![1]) }).collect();
        Change { batch: Some(batch(n)), stamp: None, guards, puts }
    };
    one.key_value().read_in_turn(&turn(1, &[1]), vec![]).await.unwrap();
    assert_eq!(other.key_value().apply(change(2)).await.unwrap(), Applied::Yes);
    assert_eq!(one.key_value().apply(change(1)).await.unwrap(), Applied::Refused { key: lock(1) });
}

fn stream_bytes(stream: StreamId) -> Vec<u8> {
    match stream {
        StreamId::Session(id) => id.uuid().as_bytes().to_vec(),
        other => panic!("{other} is no session"),
    }
}
