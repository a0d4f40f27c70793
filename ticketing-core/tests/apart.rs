//! Waiting rooms apart from the ledger: the reference keeps the promises of its trait, the engine its own on it,
//! and a room that is lost is begun anew.

use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, ready};
use ticketing_core::{
    clock::Clock,
    store::memory::MemoryStore,
    testing::{Fixture, suite::lost::Misfortune},
    waiting_room::{MemoryRooms, Remembered, WaitingRoom},
};

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
