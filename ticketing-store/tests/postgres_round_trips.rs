//! What a batch costs between the engine and Postgres: round trips, counted and timed through a proxy that
//! makes each one slow, and statements, by the server's own log.

use std::{fs, path::Path, sync::Arc, time::Duration};

use futures_util::future::join_all;
use ticketing_core::{
    clock::Clock,
    ids::UserId,
    testing::{
        SimClock,
        harness::{ALICE, Harness},
    },
};
use ticketing_store::{
    OpenOptions, Role, open,
    testing::{
        postgres::{Cluster, Database},
        proxy::Proxy,
    },
};
use tokio::time::Instant;

/// Holds in a batch.
const SIZES: [u32; 3] = [1, 64, 1_024];
const EACH_WAY: Duration = Duration::from_millis(100);
const ROUND_TRIP: Duration = Duration::from_millis(200);
/// How often everything is timed, of which the fastest counts: a busy machine delays some, and none can be
/// hurried.
const TIMES: usize = 3;
const DATABASE: &str = "postgres";

/// An engine over the database at `url`, with `tickets` on sale.
async fn shop(url: &str, tickets: i64) -> Harness {
    let clock = Arc::new(SimClock::new());
    let given = Arc::clone(&clock) as Arc<dyn Clock>;
    let options = OpenOptions { clock: Some(given), ..OpenOptions::new(Role::Server) };
    let h = Harness::over(open(url, options).expect("a database's URL is read"), clock).await;
    h.session(tickets).await;
    h
}

/// An engine with `tickets` on sale, one of them held, and a wire in between that can be slow.
async fn far_shop(tickets: i64) -> Option<(Harness, Proxy, Database)> {
    let database = Database::migrated().await?;
    let proxy = Proxy::start(database.address());
    let h = shop(&database.url_through(proxy.address()), tickets).await;
    hold(&h, 1).await;
    Some((h, proxy, database))
}

/// So many holds in one batch: all of them wait before a lane comes to take them, which runs on this thread.
async fn hold(h: &Harness, size: u32) {
    let holds = (0..size).map(|_| {
        let user = UserId::from_uuid(h.fresh());
        async move { h.hold(user, "key", 1).await }
    });
    for held in join_all(holds).await {
        held.expect("there are tickets left");
    }
}

/// Checks how often `work` waits for an answer, by what passes `proxy` and by the time it takes, once it has
/// the connection and the prepared statements that it needs.
async fn check(proxy: &Proxy, round_trips: u32, what: &str, mut work: impl AsyncFnMut()) {
    work().await;
    proxy.delay(EACH_WAY);
    let (connections, mut fastest) = (proxy.connections(), Duration::MAX);
    for _ in 0..TIMES {
        let (flights, begun) = (proxy.flights(), Instant::now());
        work().await;
        fastest = fastest.min(begun.elapsed());
        assert_eq!(proxy.flights() - flights, u64::from(round_trips), "{what}");
    }
    proxy.delay(Duration::ZERO);
    eprintln!("{what}: {round_trips} round trips, {fastest:?} where one takes {ROUND_TRIP:?}");
    assert_eq!(proxy.connections(), connections, "{what}: a connection was made on the way");
    assert!(fastest >= ROUND_TRIP * round_trips, "{what}: {fastest:?}");
    assert!(fastest < ROUND_TRIP.mul_f64(f64::from(round_trips) + 0.9), "{what}: {fastest:?}");
}

#[tokio::test]
async fn a_batch_is_two_round_trips_whatever_its_size() {
    let Some((h, proxy, _database)) = far_shop(20_000).await else { return };
    for size in SIZES {
        check(&proxy, 2, &format!("a batch of {size}"), async || hold(&h, size).await).await;
    }
}

#[tokio::test]
async fn what_a_batch_needs_beyond_what_its_commands_name_is_one_more_round_trip() {
    let Some((h, proxy, _database)) = far_shop(20_000).await else { return };
    for size in SIZES {
        // Which event a session is of, an engine learns by its first batch.
        let new_engine = async || hold(&h.another_engine(), size).await;
        check(&proxy, 3, &format!("the first batch of an engine, of {size}"), new_engine).await;
    }
}

#[tokio::test]
async fn a_hold_that_has_to_reclaim_an_overdue_one_is_one_more_round_trip() {
    let Some((h, proxy, _database)) = far_shop(1).await else { return };
    check(&proxy, 3, "a hold of the last ticket, overdue", async || {
        h.advance(3_600);
        hold(&h, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_read_is_one_round_trip_however_many_statements_it_is() {
    let Some((h, proxy, _database)) = far_shop(2).await else { return };
    let held = h.hold(ALICE, "key", 1).await.expect("there is a ticket left").hold.id;
    check(&proxy, 1, "a session", async || _ = h.stock().await).await;
    check(&proxy, 1, "a hold by its id", async || _ = h.hold_record(held).await).await;
    check(&proxy, 1, "everything of a session", async || {
        let ledger = h.store.ledger(h.session_id()).await.expect("the store can be read");
        assert_eq!(ledger.expect("the session is there").holds.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_the_same_statements_whatever_its_size() {
    let said = [("log_statement", "all"), ("log_parameter_max_length", "0"), ("log_line_prefix", "")];
    let Some(cluster) = Cluster::start(&said).await else { return };
    let h = shop(&cluster.url(DATABASE), 20_000).await;
    hold(&h, 1).await;
    let mut batches = Vec::new();
    for size in SIZES {
        let before = statements(cluster.folder()).len();
        hold(&h, size).await;
        batches.push(statements(cluster.folder()).split_off(before));
        eprintln!("a batch of {size}: {} statements", batches[batches.len() - 1].len());
    }
    assert!(batches[0].len() > 2 && batches[0].iter().any(|text| text.contains("INSERT INTO holds")), "{batches:#?}");
    assert_eq!(batches[0], batches[1]);
    assert_eq!(batches[0], batches[2]);
}

/// What the server in `folder` was told to do, of each statement the first line.
fn statements(folder: &Path) -> Vec<String> {
    let log = fs::read_to_string(folder.join("log")).expect("a server writes a log");
    let said = |line: &str| line.starts_with("LOG:  execute ") || line.starts_with("LOG:  statement: ");
    log.lines().filter(|line| said(line)).map(str::to_owned).collect()
}
