//! Postgres killed, its connections ended and cut at any moment under load: what was acknowledged is there, what
//! is unknown resolves by its key, and the shop goes on by itself.

mod crowd;

use std::{io, net::SocketAddr, ops::Range, sync::Arc, time::Duration};

use crowd::{
    Crowd, Shop, Story,
    books::{Told, assert_kept},
};
use ticketing_core::{ids::BatchId, store::StoreError};
use ticketing_store::{
    OpenOptions, Role, open,
    testing::{
        postgres::Cluster,
        proxy::{How, Proxy},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

const DATABASE: &str = "postgres";
/// Sessions on sale at once, each with its own lock.
const SESSIONS: u32 = 3;
/// Tickets of each.
const STOCK: usize = 40;
/// Buyers of each.
const BUYERS: u32 = 55;
/// Most sales until everything was seen.
const ROUNDS_MAX: u32 = 20;
/// Between two arrivals.
const APART: Duration = Duration::from_millis(3);
/// Until the first hold is acknowledged when a fault has ended.
const RECOVERY_MAX: Duration = Duration::from_secs(10);

/// A shop whose way to its server may be disturbed, and what its buyers were told.
struct Trial {
    shop: Shop,
    url: String,
    stories: Vec<Story>,
    recoveries: Vec<Duration>,
}

impl Trial {
    /// The shop finds its store at `url`; who judges, at `undisturbed`.
    async fn of(url: &str, undisturbed: &str) -> Self {
        let shop = Shop::open(url).await;
        Self { shop, url: undisturbed.to_owned(), stories: Vec::new(), recoveries: Vec::new() }
    }

    /// A sale of its own begins.
    async fn rush(&self) -> Crowd {
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            sessions.push(self.shop.session(STOCK as i64).await);
        }
        let numbers = self.numbers();
        Crowd::send(&self.shop, &sessions, numbers, APART)
    }

    /// Nobody buys twice.
    fn numbers(&self) -> Range<u32> {
        let first = self.stories.len() as u32;
        first..first + SESSIONS * BUYERS
    }

    /// The sale comes to its end after a fault that ended at `ended`.
    async fn settle(&mut self, rush: Crowd, ended: Instant) {
        let stories = rush.told().await;
        let after = stories.iter().filter(|story| story.hold.is_some() && story.told_at > ended);
        // None: everything was sold before the fault had ended.
        self.recoveries.extend(after.map(|story| story.told_at - ended).min());
        self.stories.extend(stories);
    }

    /// A node that has seen nothing of it judges.
    async fn judge(self, faults: &str) -> Told {
        let node = self.shop.another(&self.url).await;
        assert_kept(&node, STOCK, &self.stories).await;
        let told = Told::of(&self.stories);
        let slowest = self.recoveries.into_iter().max().expect("somebody was told after a fault");
        eprintln!("{faults}: {told}; 0 lost; first hold again after {slowest:?} at most");
        assert!(slowest <= RECOVERY_MAX, "{slowest:?}");
        told
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_ten_times() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let url = cluster.url(DATABASE);
    let mut trial = Trial::of(&url, &url).await;
    // The last is longer than the store is asked what became of a batch.
    for (round, outage) in [0, 0, 50, 0, 200, 0, 700, 0, 1_500, 9_000].into_iter().enumerate() {
        let mut rush = trial.rush().await;
        rush.holding(10 + 5 * round).await;
        cluster.kill().await;
        sleep(Duration::from_millis(outage)).await;
        // From here on rather than from when it accepts connections, which is not told to the millisecond.
        let ended = Instant::now();
        cluster.restart().await;
        trial.settle(rush, ended).await;
    }
    let told = trial.judge("10 kills").await;
    assert!(told.put_off > 0, "nobody noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_all_connections_are_ended_ten_times() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let url = cluster.url(DATABASE);
    let mut trial = Trial::of(&url, &url).await;
    let mut ended_connections = 0;
    for round in 0..10 {
        let mut rush = trial.rush().await;
        rush.holding(10 + 5 * round).await;
        ended_connections += cluster.terminate_backends().await;
        trial.settle(rush, Instant::now()).await;
    }
    trial.judge(&format!("10 times all connections ended, {ended_connections} in total")).await;
    assert!(ended_connections >= 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reply_is_lost_is_answered_once() {
    cut_at_commits(How::AfterSent, &[], async |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_never_sent_is_decided_again() {
    cut_at_commits(How::BeforeSent, &[], async |cluster| closed(cluster).await >= 10).await;
}

/// The way to the server is long for two milliseconds and short for the next two, so that some who ask what
/// became of a commit overtake it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_arrives_after_it_was_asked_for_is_no_commit() {
    let delays = [Duration::from_millis(30), Duration::ZERO];
    cut_at_commits(How::AfterSent, &delays, async |cluster| closed(cluster).await > 0).await;
}

/// Batches that were found not to be committed, and never will be.
async fn closed(cluster: &Cluster) -> i64 {
    cluster.query_one_i64(DATABASE, "SELECT count(*) FROM batches WHERE NOT committed").await
}

/// Cuts every third connection at its commit, ten times at least and until it was `seen` what that is for. What
/// is under way takes `delays`, one after the other.
async fn cut_at_commits(how: How, delays: &[Duration], seen: impl AsyncFn(&Cluster) -> bool) {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let proxy = Proxy::start(cluster.address());
    let mut trial = Trial::of(&cluster.url_through(proxy.address(), DATABASE), &cluster.url(DATABASE)).await;
    let mut rounds = 0;
    while rounds < ROUNDS_MAX && (proxy.cuts() < 10 || !seen(&cluster).await) {
        proxy.spare_commits();
        let mut rush = trial.rush().await;
        rush.holding(5).await;
        proxy.cut_at_commit(how, 3);
        tokio::select! {
            () = sway(&proxy, delays) => {}
            () = trial.settle(rush, Instant::now()) => {}
        }
        proxy.delay(Duration::ZERO);
        rounds += 1;
    }
    trial.judge(&format!("{} connections cut at their commit, {how:?}", proxy.cuts())).await;
    assert!(proxy.cuts() >= 10 && seen(&cluster).await, "not seen in {rounds} rounds");
}

/// Goes on for ever.
async fn sway(proxy: &Proxy, delays: &[Duration]) {
    for delay in delays.iter().cycle() {
        proxy.delay(*delay);
        sleep(Duration::from_millis(2)).await;
    }
    std::future::pending().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_longer_than_any_patience_loses_nothing() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let proxy = Proxy::start(cluster.address());
    let mut trial = Trial::of(&cluster.url_through(proxy.address(), DATABASE), &cluster.url(DATABASE)).await;
    let mut rush = trial.rush().await;
    rush.holding(30).await;
    proxy.pause();
    // A flight that writes is given ten seconds.
    sleep(Duration::from_secs(12)).await;
    proxy.resume();
    trial.settle(rush, Instant::now()).await;
    trial.judge("12 s of silence").await;
}

/// As when a machine dies without a word, or something on the way forgets its connections.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_found_again_when_every_connection_has_fallen_silent() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let way = listener.local_addr().expect("a listener has an address");
    let silence = Arc::new(watch::Sender::new(()));
    tokio::spawn(forward(listener, cluster.address(), Arc::clone(&silence)));
    let mut trial = Trial::of(&cluster.url_through(way, DATABASE), &cluster.url(DATABASE)).await;

    // Many sessions at once use all connections that the store may have; what follows uses one of them.
    let mut sessions = Vec::new();
    for _ in 0..12 {
        sessions.push(trial.shop.session(STOCK as i64).await);
    }
    let everywhere = Crowd::send(&trial.shop, &sessions, 0..12 * BUYERS, Duration::ZERO).told().await;
    trial.stories.extend(everywhere);
    let session = trial.shop.session(STOCK as i64).await;
    let first = trial.stories.len() as u32;
    let mut rush = Crowd::send(&trial.shop, &[session], first..first + BUYERS, APART);
    rush.holding(10).await;
    silence.send_replace(());
    // By then everybody has been told what was answered before.
    trial.settle(rush, Instant::now() + Duration::from_millis(500)).await;
    trial.judge("all connections silent").await;
}

/// Carries every connection to `server` until there is `silence`; later ones until the next.
async fn forward(listener: TcpListener, server: SocketAddr, silence: Arc<watch::Sender<()>>) {
    loop {
        let (mut client, _) = listener.accept().await.expect("the store connects");
        let mut silenced = silence.subscribe();
        tokio::spawn(async move {
            let mut server = TcpStream::connect(server).await.expect("the server listens");
            tokio::select! {
                // However it ends, both sides are told.
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = silenced.changed() => std::future::pending().await,
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_in_and_says_nothing_more_is_unavailable_soon() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let url = cluster.url_through(listener.local_addr().expect("a listener has an address"), DATABASE);
    tokio::spawn(let_in(listener, cluster.address()));
    let store = open(&url, OpenOptions::new(Role::Server)).expect("the store's URL is read");
    let asked = async { tokio::join!(store.now(), store.outcome(BatchId::from_uuid(Uuid::nil()))) };
    let (read, written) = timeout(RECOVERY_MAX, asked).await.expect("there is an answer");
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    assert!(matches!(written, Err(StoreError::Unavailable { .. })), "{written:?}");
}

/// Carries every connection to `server` until it may ask its first question, and nothing from then on.
async fn let_in(listener: TcpListener, server: SocketAddr) {
    const READY: &[u8] = b"Z\0\0\0\x05I";
    loop {
        let (mut client, _) = listener.accept().await.expect("the store connects");
        tokio::spawn(async move {
            let mut server = TcpStream::connect(server).await?;
            let mut said = vec![0; 4_096];
            let read = client.read(&mut said).await?;
            server.write_all(&said[..read]).await?;
            said.clear();
            while !said.ends_with(READY) {
                server.read_buf(&mut said).await?;
            }
            client.write_all(&said).await?;
            std::future::pending::<io::Result<()>>().await
        });
    }
}
