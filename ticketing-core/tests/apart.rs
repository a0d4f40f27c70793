//! Waiting rooms apart from the ledger: the reference keeps the promises of its trait, the engine its own on it,
//! and a room that is lost is begun anew.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::{BoxFuture, ready};
use ticketing_core::{
    clock::{Clock, Timestamp},
    ids::SessionId,
    store::{StoreError, memory::MemoryStore},
    testing::{
        Fixture, Harness,
        clock::SimClock,
        harness::{ALICE, BOB},
        suite::lost::Misfortune,
    },
    waiting_room::{
        Advance, Arrival, Arrived, GivenUp, LineSlice, Mark, MemoryRooms, QueuePolicy, Remembered, Room, RoomAnswer,
        Seen, Terms, Visitor, WaitingRoom,
    },
};
use tokio::time::sleep;

async fn rooms(clock: Arc<dyn Clock>) -> Option<Arc<dyn WaitingRoom>> {
    Some(Arc::new(MemoryRooms::new(clock)))
}

ticketing_core::waiting_room_conformance!(rooms);

async fn apart(clock: Arc<dyn Clock>) -> Fixture {
    let rooms = MemoryRooms::new(Arc::clone(&clock));
    Fixture::of(Arc::new(MemoryStore::new(clock))).with_waiting_room(Arc::new(rooms))
}

mod engine {
    use super::apart;

    ticketing_core::conformance!(apart);
}

/// Memory that forgets on demand.
#[derive(Debug)]
struct Forgetting {
    rooms: Arc<MemoryRooms>,
    remembered: Mutex<Remembered>,
}

impl Misfortune for Forgetting {
    fn flush(&self) -> BoxFuture<'_, ()> {
        self.rooms.fall_back_to(Remembered::default());
        Box::pin(ready(()))
    }

    fn remember(&self) -> BoxFuture<'_, ()> {
        *self.remembered.lock().unwrap() = self.rooms.remembered();
        Box::pin(ready(()))
    }

    fn fall_back(&self) -> BoxFuture<'_, ()> {
        self.rooms.fall_back_to(self.remembered.lock().unwrap().clone());
        Box::pin(ready(()))
    }
}

async fn lossy(clock: Arc<dyn Clock>) -> Option<(Fixture, Arc<dyn Misfortune>)> {
    let rooms = Arc::new(MemoryRooms::new(Arc::clone(&clock)));
    let fixture = Fixture::of(Arc::new(MemoryStore::new(clock))).with_waiting_room(Arc::clone(&rooms) as _);
    Some((fixture, Arc::new(Forgetting { rooms, remembered: Mutex::default() })))
}

ticketing_core::lost_room_conformance!(lossy);

/// A way to rooms on which a beginning takes its time.
#[derive(Debug)]
struct Slow {
    rooms: Arc<MemoryRooms>,
    begins_after: Duration,
}

macro_rules! delegated {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        $(fn $name(&self, $($argument: $type),*) -> $answer { self.rooms.$name($($argument),*) })+
    };
}

impl WaitingRoom for Slow {
    delegated! {
        now() -> BoxFuture<'_, Result<Timestamp, StoreError>>;
        append(id: SessionId, since: Mark, arrivals: Vec<Arrival>, terms: Terms) -> RoomAnswer<'_, Vec<Arrived>>;
        look(id: SessionId, since: Mark, visitors: Vec<Visitor>) -> RoomAnswer<'_, Vec<Seen>>;
        give_up(id: SessionId, since: Mark, places: Vec<GivenUp>) -> RoomAnswer<'_, ()>;
        load(id: SessionId, since: Mark, limit: u32) -> RoomAnswer<'_, LineSlice>;
        advance_if(advance: Advance) -> BoxFuture<'_, Result<bool, StoreError>>;
        mirrored(id: SessionId, epoch: u32, frontier: u64) -> BoxFuture<'_, Result<(), StoreError>>;
        clear(id: SessionId, since: Mark) -> RoomAnswer<'_, u64>;
    }

    fn begin(&self, room: Room, keeps_line: bool) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            sleep(self.begins_after).await;
            self.rooms.begin(room, keeps_line).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_finds_a_room_about_to_begin_voids_nobodys_token() {
    let clock = Arc::new(SimClock::new());
    let rooms = Arc::new(MemoryRooms::new(Arc::clone(&clock) as _));
    let way = |millis| -> Option<Arc<dyn WaitingRoom>> {
        Some(Arc::new(Slow { rooms: Arc::clone(&rooms), begins_after: Duration::from_millis(millis) }))
    };
    let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as _));
    let here = Harness::with_a_room(store, way(100), Arc::clone(&clock)).await;
    here.queue_session(100, QueuePolicy { max_active: Some(1), ..QueuePolicy::default() }).await;
    let mut there = here.clone();
    there.waiting_room = way(200);
    let there = there.another_engine();
    // The ledger has the epoch by then, and its store has nothing.
    let later = async {
        sleep(Duration::from_millis(10)).await;
        there.join(BOB).await.unwrap()
    };
    let (alice, bob) = tokio::join!(here.join(ALICE), later);
    let alice = alice.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(here.status(ALICE, &alice.token).await.unwrap().position, 1);
    assert_eq!(here.status(BOB, &bob.token).await.unwrap().position, 2);
    there.engine.shutdown().await;
    here.engine.shutdown().await;
}
