//! Waiting rooms in Redis beside a Postgres ledger, two nodes, and people who come, wait, hold and buy, while Redis
//! is killed, flushed, and failed over to a copy that lacks the last writes, ten times each: whoever was told that
//! they are admitted holds, nothing is oversold, and everybody who comes gets in again.

mod crowd;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use crowd::Shop;
use ticketing_core::{
    audit::{Actor, Caller},
    command::{HoldRefusal, QueueRefusal, ReleaseBy, Settlement},
    engine::{CallbackOutcome, CheckoutRequest, EngineError, HoldRequest, QueueState, QueueStatusRefusal, Ticketing},
    hold::Wanted,
    ids::{SessionId, UserId},
    payment::{CallbackStatus, PaymentMethod},
    testing::harness::{buyer, report},
    waiting_room::QueuePolicy,
};
use ticketing_store::{
    redis::RedisRooms,
    testing::{postgres::Database, proxy::Proxy, redis::Server},
};
use tokio::time::{Instant, sleep, timeout};

const STOCK: i64 = 2_000;
const VISITORS_AT_ONCE: u32 = 40;
const ROUNDS: u32 = 10;
/// Between two misfortunes.
const PAUSE: Duration = Duration::from_millis(400);
/// Between two looks.
const REST: Duration = Duration::from_millis(25);
/// How long a visitor may take, misfortunes included.
const PATIENCE: Duration = Duration::from_secs(30);

fn policy() -> QueuePolicy {
    // Places of those whose purchase Redis did not hear of are free after seconds.
    QueuePolicy { max_active: Some(15), admit_ttl_seconds: Some(3), ..QueuePolicy::default() }
}

/// Redis behind a proxy that leads to whoever is the primary.
struct Redis {
    front: Proxy,
    primary: Server,
}

impl Redis {
    async fn start(settings: &[(&str, &str)]) -> Option<Self> {
        let primary = Server::start(settings).await?;
        Some(Self { front: Proxy::start(primary.address()), primary })
    }

    fn url(&self) -> String {
        self.primary.url_through(self.front.address(), "")
    }

    /// A copy takes over that has heard nothing of the last moments.
    async fn fail_over(&mut self) {
        let link = Proxy::start(self.primary.address());
        let copy = self.primary.replica(link.address()).await;
        link.pause();
        sleep(PAUSE / 2).await;
        copy.promote().await;
        self.primary.kill().await;
        self.front.retarget(copy.address());
        self.front.cut_all().await;
        self.primary = copy;
    }
}

/// What became of everybody.
#[derive(Debug, Default)]
struct Told {
    next: AtomicU32,
    bought: AtomicU32,
    let_go: AtomicU32,
    voided: AtomicU32,
    turned_away: AtomicU32,
    epochs: Mutex<BTreeSet<u64>>,
}

fn add(count: &AtomicU32) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Somebody who comes for one ticket, at one of the nodes.
struct Visitor<'a> {
    node: &'a Shop,
    session: SessionId,
    user: UserId,
    told: &'a Told,
}

impl Visitor<'_> {
    fn engine(&self) -> &Ticketing {
        &self.node.engine
    }

    fn caller(&self) -> Caller {
        Caller::of(Actor::User(self.user))
    }

    /// A token that was told to be admitted; `None`: sold out.
    async fn admitted(&self) -> Option<String> {
        'again: loop {
            let token = match self.engine().join_queue(self.caller(), self.session, self.user).await {
                Ok(status) => status.token,
                Err(EngineError::Refused(QueueRefusal::SoldOut)) => return None,
                Err(EngineError::Refused(refusal)) => panic!("{refusal}"),
                Err(_) => {
                    add(&self.told.turned_away);
                    sleep(REST).await;
                    continue;
                }
            };
            loop {
                match self.engine().queue_status(&token, self.user).await {
                    Ok(status) if status.state == QueueState::Allowed => return Some(token),
                    Ok(status) if status.state == QueueState::SoldOut => return None,
                    Ok(_) => {}
                    Err(EngineError::Refused(QueueStatusRefusal::Expired)) => {
                        add(&self.told.voided);
                        continue 'again;
                    }
                    Err(EngineError::Refused(refusal)) => panic!("{refusal}"),
                    Err(_) => add(&self.told.turned_away),
                }
                sleep(REST).await;
            }
        }
    }

    async fn visit(&self) {
        let Some(token) = self.admitted().await else { return };
        let asked = Instant::now();
        let key = "the-key".parse().expect("a key");
        let request = HoldRequest::of(self.user, self.session, Wanted::Quantity(1), key);
        let placed = self.engine().hold(HoldRequest { queue_token: Some(token.clone()), ..request }).await;
        let placed = match placed {
            Ok(placed) => placed,
            Err(EngineError::Refused(HoldRefusal::SoldOut { .. })) => return,
            // Its window is three seconds long: a machine that stood still for so long is no fault.
            Err(EngineError::Refused(HoldRefusal::TokenExpired)) if asked.elapsed() > Duration::from_secs(2) => return,
            Err(error) => panic!("{} was admitted, and cannot hold: {error}", self.user),
        };
        if placed.hold.place.is_some_and(|number| number % 2 == 0) {
            self.engine().release(self.caller(), placed.hold.id, ReleaseBy::Owner(self.user)).await.unwrap();
            // Redis may be away; the place is free a moment later all the same.
            let _ = self.engine().leave_queue(&token, self.user).await;
            add(&self.told.let_go);
            return;
        }
        let checkout = CheckoutRequest {
            caller: self.caller(),
            user_id: self.user,
            hold_id: placed.hold.id,
            method: PaymentMethod::Card,
        };
        let open = self.engine().checkout(checkout).await.unwrap();
        let now = self.engine().queries().now().await.unwrap();
        self.node.gateway.capture(open.payment.id, open.payment.amount, now);
        let gateway = Caller::of(Actor::Gateway);
        let settled = self.engine().payment_callback(gateway, report(&open, CallbackStatus::Success)).await.unwrap();
        assert!(matches!(settled, CallbackOutcome::Settled(Settlement::Sold)), "{settled:?}");
        add(&self.told.bought);
    }
}

