//! Many seeds on a few threads, told in their order.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use indicatif::ProgressBar;

use super::{
    plan::Plan,
    scenario::Scenario,
    world::{self, Outcome},
};

/// Which seeds, and of what.
#[derive(Debug, Clone)]
pub struct Seeds {
    pub first: u64,
    pub count: u64,
    pub scenario: Scenario,
    /// A bug that is planted meanwhile.
    pub plant: Option<&'static str>,
}

impl Seeds {
    /// Runs them on so many threads, each seed on one of them; with `first_only` no further than the
    /// first failure.
    pub fn run(&self, threads: usize, first_only: bool, traced: bool, bar: &ProgressBar) -> Vec<Outcome> {
        let next = AtomicU64::new(0);
        let last = AtomicU64::new(self.count);
        let done = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= last.load(Ordering::Relaxed) {
                    break;
                }
                let plan = Plan::draw(self.first.wrapping_add(number), self.scenario);
                // Anew for each seed: a bug may remember something.
                plant(self.plant);
                let outcome = world::run(&plan, traced);
                if first_only && !outcome.breaches.is_empty() {
                    // Every seed before this one is run or being run.
                    last.fetch_min(number + 1, Ordering::Relaxed);
                }
                bar.inc(1);
                done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, outcome);
            }
            plant(None);
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let last = last.load(Ordering::Relaxed);
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        // What is told does not depend on how far the other threads had come.
        done.into_iter().filter(|(number, _)| *number < last).map(|(_, outcome)| outcome).collect()
    }

    /// The command that runs `seed` again, alone.
    pub fn replay(&self, seed: u64) -> String {
        let mut command = format!("ticketing-sim check --seed {seed} --trace");
        if self.scenario != Scenario::All {
            command += &format!(" --scenario {}", self.scenario.name());
        }
        if let Some(bug) = self.plant {
            command += &format!(" --plant {bug}");
        }
        command
    }
}

/// Plants the bug of this name on this thread.
#[cfg(feature = "planted-bugs")]
pub fn plant(name: Option<&'static str>) {
    use ticketing_core::planted::{Planted, plant};
    plant(name.and_then(|name| Planted::ALL.iter().copied().find(|bug| bug.name() == name)));
}

/// There are no bugs to plant.
#[cfg(not(feature = "planted-bugs"))]
pub const fn plant(_name: Option<&'static str>) {}
