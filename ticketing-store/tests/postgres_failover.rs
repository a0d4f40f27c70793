//! A primary that dies and a replica that takes over: what an asynchronous replica had not received is lost, is
//! found again at the gateway, and oversells nothing; a synchronous one has received everything.

mod crowd;

use std::{collections::BTreeSet, time::Duration};

use crowd::{Crowd, Shop, Story, books::Told};
use ticketing_core::{
    clock::Timestamp,
    engine::ReconcileReport,
    ids::SessionId,
    payment::GatewayPaymentId,
    testing::{TestGateway, harness::OPERATOR},
};
use ticketing_store::testing::{postgres::Cluster, proxy::Proxy};
use tokio::time::{Instant, sleep, timeout};

const DATABASE: &str = "postgres";
const STOCK: i64 = 300;
/// Between two arrivals.
const APART: Duration = Duration::from_millis(2);
/// Until the first hold is acknowledged when the primary is gone, and the replica takes over at once.
const RECOVERY_MAX: Duration = Duration::from_secs(10);
/// The same when the primary stands still, which takes a while to be told from one that is slow.
const RECOVERY_FROM_SILENCE_MAX: Duration = Duration::from_secs(15);

/// Two servers, the second of which follows the first over a link, and a shop that knows both.
struct Pair {
    primary: Cluster,
    replica: Cluster,
    link: Proxy,
    /// How the shop reaches the primary.
    way: Proxy,
    shop: Shop,
    session: SessionId,
    stories: Vec<Story>,
}

impl Pair {
    async fn new() -> Option<Self> {
        let primary = Cluster::start(&[]).await?;
        let link = Proxy::start(primary.address());
        let replica = primary.replica(link.address()).await;
        let way = Proxy::start(primary.address());
        let url = format!("postgres://postgres@{},{}/{DATABASE}", way.address(), replica.address());
        let shop = Shop::open(&url).await;
        let session = shop.session(STOCK).await;
        Some(Self { primary, replica, link, way, shop, session, stories: Vec::new() })
    }

    /// From now on nothing is acknowledged that the replica has not written down.
    async fn synchronous(&self) {
        self.primary.execute(DATABASE, "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.primary.execute(DATABASE, "SELECT pg_reload_conf()").await;
        let waiting = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        eventually("the replica is waited for", async || self.primary.query_one_i64(DATABASE, waiting).await == 1)
            .await;
    }

    /// So many more buyers come.
    fn crowd(&self, buyers: u32) -> Crowd {
        let first = self.stories.len() as u32;
        Crowd::send(&self.shop, &[self.session], first..first + buyers, APART)
    }

    /// The replica has everything that is on the primary.
    async fn in_step(&self) {
        let behind = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn < pg_current_wal_lsn()";
        eventually("the replica is in step", async || self.primary.query_one_i64(DATABASE, behind).await == 0).await;
    }

    async fn cut_the_link(&self) {
        self.link.refuse(true);
        self.link.cut_all().await;
    }

    /// Answers when the primary was gone; on return the replica takes writes.
    async fn fail_over(&self) -> Instant {
        self.primary.kill().await;
        let gone = Instant::now();
        self.replica.promote().await;
        gone
    }

    /// Of `stories`, those whose hold was acknowledged and is not there.
    async fn lost<'a>(&self, stories: &'a [Story]) -> Vec<&'a Story> {
        let mut lost = Vec::new();
        for story in stories {
            if let Some(hold) = story.hold
                && self.shop.engine.queries().hold(hold).await.expect("the store is read").is_none()
            {
                lost.push(story);
            }
        }
        lost
    }

    /// The sale is over: nothing is oversold, and the books are in order.
    async fn assert_sold_out(&self) {
        let ledger = self.shop.engine.queries().ledger(self.session).await.expect("the store is read");
        let books = ledger.expect("the session is there").session.stock;
        assert_eq!((books.total, books.available, books.held + books.sold), (STOCK, 0, STOCK));
        let node = self.shop.another(&self.replica.url(DATABASE)).await;
        let report = node.engine.verify().await.expect("the store is read");
        assert!(report.is_clean(), "broken invariants: {:#?}", report.violations);
    }

    async fn reconcile(&self) -> ReconcileReport {
        self.shop.engine.reconcile(OPERATOR, Timestamp::from_micros(0)).await.expect("the gateway is asked")
    }
}

async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let awaited = async {
        while !condition().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), awaited).await.unwrap_or_else(|_| panic!("{what}: in vain"));
}

/// What the gateway calls the payments of `stories` that it has the money of.
fn captured<'a>(stories: impl IntoIterator<Item = &'a Story>) -> BTreeSet<GatewayPaymentId> {
    stories.into_iter().filter_map(|story| story.captured).map(TestGateway::name_of).collect()
}