async fn node(database: &Database, redis: &Redis, of: Option<&Shop>) -> Shop {
    let rooms = Arc::new(RedisRooms::open(&redis.url(), None).expect("the URL of a test is sound"));
    let gateway = of.map(|shop| Arc::clone(&shop.gateway)).unwrap_or_default();
    let shop = Shop::beside(database.url(), gateway, rooms).await;
    shop.engine.start_workers();
    shop
}

/// `loses`: it comes back without all that it had acknowledged.
async fn under_load(mut redis: Redis, what: &str, loses: bool, misfortune: impl AsyncFn(&mut Redis)) {
    let Some(database) = Database::create().await else { return };
    let first = node(&database, &redis, None).await;
    let second = node(&database, &redis, Some(&first)).await;
    let session = first.session_behind(STOCK, policy()).await;
    let (told, done) = (Arc::new(Told::default()), Arc::new(AtomicBool::new(false)));
    let visitors = (0..VISITORS_AT_ONCE).map(|n| {
        let (node, told, done) = (if n % 2 == 0 { first.clone() } else { second.clone() }, told.clone(), done.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let user = buyer(told.next.fetch_add(1, Ordering::Relaxed));
                let visitor = Visitor { node: &node, session, user, told: &told };
                timeout(PATIENCE, visitor.visit()).await.unwrap_or_else(|_| panic!("{user} never gets in"));
            }
        })
    });
    let visitors: Vec<_> = visitors.collect();
    for _ in 0..ROUNDS {
        sleep(PAUSE).await;
        misfortune(&mut redis).await;
        let room = first.engine.queries().queue(session).await.unwrap().unwrap().room;
        told.epochs.lock().unwrap().insert(room.epoch.into());
    }
    sleep(PAUSE).await;
    done.store(true, Ordering::Relaxed);
    let ended = Instant::now();
    for visitor in visitors {
        visitor.await.expect("everybody gets through");
    }
    let last = Visitor { node: &second, session, user: buyer(1_000_000), told: &told };
    timeout(PATIENCE, last.visit()).await.expect("the door is open again");
    let count = |count: &AtomicU32| count.load(Ordering::Relaxed);
    eprintln!(
        "{what} {ROUNDS} times: {} bought, {} let go, {} tokens void, {} turned away, epochs {:?}, all done {:?} after",
        count(&told.bought),
        count(&told.let_go),
        count(&told.voided),
        count(&told.turned_away),
        told.epochs.lock().unwrap(),
        ended.elapsed(),
    );
    let stats = first.engine.session_stats(session).await.unwrap().unwrap();
    assert_eq!(stats.stock.sold, i64::from(count(&told.bought)));
    assert!(stats.stock.sold > 0 && stats.stock.sold <= STOCK);
    assert_eq!(told.epochs.lock().unwrap().len() > 1, loses, "{:?}", told.epochs);
    let verified = first.engine.verify().await.unwrap();
    assert!(verified.is_clean(), "{:#?}", verified.violations);
    for shop in [&first, &second] {
        shop.engine.shutdown().await;
    }
}

async fn kill(redis: &mut Redis) {
    redis.primary.kill().await;
    sleep(PAUSE / 2).await;
    redis.primary.restart().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_under_load_and_empty_afterwards() {
    let Some(redis) = Redis::start(&[]).await else { return };
    under_load(redis, "killed without a log", true, async |redis| kill(redis).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_under_load_with_a_log_of_every_write() {
    let Some(redis) = Redis::start(&[("appendonly", "yes"), ("appendfsync", "always")]).await else { return };
    under_load(redis, "killed with a log", false, async |redis| kill(redis).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_ten_times_under_load() {
    let Some(redis) = Redis::start(&[]).await else { return };
    under_load(redis, "flushed", true, async |redis| redis.primary.flush().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_over_ten_times_under_load() {
    let Some(redis) = Redis::start(&[]).await else { return };
    under_load(redis, "failed over", true, async |redis| redis.fail_over().await).await;
}
