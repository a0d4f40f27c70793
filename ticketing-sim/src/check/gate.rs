//! Whoever stands at the waiting rooms and writes down every change, at the instant it is there.

use std::sync::{Arc, Mutex, PoisonError};

use ticketing_core::{
    ids::SessionId,
    store::StoreError,
    waiting_room::{PlaceState, Room},
};
use tokio::sync::watch;

use super::{
    history::{At, User},
    oracle::{Breach, Turn},
    scene::{Scene, user_of},
    sim::executor::Owner,
};

/// What was seen. A clone sees the same.
#[derive(Debug, Clone)]
pub struct Gate {
    turns: Arc<Mutex<Vec<Vec<Turn>>>>,
}

impl Gate {
    /// Watches the waiting rooms of `scene` from now on; `commits` tells when the store has changed.
    pub async fn watch(scene: &Scene, mut commits: watch::Receiver<u64>) -> Self {
        let gate = Self { turns: Arc::new(Mutex::new(vec![Vec::new(); scene.sales.len()])) };
        let mut rooms = Vec::new();
        for (sale, session) in scene.sessions.iter().enumerate() {
            if scene.sales[sale].line.is_some()
                && let Ok(Some(view)) = scene.store.queue(*session).await
            {
                rooms.push(Watched { sale, session: *session, room: view.room, changed: scene.now() });
            }
        }
        if rooms.is_empty() {
            return gate;
        }
        let (inside, scene) = (gate.clone(), scene.clone());
        let executor = scene.executor.clone();
        executor.spawn(Owner::World, async move {
            while commits.changed().await.is_ok() {
                for watched in &mut rooms {
                    match watched.look(&scene).await {
                        Ok(None) => {}
                        Ok(Some(turn)) => {
                            inside.turns.lock().unwrap_or_else(PoisonError::into_inner)[watched.sale].push(turn)
                        }
                        Err(error) => scene.known().breaches.push(Breach::of("defect", error.to_string())),
                    }
                }
            }
        });
        gate
    }

    /// What happened, sale by sale.
    pub fn turns(&self) -> Vec<Vec<Turn>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A room as it was last seen.
struct Watched {
    sale: usize,
    session: SessionId,
    room: Room,
    changed: At,
}

impl Watched {
    async fn look(&mut self, scene: &Scene) -> Result<Option<Turn>, StoreError> {
        let Some(view) = scene.store.queue(self.session).await? else { return Ok(None) };
        if view.room == self.room {
            return Ok(None);
        }
        let (before, since) = (std::mem::replace(&mut self.room, view.room), self.changed);
        self.changed = scene.now();
        let joined = self.guests(scene, before.next - 1, self.room.next - 1, &|_| true).await?;
        // Whoever had given up, or had waited for too long, was passed by.
        let let_in = |state| matches!(state, PlaceState::In | PlaceState::Bought);
        let admitted = self.guests(scene, before.frontier, self.room.frontier, &let_in).await?;
        Ok(Some(Turn { since, at: self.changed, joined, admitted }))
    }

    /// The places behind `after` through `through` that `of` takes.
    async fn guests(
        &self,
        scene: &Scene,
        after: u64,
        through: u64,
        of: &(dyn Fn(PlaceState) -> bool + Sync),
    ) -> Result<Vec<(u64, User)>, StoreError> {
        let mut guests = Vec::new();
        for number in after + 1..=through {
            let place = scene.store.place(self.session, number).await?;
            guests.extend(place.filter(|place| of(place.state)).map(|place| (number, user_of(place.user_id))));
        }
        Ok(guests)
    }
}
