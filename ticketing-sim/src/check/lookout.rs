//! Whoever looks at the store itself, while everything goes on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use ticketing_core::{
    seat::Seat,
    store::StoreError,
    verify::{Violation, verify},
};
use tokio::time::sleep;

use super::{
    books,
    oracle::{Breach, Follower, Lives},
    scene::Scene,
    sim::{executor::Owner, nodes::keys},
};

/// Looks while faults strike, at most.
const LOOKS_MAX: u32 = 10;

/// What was seen. A clone sees the same.
#[derive(Debug, Clone, Default)]
pub struct Lookout {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    lives: Lives,
    /// Who follows the seats, sale by sale.
    followers: BTreeMap<usize, Follower>,
    /// Of the first look that found anything.
    found: Vec<Breach>,
    looks: u64,
}

impl Lookout {
    /// Looks from time to time: what was final stays, and every look finds the store sound.
    pub fn watch(&self, scene: &Scene, seed: u64) {
        let (lookout, scene, executor) = (self.clone(), scene.clone(), scene.executor.clone());
        let mut random = Rng::with_seed(seed);
        executor.spawn(Owner::World, async move {
            for _ in 0..LOOKS_MAX {
                sleep(Duration::from_millis(random.u64(1_000..15_000))).await;
                lookout.look(&scene).await;
            }
        });
    }

    /// Looks now.
    pub async fn look(&self, scene: &Scene) {
        let (mut books, mut found) = (Vec::new(), Vec::new());
        for session in &*scene.sessions {
            match books::read(&*scene.store, *session).await {
                Ok(read) => books.push(read),
                Err(error) => found.push(Breach::of("defect", error.to_string())),
            }
        }
        match verify(&*scene.store, &keys().audit).await {
            Ok(report) => found.extend(report.violations.iter().map(breach)),
            Err(error) => found.push(Breach::of("defect", error.to_string())),
        }
        for sale in (0..scene.sales.len()).filter(|sale| scene.sales[*sale].seated) {
            match self.follow(scene, sale).await {
                Ok(wrong) => found.extend(wrong),
                Err(error) => found.push(Breach::of("defect", error.to_string())),
            }
        }
        let mut seen = self.seen();
        books.iter().for_each(|books| books::observe(books, &mut seen.lives));
        if seen.found.is_empty() {
            seen.found = found;
        }
        seen.looks += 1;
    }

    /// Follows the seats of `sale` by what changed, and reads them all beside that, in one instant.
    async fn follow(&self, scene: &Scene, sale: usize) -> Result<Option<Breach>, StoreError> {
        let session = scene.sessions[sale];
        let mut follower = self.seen().followers.remove(&sale).unwrap_or_default();
        let begun = scene.now();
        let (changed, all) =
            (scene.store.seats(session, follower.since()).await?, scene.store.seats(session, None).await?);
        let mut wrong = None;
        if let (Some((of, changed)), Some((whole, all))) = (changed, all) {
            let state = |seat: Seat| (seat.id.to_string(), seat.status.as_str());
            follower.learn(of.version, changed.into_iter().map(state));
            if of.version == whole.version && begun == scene.now() {
                wrong = follower.compare(&all.into_iter().map(state).collect());
            }
        }
        self.seen().followers.insert(sale, follower);
        Ok(wrong)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was broken, and how often somebody looked.
    pub fn report(&self) -> (Vec<Breach>, u64) {
        let seen = std::mem::take(&mut *self.seen());
        let mut breaches = seen.lives.breaches();
        breaches.extend(seen.found);
        (breaches, seen.looks)
    }
}

fn breach(violation: &Violation) -> Breach {
    Breach::of(violation.invariant, format!("verify: {}: {}", violation.target, violation.detail))
}
