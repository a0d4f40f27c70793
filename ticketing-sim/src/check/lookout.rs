//! Whoever looks at the store itself, while everything goes on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use ticketing_core::verify::{Violation, verify};
use tokio::time::sleep;

use super::{
    books,
    oracle::{Breach, Lives},
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
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        books.iter().for_each(|books| books::observe(books, &mut seen.lives));
        if seen.found.is_empty() {
            seen.found = found;
        }
        seen.looks += 1;
    }

    /// What was broken, and how often somebody looked.
    pub fn report(&self) -> (Vec<Breach>, u64) {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let mut breaches = seen.lives.breaches();
        breaches.extend(seen.found);
        (breaches, seen.looks)
    }
}

fn breach(violation: &Violation) -> Breach {
    Breach::of(violation.invariant, format!("verify: {}: {}", violation.target, violation.detail))
}
