//! Redis killed at any moment under load, with its log written before anything is acknowledged: what was
//! acknowledged is there, what is unknown resolves by its key, and the shop goes on by itself.

mod crowd;

use std::time::Duration;

use crowd::{
    Crowd, Shop, Story,
    books::{Told, assert_kept},
};
use ticketing_store::testing::{proxy::Proxy, redis::Server};
use tokio::time::{Instant, sleep};

const SESSIONS: u32 = 3;
const STOCK: usize = 40;
const BUYERS: u32 = 55;
const APART: Duration = Duration::from_millis(3);
/// Until the first hold is acknowledged when a fault has ended.
const RECOVERY_MAX: Duration = Duration::from_secs(10);
const DURABLE: &[(&str, &str)] = &[("appendonly", "yes"), ("appendfsync", "always")];

/// A shop, and what its buyers were told.
struct Trial {
    shop: Shop,
    url: String,
    stories: Vec<Story>,
    recoveries: Vec<Duration>,
}

impl Trial {
    async fn of(url: &str, undisturbed: &str) -> Self {
        let shop = Shop::open(url).await;
        Self { shop, url: undisturbed.to_owned(), stories: Vec::new(), recoveries: Vec::new() }
    }

    /// A sale of its own begins; nobody buys twice.
    async fn rush(&self) -> Crowd {
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            sessions.push(self.shop.session(STOCK as i64).await);
        }
        let first = self.stories.len() as u32;
        Crowd::send(&self.shop, &sessions, first..first + SESSIONS * BUYERS, APART)
    }

    /// The sale comes to its end after a fault that ended at `ended`.
    async fn settle(&mut self, rush: Crowd, ended: Instant) {
        let stories = rush.told().await;
        let after = stories.iter().filter(|story| story.hold.is_some() && story.told_at > ended);
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
    let Some(server) = Server::start(DURABLE).await else { return };
    let url = server.url("");
    let mut trial = Trial::of(&url, &url).await;
    for (round, outage) in [0, 0, 50, 0, 200, 0, 700, 0, 1_500, 3_000].into_iter().enumerate() {
        let mut rush = trial.rush().await;
        rush.holding(10 + 5 * round).await;
        server.kill().await;
        sleep(Duration::from_millis(outage)).await;
        let ended = Instant::now();
        server.restart().await;
        trial.settle(rush, ended).await;
    }
    let told = trial.judge("10 kills").await;
    assert!(told.put_off + told.unknown > 0 || told.were_there > 0, "nobody noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_all_connections_are_cut_ten_times() {
    let Some(server) = Server::start(&[]).await else { return };
    let way = Proxy::start(server.address());
    let mut trial = Trial::of(&server.url_through(way.address(), ""), &server.url("")).await;
    for round in 0..10 {
        let mut rush = trial.rush().await;
        rush.holding(10 + 5 * round).await;
        way.cut_all().await;
        trial.settle(rush, Instant::now()).await;
    }
    trial.judge("10 times all connections cut").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_waited_for() {
    let Some(server) = Server::start(DURABLE).await else { return };
    let url = server.url("");
    let mut trial = Trial::of(&url, &url).await;
    for stillness in [500, 7_000] {
        let mut rush = trial.rush().await;
        rush.holding(10).await;
        server.freeze().await;
        sleep(Duration::from_millis(stillness)).await;
        server.thaw().await;
        trial.settle(rush, Instant::now()).await;
    }
    trial.judge("stood still for 0.5 s and for 7 s").await;
}