/// How long after `gone_at` the first of `stories` was told.
fn recovery(stories: &[Story], gone_at: Instant) -> Duration {
    let told = stories.iter().filter(|story| story.hold.is_some() && story.told_at > gone_at);
    told.map(|story| story.told_at - gone_at).min().expect("somebody gets a ticket")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_asynchronous_replica_had_not_received_is_lost_and_found_at_the_gateway() {
    let Some(mut pair) = Pair::new().await else { return };
    let kept = pair.crowd(100).told().await;
    pair.stories.extend(kept.clone());
    pair.in_step().await;
    pair.cut_the_link().await;
    let gone = pair.crowd(80).told().await;
    pair.stories.extend(gone.clone());

    // Some are on their way while it happens: what they were told by the old primary is lost with it.
    let mut on_their_way = pair.crowd(60);
    on_their_way.holding(10).await;
    let gone_at = pair.fail_over().await;
    let on_their_way = on_their_way.told().await;
    pair.stories.extend(on_their_way.clone());
    let first = recovery(&on_their_way, gone_at);
    assert!(first <= RECOVERY_MAX, "{first:?}");

    assert!(pair.lost(&kept).await.is_empty(), "lost, though the replica had received it");
    assert_eq!(pair.lost(&gone).await.len(), 80, "there, though nobody could have received it");
    let lost_on_their_way = pair.lost(&on_their_way).await;
    assert!(lost_on_their_way.iter().all(|story| story.told_at < gone_at), "lost by the new primary");

    let rest = pair.crowd(250).told().await;
    pair.stories.extend(rest.clone());
    assert!(rest.iter().any(|story| story.hold.is_none()), "not sold out");
    pair.assert_sold_out().await;

    let (told, lost) = (Told::of(&pair.stories), pair.lost(&pair.stories).await);
    assert_eq!(lost.len(), gone.len() + lost_on_their_way.len());
    assert_eq!(told.holds - lost.len(), STOCK as usize, "told and not lost");
    let report = pair.reconcile().await;
    let unmatched: BTreeSet<_> = report.unmatched_payments.iter().cloned().collect();
    assert_eq!(unmatched, captured(lost.iter().copied()));
    assert_eq!(report.captured, captured(&pair.stories).len() as u64);
    assert_eq!((report.settled, report.sold), (report.captured - report.unmatched, 0), "{report:?}");
    eprintln!(
        "failover to a replica that lagged behind: {told}; {} holds and {} payments lost, all {} found unmatched at the \
         gateway; first hold again after {first:?}",
        lost.len(),
        lost.iter().filter(|story| story.paid.is_some()).count(),
        report.unmatched,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_replica_has_everything_that_was_acknowledged() {
    let Some(mut pair) = Pair::new().await else { return };
    pair.synchronous().await;
    let before = pair.crowd(100).told().await;
    pair.stories.extend(before);
    pair.cut_the_link().await;
    // What is not written down on the replica is not acknowledged, however long it takes.
    let mut on_their_way = pair.crowd(100);
    let told = timeout(Duration::from_secs(3), on_their_way.holding(1)).await;
    assert!(told.is_err(), "told so without the replica");
    let gone_at = pair.fail_over().await;
    let on_their_way = on_their_way.told().await;
    let first = recovery(&on_their_way, gone_at);
    assert!(first <= RECOVERY_MAX, "{first:?}");
    pair.stories.extend(on_their_way);
    let rest = pair.crowd(150).told().await;
    pair.stories.extend(rest);

    assert!(pair.lost(&pair.stories).await.is_empty());
    pair.assert_sold_out().await;
    let report = pair.reconcile().await;
    assert_eq!((report.unmatched, report.settled), (0, report.captured), "{report:?}");
    eprintln!(
        "failover to a synchronous replica: {}; 0 lost; first hold again after {first:?}",
        Told::of(&pair.stories)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_stands_still_is_left_for_the_replica() {
    let Some(mut pair) = Pair::new().await else { return };
    pair.synchronous().await;
    let mut on_their_way = pair.crowd(150);
    on_their_way.holding(20).await;
    pair.way.pause();
    pair.replica.promote().await;
    // By then everybody has been told what was answered before.
    let gone_at = Instant::now() + Duration::from_millis(500);
    let on_their_way = on_their_way.told().await;
    let first = recovery(&on_their_way, gone_at);
    assert!(first <= RECOVERY_FROM_SILENCE_MAX, "{first:?}");
    pair.stories.extend(on_their_way);
    let rest = pair.crowd(200).told().await;
    pair.stories.extend(rest);

    assert!(pair.lost(&pair.stories).await.is_empty());
    pair.assert_sold_out().await;
    eprintln!(
        "failover from a primary that stood still: {}; first hold again after {first:?}",
        Told::of(&pair.stories)
    );
}
