//! The test equipment itself: what tests on real servers rely on without looking.

use std::{
    env,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use ticketing_store::testing::{
    postgres::{Cluster, Database, connect},
    proxy::{How, Proxy},
};
use tokio::time::Instant;
use tokio_postgres::Client;

/// Waits until `condition` holds, which has to come by itself.
async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let patience = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), patience).await.unwrap_or_else(|_| panic!("{what} in vain"));
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// A database with an empty table `t`, and a proxy in front of it.
async fn behind_a_proxy() -> Option<(Database, Proxy)> {
    let database = Database::create().await?;
    connect(database.url()).await.batch_execute("CREATE TABLE t (n int)").await.unwrap();
    let proxy = Proxy::start(database.address());
    Some((database, proxy))
}

async fn insert(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("BEGIN").await?;
    client.batch_execute("INSERT INTO t VALUES (1)").await?;
    client.batch_execute("COMMIT").await
}

const ROWS: &str = "SELECT count(*) FROM t";

#[tokio::test]
async fn each_database_is_empty_and_its_own_and_gone_when_dropped() {
    let Some(one) = Database::create().await else { return };
    let other = Database::create().await.unwrap();
    let on_one = connect(one.url()).await;
    on_one.batch_execute("CREATE TABLE t (n int)").await.unwrap();
    let on_other = connect(other.url()).await;
    assert_eq!(count(&on_other, "SELECT count(*) FROM pg_class WHERE relname = 't'").await, 0);

    let named = |url: &str| url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let listed = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", named(one.url()));
    assert_eq!(count(&on_other, &listed).await, 1);
    drop(one);
    assert_eq!(count(&on_other, &listed).await, 0);
    assert!(on_one.simple_query("SELECT 1").await.is_err(), "still connected");
}

#[tokio::test]
async fn a_migrated_database_has_the_engines_tables_and_nothing_in_them() {
    let Some(one) = Database::migrated().await else { return };
    let other = Database::migrated().await.unwrap();
    connect(one.url()).await.batch_execute("DROP SCHEMA public CASCADE").await.unwrap();
    let client = connect(other.url()).await;
    assert_eq!(count(&client, "SELECT count(*) FROM holds").await, 0);
}

#[test]
fn a_database_may_be_dropped_where_no_runtime_is() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(Database::create());
    drop(runtime);
    drop(database);
}

#[tokio::test]
async fn a_killed_server_comes_back_with_what_was_committed_and_nothing_else() {
    let Some(cluster) = Cluster::start(&[("application_name", "it's set")]).await else { return };
    cluster.execute("postgres", "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)").await;
    let client = connect(&cluster.url("postgres")).await;
    client.batch_execute("BEGIN; INSERT INTO t VALUES (3)").await.unwrap();

    cluster.kill().await;
    assert!(client.batch_execute("COMMIT").await.is_err());
    assert!(TcpStream::connect(cluster.address()).is_err(), "something listens");
    cluster.kill().await;

    cluster.restart().await;
    assert_eq!(cluster.query_one_i64("postgres", ROWS).await, 2);
    let client = connect(&cluster.url("postgres")).await;
    let set = client.query_one("SELECT reset_val FROM pg_settings WHERE name = 'application_name'", &[]).await;
    assert_eq!(set.unwrap().get::<_, String>(0), "it's set");
}

#[tokio::test]
async fn terminated_clients_lose_their_connections_and_may_come_again() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let clients = [connect(&cluster.url("postgres")).await, connect(&cluster.url("template1")).await];
    assert_eq!(cluster.terminate_backends().await, 2);
    for client in clients {
        assert!(client.simple_query("SELECT 1").await.is_err());
    }
    assert_eq!(cluster.query_one_i64("postgres", "SELECT 1::bigint").await, 1);
}

