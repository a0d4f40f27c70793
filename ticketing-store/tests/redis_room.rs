//! Waiting rooms on Redis keep the promises of their trait, on one server and on a cluster, and the engine its own
//! on them; a room that Redis lost is begun anew.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use ticketing_core::{
    clock::Clock,
    ids::SessionId,
    store::{StoreError, memory::MemoryStore},
    testing::{Fixture, harness::buyer, suite::lost::Misfortune},
    waiting_room::{Arrival, GivenUp, Mark, PlaceState, Room, RoomError, Terms, Visitor, WaitingRoom},
};
use ticketing_store::{
    OpenOptions, Role, open,
    redis::{RedisLimits, RedisRooms, Share},
    testing::{
        postgres::Database,
        proxy::Proxy,
        redis::{Namespace, Server},
    },
};
use tokio::time::sleep;
use uuid::Uuid;

/// Rooms, and the part of a server that is theirs.
#[derive(Debug)]
struct Kept {
    rooms: RedisRooms,
    _namespace: Namespace,
}

macro_rules! delegated {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        $(fn $name(&self, $($argument: $type),*) -> $answer { self.rooms.$name($($argument),*) })+
    };
}

mod delegate {
    use ticketing_core::{
        clock::Timestamp,
        ids::SessionId,
        store::StoreError,
        waiting_room::{
            Advance, Arrival, Arrived, GivenUp, LineSlice, Mark, Room, RoomAnswer, Seen, Terms, Visitor, WaitingRoom,
        },
    };

    use super::{BoxFuture, Kept};

    impl WaitingRoom for Kept {
        delegated! {
            now() -> BoxFuture<'_, Result<Timestamp, StoreError>>;
            append(id: SessionId, since: Mark, arrivals: Vec<Arrival>, terms: Terms) -> RoomAnswer<'_, Vec<Arrived>>;
            look(id: SessionId, since: Mark, visitors: Vec<Visitor>) -> RoomAnswer<'_, Vec<Seen>>;
            give_up(id: SessionId, since: Mark, places: Vec<GivenUp>) -> RoomAnswer<'_, ()>;
            load(id: SessionId, since: Mark, limit: u32) -> RoomAnswer<'_, LineSlice>;
            advance_if(advance: Advance) -> BoxFuture<'_, Result<bool, StoreError>>;
            mirrored(id: SessionId, epoch: u32, frontier: u64) -> BoxFuture<'_, Result<(), StoreError>>;
            clear(id: SessionId, since: Mark) -> RoomAnswer<'_, u64>;
            begin(room: Room, keeps_line: bool) -> BoxFuture<'_, Result<bool, StoreError>>;
        }
    }
}

fn kept(namespace: Namespace, clock: Arc<dyn Clock>) -> Arc<dyn WaitingRoom> {
    let rooms = RedisRooms::open(namespace.url(), Some(clock)).expect("the URL of a test is sound");
    Arc::new(Kept { rooms, _namespace: namespace })
}

async fn on_server(clock: Arc<dyn Clock>) -> Option<Arc<dyn WaitingRoom>> {
    Some(kept(Namespace::create().await?, clock))
}

async fn on_cluster(clock: Arc<dyn Clock>) -> Option<Arc<dyn WaitingRoom>> {
    Some(kept(Namespace::on_cluster().await?, clock))
}

async fn engine_on_server(clock: Arc<dyn Clock>) -> Option<Fixture> {
    let rooms = on_server(Arc::clone(&clock)).await?;
    Some(Fixture::of(Arc::new(MemoryStore::new(clock))).with_waiting_room(rooms))
}

async fn engine_on_cluster(clock: Arc<dyn Clock>) -> Option<Fixture> {
    let rooms = on_cluster(Arc::clone(&clock)).await?;
    Some(Fixture::of(Arc::new(MemoryStore::new(clock))).with_waiting_room(rooms))
}

async fn engine_beside_postgres(clock: Arc<dyn Clock>) -> Option<Fixture> {
    let rooms = on_server(Arc::clone(&clock)).await?;
    let database = Database::migrated().await?;
    let options = OpenOptions { clock: Some(clock), ..OpenOptions::new(Role::Server) };
    let store = open(database.url(), options).expect("a database's URL is read");
    Some(Fixture::of(store).with_waiting_room(rooms).keeping(database))
}

mod beside_postgres {
    use super::engine_beside_postgres;

    ticketing_core::conformance!(engine_beside_postgres);
}

mod server {
    use super::{engine_on_server, on_server};

    ticketing_core::waiting_room_conformance!(on_server);

    mod engine {
        use super::engine_on_server;

        ticketing_core::conformance!(engine_on_server);
    }
}

mod cluster {
    use super::{engine_on_cluster, on_cluster};

    ticketing_core::waiting_room_conformance!(on_cluster);

    mod engine {
        use super::engine_on_cluster;

        ticketing_core::conformance!(engine_on_cluster);
    }
}

/// A server of a test's own, which forgets on demand: it has no replica, so its snapshot is what it falls back to.
#[derive(Debug)]
struct Forgetting(Server);

impl Misfortune for Forgetting {
    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.flush())
    }

    fn remember(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.0.ask::<()>(&["SAVE"]).await })
    }

    fn fall_back(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.0.kill().await;
            self.0.restart().await;
        })
    }
}

