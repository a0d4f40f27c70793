//! A primary that dies and a replica that takes over without having received everything: the loss is counted and
//! told, nobody writes before somebody looked at it, nothing is oversold after, and the gateway knows the rest.

mod crowd;

use std::{collections::BTreeSet, time::Duration};

use crowd::{Crowd, Shop, Story, books::Told};
use ticketing_core::{
    clock::Timestamp,
    ids::SessionId,
    payment::GatewayPaymentId,
    testing::{TestGateway, harness::OPERATOR},
};
use ticketing_store::{
    Level, diagnose, resume,
    testing::{proxy::Proxy, redis::Server},
};
use tokio::time::{Instant, sleep, timeout};

const STOCK: i64 = 300;
const APART: Duration = Duration::from_millis(2);
/// Until the first hold is acknowledged once the ledger was resumed.
const RECOVERY_MAX: Duration = Duration::from_secs(10);

/// Two servers, the second of which follows the first over a link, and a shop that knows both.
struct Pair {
    primary: Server,
    replica: Server,
    link: Proxy,
    url: String,
    shop: Shop,
    session: SessionId,
    stories: Vec<Story>,
}

impl Pair {
    async fn new() -> Option<Self> {
        let primary = Server::start(&[]).await?;
        let link = Proxy::start(primary.address());
        let replica = primary.replica(link.address()).await;
        let url = format!("redis://{},{}", primary.address(), replica.address());
        let shop = Shop::open(&url).await;
        let session = shop.session(STOCK).await;
        Some(Self { primary, replica, link, url, shop, session, stories: Vec::new() })
    }

    fn crowd(&self, buyers: u32) -> Crowd {
        let first = self.stories.len() as u32;
        Crowd::send(&self.shop, &[self.session], first..first + buyers, APART)
    }

    async fn cut_the_link(&self) {
        self.link.refuse(true);
        self.link.cut_all().await;
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

    /// What an operator is told of the ledger.
    async fn told(&self) -> Option<String> {
        let findings = diagnose(&self.url).await.expect("the URL is read");
        findings.into_iter().find(|one| one.check == "ledger" && one.level == Level::Fail).map(|one| one.detail)
    }
}

fn captured<'a>(stories: impl IntoIterator<Item = &'a Story>) -> BTreeSet<GatewayPaymentId> {
    stories.into_iter().filter_map(|story| story.captured).map(TestGateway::name_of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replica_had_not_received_is_counted_told_and_never_sold_over() {
    let Some(mut pair) = Pair::new().await else { return };
    let kept = pair.crowd(100).told().await;
    pair.stories.extend(kept.clone());
    pair.primary.in_step_with(&pair.replica).await;
    pair.cut_the_link().await;
    let gone = pair.crowd(80).told().await;
    pair.stories.extend(gone.clone());

    let on_their_way = pair.crowd(60);
    pair.primary.kill().await;
    pair.replica.promote().await;
    let noticed = async {
        loop {
            if let Some(told) = pair.told().await {
                return told;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let told = timeout(Duration::from_secs(20), noticed).await.expect("nobody noticed the loss");
    assert!(told.starts_with("the ledger lost "), "{told}");
    // Nobody sells before somebody has looked.
    let before = pair.shop.engine.queries().ledger(pair.session).await.unwrap().unwrap().holds.len();
    assert_eq!(pair.lost(&kept).await.len(), 0, "lost, though the replica had received it");
    assert_eq!(pair.lost(&gone).await.len(), 80, "there, though nobody could have received it");
    let after = pair.shop.engine.queries().ledger(pair.session).await.unwrap().unwrap().holds.len();
    assert_eq!((before, after), (100, 100), "sold by a ledger that has lost something");

    let report = pair.shop.engine.verify().await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
    assert!(resume(&pair.url).await.unwrap().unwrap());
    let resumed = Instant::now();
    let on_their_way = on_their_way.told().await;
    let after_it = on_their_way.iter().filter(|story| story.hold.is_some() && story.told_at > resumed);
    let first = after_it.map(|story| story.told_at - resumed).min().expect("somebody gets a ticket");
    assert!(first <= RECOVERY_MAX, "{first:?}");
    pair.stories.extend(on_their_way);
    let rest = pair.crowd(250).told().await;
    pair.stories.extend(rest);

    let ledger = pair.shop.engine.queries().ledger(pair.session).await.unwrap().unwrap();
    let stock = ledger.session.stock;
    assert_eq!((stock.total, stock.available, stock.held + stock.sold), (STOCK, 0, STOCK));
    let report = pair.shop.engine.verify().await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
    let (sum, lost) = (Told::of(&pair.stories), pair.lost(&pair.stories).await);
    assert_eq!(sum.holds - lost.len(), STOCK as usize, "told and not lost");
    let report = pair.shop.engine.reconcile(OPERATOR, Timestamp::from_micros(0)).await.unwrap();
    let unmatched: BTreeSet<_> = report.unmatched_payments.iter().cloned().collect();
    assert_eq!(unmatched, captured(lost.iter().copied()));
    eprintln!(
        "failover to a replica that lagged behind: {sum}; told: {told}; {} holds lost, {} payments found unmatched at \
         the gateway; first hold after it was resumed: {first:?}",
        lost.len(),
        report.unmatched,
    );
}