#[tokio::test]
async fn a_replica_follows_falls_behind_on_a_held_link_and_takes_over() {
    let Some(primary) = Cluster::start(&[]).await else { return };
    primary.execute("postgres", "CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await;
    let link = Proxy::start(primary.address());
    let replica = primary.replica(link.address()).await;
    let rows = async |expected: i64| replica.query_one_i64("postgres", ROWS).await == expected;
    eventually("the replica was awaited", || rows(1)).await;
    primary.execute("postgres", "INSERT INTO t VALUES (2)").await;
    eventually("the replica was awaited", || rows(2)).await;

    link.pause();
    primary.execute("postgres", "INSERT INTO t VALUES (3)").await;
    assert_eq!(primary.query_one_i64("postgres", ROWS).await, 3);
    assert!(rows(2).await, "a held byte passed");
    link.resume();
    eventually("the replica was awaited", || rows(3)).await;

    link.cut_all().await;
    primary.execute("postgres", "INSERT INTO t VALUES (4)").await;
    eventually("the replica was awaited after a cut", || rows(4)).await;

    primary.kill().await;
    replica.promote().await;
    replica.execute("postgres", "INSERT INTO t VALUES (5)").await;
    assert!(rows(5).await);
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_committed() {
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    proxy.cut_at_commit(How::AfterSent, 1);
    let client = connect(&database.url_through(proxy.address())).await;
    insert(&client).await.unwrap_err();
    assert_eq!(proxy.cuts(), 1);
    let direct = connect(database.url()).await;
    eventually("the commit was awaited", || async { count(&direct, ROWS).await == 1 }).await;
}

#[tokio::test]
async fn a_lost_reply_is_known_before_the_commit_has_arrived() {
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    let client = connect(&database.url_through(proxy.address())).await;
    client.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    proxy.cut_at_commit(How::AfterSent, 1);
    proxy.pause();
    client.batch_execute("COMMIT").await.unwrap_err();
    let direct = connect(database.url()).await;
    assert_eq!(count(&direct, ROWS).await, 0);
    proxy.resume();
    eventually("the commit was awaited", || async { count(&direct, ROWS).await == 1 }).await;
}

#[tokio::test]
async fn a_commit_that_was_never_sent_is_not_committed() {
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    proxy.cut_at_commit(How::BeforeSent, 1);
    let client = connect(&database.url_through(proxy.address())).await;
    insert(&client).await.unwrap_err();
    assert_eq!(proxy.cuts(), 1);
    let direct = connect(database.url()).await;
    // Until it has gone, the transaction could still commit.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                  AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    eventually("the backend's end was awaited", || async { count(&direct, others).await == 0 }).await;
    assert_eq!(count(&direct, ROWS).await, 0);
}

#[tokio::test]
async fn only_every_nth_commit_is_cut_and_none_when_they_are_spared() {
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    let url = database.url_through(proxy.address());
    proxy.cut_at_commit(How::BeforeSent, 3);
    let mut committed = Vec::new();
    for _ in 0..6 {
        committed.push(insert(&connect(&url).await).await.is_ok());
    }
    assert_eq!(committed, [true, true, false, true, true, false]);
    proxy.spare_commits();
    let client = connect(&url).await;
    for _ in 0..3 {
        insert(&client).await.unwrap();
    }
    assert_eq!((proxy.cuts(), proxy.connections()), (2, 7));
    assert_eq!(count(&client, ROWS).await, 7);
}

#[tokio::test]
async fn a_proxy_cuts_what_is_there_and_lets_others_in() {
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    let url = database.url_through(proxy.address());
    let clients = [connect(&url).await, connect(&url).await];
    proxy.cut_all().await;
    for client in clients {
        assert!(client.simple_query("SELECT 1").await.is_err());
    }
    assert_eq!(count(&connect(&url).await, ROWS).await, 0);
    proxy.cut_all().await;
    proxy.cut_all().await;
}

#[tokio::test]
async fn a_proxy_refuses_only_new_connections() {
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    let url = database.url_through(proxy.address());
    let present = connect(&url).await;
    proxy.refuse(true);
    assert!(tokio_postgres::connect(&url, tokio_postgres::NoTls).await.is_err());
    assert_eq!(count(&present, ROWS).await, 0);
    proxy.refuse(false);
    assert_eq!(count(&connect(&url).await, ROWS).await, 0);
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn a_retargeted_proxy_leads_new_connections_elsewhere() {
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    let url = database.url_through(proxy.address());
    let present = connect(&url).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    proxy.retarget(nobody);
    assert!(tokio_postgres::connect(&url, tokio_postgres::NoTls).await.is_err());
    assert_eq!(count(&present, ROWS).await, 0);
    proxy.retarget(database.address());
    assert_eq!(count(&connect(&url).await, ROWS).await, 0);
}

#[tokio::test]
async fn nothing_passes_a_paused_proxy_and_nothing_is_lost() {
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    let client = connect(&database.url_through(proxy.address())).await;
    let direct = connect(database.url()).await;
    proxy.pause();
    let insert = insert(&client);
    tokio::pin!(insert);
    let waited = tokio::time::timeout(Duration::from_millis(100), &mut insert).await;
    assert!(waited.is_err(), "answered through a paused proxy");
    assert_eq!(count(&direct, ROWS).await, 0);
    proxy.resume();
    insert.await.unwrap();
    assert_eq!(count(&direct, ROWS).await, 1);
}

#[tokio::test]
async fn a_delay_counts_in_both_directions_and_a_flight_is_a_round_trip() {
    const EACH_WAY: Duration = Duration::from_millis(20);
    let Some((database, proxy)) = behind_a_proxy().await else { return };
    let client = connect(&database.url_through(proxy.address())).await;
    proxy.delay(EACH_WAY);
    let (flights, started) = (proxy.flights(), Instant::now());
    insert(&client).await.unwrap();
    assert_eq!(proxy.flights() - flights, 3);
    assert!(started.elapsed() >= 6 * EACH_WAY, "{:?}", started.elapsed());

    // What is sent without waiting for an answer is one flight.
    let flights = proxy.flights();
    let (one, two) = tokio::join!(client.simple_query("SELECT 1"), client.simple_query("SELECT 2"));
    one.and(two).unwrap();
    assert_eq!(proxy.flights() - flights, 1);
}

/// Not a test of its own: what [`a_server_does_not_outlive_a_killed_test_process`] kills.
#[tokio::test]
#[ignore = "runs in a process of its own"]
async fn a_process_to_be_killed() {
    if env::var_os("TICKETING_TEST_TO_BE_KILLED").is_none() {
        return;
    }
    let Some(cluster) = Cluster::start(&[]).await else { return };
    eprintln!("READY {} {}", cluster.address(), cluster.folder().display());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_server_does_not_outlive_a_killed_test_process() {
    if Cluster::start(&[]).await.is_none() {
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_process_to_be_killed", "--ignored", "--nocapture"])
        .env("TICKETING_TEST_TO_BE_KILLED", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let ready = lines.find_map(|line| line.unwrap().strip_prefix("READY ").map(str::to_owned)).unwrap();
    let (address, folder) = ready.split_once(' ').unwrap();
    let address: SocketAddr = address.parse().unwrap();
    assert!(TcpStream::connect(address).is_ok() && Path::new(folder).is_dir());

    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the end of its server was awaited", || async { TcpStream::connect(address).is_err() }).await;
    eventually("the end of its files was awaited", || async { !Path::new(folder).exists() }).await;
}
