//! Waiting rooms on Redis keep the promises of their trait, on one server and on a cluster, and the engine its own
//! on them; a room that Redis lost is begun anew.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use ticketing_core::{
    clock::Clock,
    store::memory::MemoryStore,
    testing::{Fixture, suite::lost::Misfortune},
    waiting_room::WaitingRoom,
};
use ticketing_store::{
    OpenOptions, Role, open,
    redis::RedisRooms,
    testing::{
        postgres::Database,
        redis::{Namespace, Server},
    },
};

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
