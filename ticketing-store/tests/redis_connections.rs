//! What becomes of a store whose Redis is not there, is encrypted, or is not the one it should be.

mod authority;

use std::net::TcpListener;

use authority::Authority;
use futures_util::future::join_all;
use ticketing_core::{
    store::{Backend, StoreError},
    waiting_room::WaitingRoom,
};
use ticketing_store::{
    OpenOptions, Role, open,
    redis::{RedisLimits, RedisRooms, Share},
    testing::redis::Server,
};
use tokio::time::{Duration, Instant};

/// A little more than two servers may take to be connected to.
const SOON: Duration = Duration::from_secs(7);

async fn available(url: &str) {
    let store = open(url, OpenOptions::new(Role::Server)).unwrap();
    store.migrate().await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
}

async fn unavailable(url: &str, part: &str) {
    let begun = Instant::now();
    let store = open(url, OpenOptions::new(Role::Server)).unwrap();
    let error = store.migrate().await.unwrap_err();
    let told = format!("{error}: {error:?}");
    assert!(matches!(error, StoreError::Unavailable { .. }) && told.contains(part), "{url}: {told}");
    assert!(!told.contains("hunter2"), "{told}");
    assert!(begun.elapsed() < SOON, "{url}: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_soon() {
    unavailable("redis://:hunter2@127.0.0.1:1", "refused").await;
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    unavailable(&format!("redis://:hunter2@{}", silent.local_addr().unwrap()), "timed out").await;
}

/// Waits until `ask` is answered, and no longer than it takes to pass by a host or two.
async fn soon(what: &str, ask: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !ask().await {
        assert!(begun.elapsed() < SOON, "{what} do not come back");
    }
}

/// Whoever gives up waiting does so sooner than a silent host is passed by.
async fn rooms_and_limits_come_back(rooms: &RedisRooms, limits: &RedisLimits) {
    let share = [Share { name: "wide", most: 1_000_000, per: Duration::from_secs(1) }];
    soon("rooms", async || rooms.now().await.is_ok()).await;
    let quickly = Duration::from_millis(100);
    soon("limits", async || {
        tokio::time::timeout(quickly, limits.take("alice", &share)).await.is_ok_and(|taken| taken.is_ok())
    })
    .await;
}

fn rooms_and_limits(url: &str) -> (RedisRooms, RedisLimits) {
    (RedisRooms::open(url, None).unwrap(), RedisLimits::open(url).unwrap())
}

#[tokio::test]
async fn a_host_that_takes_connections_and_says_nothing_is_passed_by() {
    let Some(server) = Server::start(&[]).await else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{},{}", silent.local_addr().unwrap(), server.address());
    available(&url).await;
    let (rooms, limits) = rooms_and_limits(&url);
    rooms_and_limits_come_back(&rooms, &limits).await;
}

#[tokio::test]
async fn a_primary_that_falls_silent_is_left_for_its_successor() {
    let Some(primary) = Server::start(&[]).await else { return };
    let replica = primary.replica(primary.address()).await;
    let (rooms, limits) = rooms_and_limits(&format!("redis://{},{}", primary.address(), replica.address()));
    rooms_and_limits_come_back(&rooms, &limits).await;
    // Its kernel goes on saying that everything was received.
    primary.freeze().await;
    replica.promote().await;
    rooms_and_limits_come_back(&rooms, &limits).await;
    primary.thaw().await;
}

#[tokio::test]
async fn a_crowd_before_a_silent_server_is_told_as_soon_as_one() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = open(&format!("redis://{}", silent.local_addr().unwrap()), OpenOptions::new(Role::Server)).unwrap();
    let begun = Instant::now();
    let answers = join_all((0..100).map(|_| store.version())).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable { .. }))), "{answers:?}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_sentinel_that_names_the_wrong_server_is_not_the_last_one_asked() {
    let Some(server) = Server::start(&[]).await else { return };
    let behind_the_times = Server::sentinel("shop 127.0.0.1 1 1").await.expect("there is a Redis");
    let right = Server::sentinel(&format!("shop 127.0.0.1 {} 1", server.address().port())).await;
    let right = right.expect("there is a Redis");
    available(&format!("redis://{},{}?sentinel=shop", behind_the_times.address(), right.address())).await;
}

#[tokio::test]
async fn of_several_the_one_that_takes_writes_is_used() {
    let Some(primary) = Server::start(&[]).await else { return };
    let replica = primary.replica(primary.address()).await;
    unavailable(&replica.url(""), "only follows another one").await;
    available(&format!("redis://{},{}", replica.address(), primary.address())).await;
    available(&format!("redis://127.0.0.1:1,{}", primary.address())).await;
}

#[tokio::test]
async fn a_primary_that_was_made_a_replica_is_left_for_the_other() {
    let Some(one) = Server::start(&[]).await else { return };
    let other = one.replica(one.address()).await;
    let store: std::sync::Arc<dyn Backend> =
        open(&format!("redis://{},{}", one.address(), other.address()), OpenOptions::new(Role::Server)).unwrap();
    store.migrate().await.unwrap();
    one.in_step_with(&other).await;
    other.promote().await;
    one.ask::<()>(&["REPLICAOF", "127.0.0.1", &other.address().port().to_string()]).await;
    let ticketing = ticketing_core::Ticketing::builder(
        store,
        ticketing_core::testing::harness::keys(),
        std::sync::Arc::new(ticketing_core::testing::TestGateway::new()),
    )
    .build();
    let new = ticketing_core::engine::NewEvent::published("Gala");
    let mut made = ticketing.create_event(ticketing_core::testing::harness::OPERATOR, new.clone()).await;
    let begun = Instant::now();
    while made.is_err() && begun.elapsed() < SOON {
        made = ticketing.create_event(ticketing_core::testing::harness::OPERATOR, new.clone()).await;
    }
    let made = made.unwrap();
    assert!(ticketing.queries().event(made.id).await.unwrap().is_some());
}

#[tokio::test]
async fn an_encrypted_connection_is_sure_of_its_server() {
    let Some(server) = Server::start(&[]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(ours) = Authority::new(folder.path().join("ours")) else { return };
    let theirs = Authority::new(folder.path().join("theirs")).expect("openssl was there a moment ago");
    ours.certify();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = |name| ours.file(name).display().to_string();
    let (key, certificate, root) = (file("server.key"), file("server.crt"), ours.root().display().to_string());
    server
        .ask::<()>(&[
            "CONFIG",
            "SET",
            "tls-key-file",
            &key,
            "tls-cert-file",
            &certificate,
            "tls-ca-cert-file",
            &root,
            "tls-auth-clients",
            "no",
            "tls-port",
            &port.to_string(),
        ])
        .await;
    let url = |host: &str, root: &Authority| format!("rediss://{host}:{port}?sslrootcert={}", root.root().display());
    available(&url("127.0.0.1", &ours)).await;
    unavailable(&url("127.0.0.1", &theirs), "invalid peer certificate").await;
    // Signed as it should be, for another name.
    unavailable(&url("localhost", &ours), "invalid peer certificate").await;
}

#[test]
fn an_authority_that_is_not_there_is_named_at_once() {
    let url = "rediss://:hunter2@127.0.0.1?sslrootcert=/nowhere/ca.crt";
    let error = open(url, OpenOptions::new(Role::Server)).map(drop).unwrap_err().to_string();
    assert!(error.contains("sslrootcert: /nowhere/ca.crt") && !error.contains("hunter2"), "{error}");
}