async fn lossy(clock: Arc<dyn Clock>) -> Option<(Fixture, Arc<dyn Misfortune>)> {
    let server = Server::start(&[]).await?;
    let rooms = RedisRooms::open(&server.url(""), Some(Arc::clone(&clock))).expect("the URL of a test is sound");
    let fixture = Fixture::of(Arc::new(MemoryStore::new(clock))).with_waiting_room(Arc::new(rooms));
    Some((fixture, Arc::new(Forgetting(server))))
}

ticketing_core::lost_room_conformance!(lossy);

/// Rooms of a server of a test's own, by its time.
async fn alone(server: &Server) -> (RedisRooms, SessionId) {
    let rooms = RedisRooms::open(&server.url(""), None).expect("the URL of a test is sound");
    let session = SessionId::from_uuid(Uuid::from_u128(0x5e));
    let room = Room { apart: true, ..Room::new(session, rooms.now().await.unwrap()) };
    assert!(rooms.begin(room, false).await.unwrap());
    (rooms, session)
}

/// Where a room is kept: the hash, its line, and its places.
fn keys(session: SessionId) -> [String; 3] {
    ["", ":line", ":places"].map(|part| format!("{{ticketing:{}}}:room{part}", session.uuid().simple()))
}

async fn come(rooms: &RedisRooms, session: SessionId, users: std::ops::Range<u32>) {
    let arrivals = users.map(|n| Arrival { user_id: buyer(n), over: None }).collect();
    let terms = Terms { open: true, max_length: None, at_once: false, waits_from: None };
    rooms.append(session, Mark::default(), arrivals, terms).await.unwrap();
}

#[tokio::test]
async fn a_line_is_sent_away_once_though_the_answer_is_lost() {
    let Some(server) = Server::start(&[]).await else { return };
    let (_, session) = alone(&server).await;
    let way = Proxy::start(server.address());
    let rooms = RedisRooms::open(&server.url_through(way.address(), ""), None).expect("the URL of a test is sound");
    come(&rooms, session, 0..3).await;
    assert_eq!(rooms.clear(session, Mark::default()).await.unwrap().found, 3);
    come(&rooms, session, 0..3).await;
    // The answer comes later than anybody waits for it, and whatever is asked next at once.
    way.delay(Duration::from_millis(600));
    let [root, ..] = keys(session);
    let cleared = tokio::join!(rooms.clear(session, Mark::default()), async {
        while server.ask::<u64>(&["HGET", &root, "s"]).await == 1 {}
        sleep(Duration::from_millis(50)).await;
        way.delay(Duration::ZERO);
    })
    .0;
    assert!(matches!(cleared, Err(RoomError::Store(StoreError::Unavailable { .. }))), "{cleared:?}");
    come(&rooms, session, 3..5).await;
    let reply = rooms.load(session, Mark::default(), 9).await.unwrap();
    assert_eq!((reply.found.steps, reply.room.waiting), (2, 2));
}

#[tokio::test]
async fn a_room_is_kept_as_long_as_somebody_asks_about_it() {
    let Some(server) = Server::start(&[]).await else { return };
    let (rooms, session) = alone(&server).await;
    let kept = async |key: &str| server.ask::<i64>(&["TTL", key]).await > 1_000_000;
    come(&rooms, session, 0..2).await;
    for key in keys(session) {
        server.ask::<()>(&["EXPIRE", &key, "100"]).await;
    }
    rooms.look(session, Mark::default(), vec![]).await.unwrap();
    for key in keys(session) {
        assert!(kept(&key).await, "{key}");
    }
    let [root, _, places] = keys(session);
    server.ask::<()>(&["DEL", &places]).await;
    let gone = GivenUp { visitor: Visitor { user_id: buyer(0), number: 1 }, state: PlaceState::Left };
    rooms.give_up(session, Mark::default(), vec![gone]).await.unwrap();
    assert!(kept(&places).await && kept(&root).await);
}

#[tokio::test]
async fn rooms_limits_and_the_ledger_need_no_key_but_those_of_their_prefix() {
    let Some(server) = Server::start(&[]).await else { return };
    server.ask::<()>(&["ACL", "SETUSER", "shop", "on", ">hunter2", "+@all", "~{ticketing}*", "~{ticketing:*"]).await;
    let url = format!("redis://shop:hunter2@{}", server.address());
    let rooms = RedisRooms::open(&url, None).expect("the URL of a test is sound");
    rooms.now().await.unwrap();
    let session = SessionId::from_uuid(Uuid::from_u128(0x5e));
    let room = Room { apart: true, ..Room::new(session, rooms.now().await.unwrap()) };
    assert!(rooms.begin(room, false).await.unwrap());
    come(&rooms, session, 0..2).await;
    rooms.clear(session, Mark::default()).await.unwrap();
    let limits = RedisLimits::open(&url).expect("the URL of a test is sound");
    let share = Share { name: "hold_per_user", most: 1, per: Duration::from_secs(60) };
    assert_eq!(limits.take("alice", &[share]).await.unwrap(), None);
    let store = open(&url, OpenOptions::new(Role::Server)).expect("the URL of a test is sound");
    store.migrate().await.unwrap();
}
