//! One thread, one seed: which task that is ready runs next is drawn, and everything follows.
//!
//! Timers are tokio's, whose clock is paused: it moves on when nothing is ready, to the next timer.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use fastrand::Rng;
use futures_util::future::BoxFuture;
use ticketing_core::batcher::Spawn;

/// Whose task it is: what is paused and killed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Buyers, the organiser, the gateway, the store: whatever no fault of a node touches.
    World,
    /// A node, in one of its lives.
    Node(usize, u32),
}

/// Runs tasks, one at a time, in an order drawn from a seed. A clone is the same executor.
#[derive(Clone)]
pub struct Executor {
    state: Arc<Mutex<State>>,
}

struct State {
    random: Rng,
    tasks: BTreeMap<u64, Task>,
    ready: Vec<u64>,
    paused: Vec<Owner>,
    next: u64,
    driver: Option<Waker>,
}

struct Task {
    owner: Owner,
    /// `None` while it is being polled.
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
}

struct TaskWaker {
    task: u64,
    state: Arc<Mutex<State>>,
}

impl Executor {
    /// An executor without tasks.
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Rng::with_seed(seed),
            tasks: BTreeMap::new(),
            ready: Vec::new(),
            paused: Vec::new(),
            next: 0,
            driver: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Adds a task.
    pub fn spawn(&self, owner: Owner, future: impl Future<Output = ()> + Send + 'static) {
        let mut state = lock(&self.state);
        let task = state.next;
        state.next += 1;
        let waker = Waker::from(Arc::new(TaskWaker { task, state: Arc::clone(&self.state) }));
        state.tasks.insert(task, Task { owner, future: Some(Box::pin(future)), waker });
        state.ready.push(task);
        wake(state);
    }

    /// What spawns tasks of `owner`.
    pub fn spawner(&self, owner: Owner) -> Arc<dyn Spawn> {
        Arc::new(Spawner { executor: self.clone(), owner })
    }

    /// Lets no task of `owner` run until it is resumed.
    pub fn pause(&self, owner: Owner) {
        lock(&self.state).paused.push(owner);
    }

    /// Lets the tasks of `owner` run again.
    pub fn resume(&self, owner: Owner) {
        let mut state = lock(&self.state);
        state.paused.retain(|paused| *paused != owner);
        wake(state);
    }

    /// Drops every task of `owner`, wherever it stands.
    pub fn kill(&self, owner: Owner) {
        let mut state = lock(&self.state);
        let doomed: Vec<u64> = state.tasks.iter().filter(|(_, task)| task.owner == owner).map(|(id, _)| *id).collect();
        let dropped: Vec<_> = doomed.iter().filter_map(|id| state.tasks.remove(id)).collect();
        state.ready.retain(|id| !doomed.contains(id));
        state.paused.retain(|paused| *paused != owner);
        drop(state);
        // What falls with them may wake others.
        drop(dropped);
    }

    /// Drops all tasks.
    pub fn clear(&self) {
        let mut state = lock(&self.state);
        let dropped = std::mem::take(&mut state.tasks);
        state.ready.clear();
        drop(state);
        drop(dropped);
    }

    /// Runs tasks until `main` is done.
    pub async fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T {
        let result = Arc::new(Mutex::new(None));
        let done = Arc::clone(&result);
        self.spawn(Owner::World, async move {
            let value = main.await;
            *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        });
        let turns = poll_fn(|context| {
            lock(&self.state).driver = Some(context.waker().clone());
            loop {
                if let Some(value) = result.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    return Poll::Ready(value);
                }
                if !self.turn() {
                    return Poll::Pending;
                }
            }
        });
        // The budget of a tokio task is for fairness among many; here it would stop everybody at once.
        tokio::task::unconstrained(turns).await
    }

    /// Polls one task that is ready; tells whether there was one.
    fn turn(&self) -> bool {
        let Some((id, mut future, waker)) = self.draw() else { return false };
        let finished = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut state = lock(&self.state);
        let killed = match state.tasks.get_mut(&id) {
            Some(task) if !finished => {
                task.future = Some(future);
                return true;
            }
            known => known.is_none(),
        };
        state.tasks.remove(&id);
        state.ready.retain(|ready| *ready != id);
        drop(state);
        debug_assert!(finished || killed, "a task ends or is killed");
        drop(future);
        true
    }

    fn draw(&self) -> Option<(u64, BoxFuture<'static, ()>, Waker)> {
        let mut state = lock(&self.state);
        let State { random, tasks, ready, paused, .. } = &mut *state;
        let id = if paused.is_empty() {
            if ready.is_empty() {
                return None;
            }
            ready.swap_remove(random.usize(0..ready.len()))
        } else {
            let runs = |id: &u64| tasks.get(id).is_some_and(|task| !paused.contains(&task.owner));
            let may: Vec<usize> = (0..ready.len()).filter(|place| runs(&ready[*place])).collect();
            ready.swap_remove(*may.get(random.usize(0..may.len().max(1)))?)
        };
        let task = tasks.get_mut(&id)?;
        let taken = (id, task.future.take()?, task.waker.clone());
        Some(taken)
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        if state.tasks.contains_key(&self.task) && !state.ready.contains(&self.task) {
            state.ready.push(self.task);
            wake(state);
        }
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let driver = state.driver.take();
    drop(state);
    if let Some(driver) = driver {
        driver.wake();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A task that panicked ends the whole run; what is read after that is only dropped.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Spawner {
    executor: Executor,
    owner: Owner,
}

impl Spawn for Spawner {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.executor.spawn(self.owner, task);
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spawner").field(&self.owner).finish()
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Executor")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The order in which ten tasks that are always ready write three times each.
    fn order(seed: u64) -> Vec<u32> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let executor = Executor::new(seed);
        let written = Arc::new(Mutex::new(Vec::new()));
        for number in 0..10 {
            let written = Arc::clone(&written);
            executor.spawn(Owner::World, async move {
                for _ in 0..3 {
                    written.lock().unwrap().push(number);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        runtime.block_on(executor.run(async { tokio::time::sleep(Duration::from_secs(3_600)).await }));
        let written = written.lock().unwrap();
        written.clone()
    }

    #[test]
    fn a_seed_repeats_its_order_and_another_has_its_own() {
        assert_eq!(order(1).len(), 30);
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn a_paused_node_stands_still_and_a_killed_one_is_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let executor = Executor::new(7);
        let steps = Arc::new(Mutex::new(0));
        let node = Owner::Node(0, 1);
        let counted = Arc::clone(&steps);
        executor.spawn(node, async move {
            loop {
                *counted.lock().unwrap() += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let (inside, seen) = (executor.clone(), Arc::clone(&steps));
        runtime.block_on(executor.run(async move {
            let after = async |seconds: u64| {
                tokio::time::sleep(Duration::from_millis(seconds * 1_000 + 500)).await;
                *seen.lock().unwrap()
            };
            assert_eq!(after(3).await, 4);
            inside.pause(node);
            assert_eq!(after(60).await, 4);
            inside.resume(node);
            assert!(after(2).await > 4);
            inside.kill(node);
            let there = *seen.lock().unwrap();
            assert_eq!(after(60).await, there);
        }));
    }
}
