//! Nodes whose own clocks are hours apart, over one Postgres: the store's clock is Postgres's, and what the nodes
//! believe changes nothing.

use std::{sync::Arc, time::Duration};

use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    clock::{Clock, SystemClock, Timestamp},
    command::{CheckoutRefusal, HoldRefusal, NewSession, Placed},
    engine::{CheckoutRequest, EngineError, HoldRequest, NewEvent, QueueState, QueueStatus},
    hold::Wanted,
    ids::{SessionId, UserId},
    payment::PaymentMethod,
    testing::{
        TestGateway,
        harness::{OPERATOR, PRICE, buyer, keys, refusal},
    },
    waiting_room::{QueueMode, QueuePolicy},
};
use ticketing_store::{OpenOptions, Role, open, testing::postgres::Database};
use tokio::time::{sleep, timeout};

const HOUR: i64 = 3_600_000_000;
/// What a hold lives for, where it is to end.
const SHORT: u32 = 2;

/// The machine's clock, set wrong by so many microseconds.
#[derive(Debug)]
struct Skewed(SystemClock, i64);

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.now().micros() + self.1)
    }
}

/// Two nodes, one an hour fast and the other an hour slow.
struct Nodes {
    fast: Ticketing,
    slow: Ticketing,
    _database: Database,
}

impl Nodes {
    async fn new() -> Option<Self> {
        let database = Database::migrated().await?;
        let node = |by| {
            let store = open(database.url(), OpenOptions::new(Role::Server)).expect("the store's URL is read");
            let gateway = Arc::new(TestGateway::new());
            Ticketing::builder(store, keys(), gateway).clock(Arc::new(Skewed(SystemClock::new(), by))).build()
        };
        Some(Self { fast: node(HOUR), slow: node(-HOUR), _database: database })
    }

    async fn session(&self, change: impl FnOnce(&mut NewSession)) -> SessionId {
        let event = self.fast.create_event(OPERATOR, NewEvent::published("Gala")).await.expect("an event is made");
        let start_at = event.created_at.plus_seconds(864_000);
        let mut new = NewSession::of(event.id, start_at, 1, PRICE);
        new.queue.mode = QueueMode::Off;
        change(&mut new);
        self.slow.create_session(OPERATOR, new).await.expect("a session is made").id
    }

    /// The time by Postgres.
    async fn now(&self) -> Timestamp {
        self.slow.queries().now().await.expect("the store tells the time")
    }
}

async fn hold(node: &Ticketing, session: SessionId, user: UserId, token: Option<&str>) -> Result<Placed, HoldRefusal> {
    let key = "the-key".parse().expect("letters and a dash make a key");
    let request = HoldRequest::of(user, session, Wanted::Quantity(1), key);
    refusal(node.hold(HoldRequest { queue_token: token.map(str::to_owned), ..request }).await)
}

async fn join(node: &Ticketing, session: SessionId, user: UserId) -> QueueStatus {
    node.join_queue(Caller::of(Actor::User(user)), session, user).await.expect("a place is given")
}

async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let awaited = async {
        while !condition().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), awaited).await.unwrap_or_else(|_| panic!("{what}: in vain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_lives_as_long_as_postgres_says_on_every_node() {
    let Some(nodes) = Nodes::new().await else { return };
    let (fast, slow) = (&nodes.fast, &nodes.slow);
    let session = nodes.session(|new| new.hold_ttl_seconds = SHORT).await;
    let before = nodes.now().await;
    let held = hold(slow, session, buyer(1), None).await.expect("there is a ticket").hold;
    assert_eq!(held.expires_at, held.created_at.plus_seconds(SHORT));
    assert!(held.created_at >= before && held.created_at <= nodes.now().await, "{held:?}");

    // An hour ahead, it is over for long; nobody may say so.
    assert_eq!(fast.tick().await.expect("housekeeping gets through").expired, 0);
    assert_eq!(hold(fast, session, buyer(2), None).await, Err(HoldRefusal::SoldOut { remaining: 0 }));
    let checkout = CheckoutRequest::of(&held, PaymentMethod::Card);
    let open = fast.checkout(checkout.clone()).await.expect("the hold lives");
    assert_eq!(open.expires_at, held.expires_at);

    // An hour behind, it has long to go; nobody may wait for that.
    eventually("the hold's end", async || nodes.now().await >= held.expires_at).await;
    let next = hold(slow, session, buyer(2), None).await.expect("the ticket is free again").hold;
    assert!(next.created_at >= held.expires_at, "{next:?} {held:?}");
    for node in [fast, slow] {
        let refused = node.checkout(checkout.clone()).await.err();
        assert!(matches!(refused, Some(EngineError::Refused(CheckoutRefusal::HoldNotActive))), "{refused:?}");
    }
    eventually("the sweep of an hour ago", async || slow.tick().await.is_ok_and(|done| done.expired == 1)).await;
    assert!(slow.verify().await.expect("the store is read").is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_given_and_admitted_in_the_order_of_arrival_whoever_is_asked() {
    let Some(nodes) = Nodes::new().await else { return };
    let both = [&nodes.fast, &nodes.slow];
    // One admission, which its holder keeps for a while.
    let policy = QueuePolicy { max_active: Some(1), wait_ttl_seconds: Some(60), ..QueuePolicy::default() };
    let session = nodes.session(|new| (new.total_stock, new.queue) = (10, policy)).await;
    let mut places = Vec::new();
    for number in 0..6 {
        let node = both[number as usize % 2];
        let (before, place) = (nodes.now().await, join(node, session, buyer(number)).await);
        let claim = keys().queue_token.verify(&place.token).expect("the shop signed it");
        assert_eq!(claim.number, u64::from(number) + 1);
        assert!(claim.issued_at >= before && claim.issued_at <= nodes.now().await, "{claim:?}");
        places.push(place);
    }
    for number in 0..6 {
        let (user, token) = (buyer(number), &places[number as usize].token);
        both[0].tick().await.expect("housekeeping gets through");
        for node in both {
            let turn = async || {
                let status = node.queue_status(token, user).await.expect("the place is there");
                status.state == QueueState::Allowed
            };
            eventually("its turn", turn).await;
        }
        for node in both {
            let status = refusal(node.queue_status(token, user).await).expect("the place is there");
            assert_eq!(status.token, *token);
            let left = status.expires_at.expect("the window ends").since(nodes.now().await);
            assert!(left > Duration::from_secs(100) && left <= Duration::from_secs(122), "{left:?}");
            if let Some(next) = places.get(number as usize + 1) {
                let waits = refusal(node.queue_status(&next.token, buyer(number + 1)).await).expect("it waits");
                let until = waits.expires_at.expect("the wait ends").since(nodes.now().await);
                assert_eq!(waits.state, QueueState::Waiting);
                assert!(until > Duration::from_secs(30) && until <= Duration::from_secs(60), "{until:?}");
            }
        }
        hold(both[number as usize % 2], session, user, Some(token)).await.expect("its turn has come");
        both[1].leave_queue(token, user).await.expect("a place may be left");
    }
    assert!(nodes.slow.verify().await.expect("the store is read").is_clean());
}
