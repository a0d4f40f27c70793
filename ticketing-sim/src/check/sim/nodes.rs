//! Engines on one store, each a node that may stand still, die and come back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use ticketing_core::{
    Ticketing,
    batcher::BatchSettings,
    engine::{Keys, TickReport},
    store::{Backend, kv::KvStore},
    testing::{FaultRates, FaultStore, SeededIds},
};
use tokio::{sync::oneshot, time::sleep};

use super::{
    bank::Bank,
    executor::{Executor, Owner},
    faults::{Fault, Rates},
    store::DistantKv,
    time::{NodeClock, TrueClock},
    trace::Trace,
};

/// Longest pause between two rounds of housekeeping.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// How a node is run.
#[derive(Debug, Clone)]
pub struct NodePlan {
    /// How far its clock is off, in milliseconds, each time it is started.
    pub clock_off_by: Vec<i64>,
    /// Between two rounds of housekeeping, in milliseconds; 0: by its own workers.
    pub tick_every: u64,
    /// Most commands in a batch.
    pub batch_len_max: usize,
}

/// All nodes. A clone is the same nodes.
#[derive(Clone)]
pub struct Nodes {
    shared: Arc<Shared>,
}

struct Shared {
    executor: Executor,
    store: DistantKv,
    bank: Bank,
    clock: TrueClock,
    rates: Rates,
    trace: Trace,
    seed: u64,
    nodes: Mutex<Vec<Node>>,
}

struct Node {
    plan: NodePlan,
    life: u32,
    up: Option<Up>,
    injected: Vec<Arc<FaultStore>>,
}

struct Up {
    engine: Ticketing,
    clock: NodeClock,
}

/// What came of a call.
#[derive(Debug)]
pub enum Reply<T> {
    /// The node answered.
    Answer(T),
    /// There was nobody to ask.
    Nobody,
    /// The node, or its caller, went away before there was an answer.
    Lost,
}

/// What the nodes of a run are made of.
#[derive(Debug)]
pub struct Parts {
    pub executor: Executor,
    pub store: DistantKv,
    pub bank: Bank,
    pub clock: TrueClock,
    pub rates: Rates,
    pub trace: Trace,
    pub seed: u64,
}

/// The secrets that all nodes share.
pub fn keys() -> Keys {
    Keys::new(b"the simulator's audit key", b"the simulator's queue key", &[11; 32])
}

impl Nodes {
    /// Nodes that are not up yet.
    pub fn new(parts: Parts, plans: &[NodePlan]) -> Self {
        let down = |plan: &NodePlan| Node { plan: plan.clone(), life: 0, up: None, injected: Vec::new() };
        let Parts { executor, store, bank, clock, rates, trace, seed } = parts;
        let nodes = Mutex::new(plans.iter().map(down).collect());
        Self { shared: Arc::new(Shared { executor, store, bank, clock, rates, trace, seed, nodes }) }
    }

    /// Starts node `index`, which knows nothing but what is in the store.
    pub fn start(&self, index: usize) {
        let shared = &self.shared;
        let mut nodes = self.nodes();
        let Some(node) = nodes.get_mut(index).filter(|node| node.up.is_none()) else { return };
        node.life += 1;
        let life = node.life as usize;
        let seed = shared.seed.wrapping_add(1_000 * index as u64 + life as u64);
        let store = Arc::new(FaultStore::new(Arc::new(KvStore::over(shared.store.clone())) as Arc<dyn Backend>));
        let conflicts = shared.rates.of(Fault::Conflict);
        let rates = FaultRates {
            conflict_before: conflicts / 2,
            conflict_after: conflicts - conflicts / 2,
            decided_twice: shared.rates.of(Fault::DecidedTwice),
            ..FaultRates::default()
        };
        store.plan(seed, rates);
        node.injected.push(Arc::clone(&store));
        let offs = &node.plan.clock_off_by;
        let clock = NodeClock::new(shared.clock.clone(), offs[life % offs.len()]);
        let owner = Owner::Node(index, node.life);
        let settings = BatchSettings { batch_len_max: node.plan.batch_len_max, ..BatchSettings::default() };
        let engine = Ticketing::builder(store, keys(), Arc::new(shared.bank.clone()))
            .clock(Arc::new(clock.clone()))
            .ids(Arc::new(SeededIds::new(seed)))
            .spawn(shared.executor.spawner(owner))
            .batches(settings)
            .build();
        if node.plan.tick_every == 0 {
            engine.start_workers();
        } else {
            shared.executor.spawn(owner, keep_house(engine.clone(), Duration::from_millis(node.plan.tick_every)));
        }
        node.up = Some(Up { engine, clock });
    }

    /// Ends node `index` between two steps, with everything it has in memory.
    pub fn kill(&self, index: usize) {
        let mut nodes = self.nodes();
        let Some(node) = nodes.get_mut(index) else { return };
        let up = node.up.take();
        let owner = Owner::Node(index, node.life);
        drop(nodes);
        if up.is_some() {
            self.shared.trace.fault(format_args!("node {index} is killed"));
            self.shared.executor.kill(owner);
        }
        drop(up);
    }

    /// Stops node `index` for `time`, as SIGSTOP would.
    pub async fn pause(&self, index: usize, time: Duration) {
        let owner = self.nodes().get(index).map(|node| Owner::Node(index, node.life));
        let Some(owner) = owner else { return };
        self.shared.trace.fault(format_args!("node {index} stands still for {} ms", time.as_millis()));
        self.shared.executor.pause(owner);
        sleep(time).await;
        self.shared.executor.resume(owner);
    }

    /// Steps the clock of node `index` forward.
    pub fn jump(&self, index: usize, millis: i64) {
        if let Some(up) = self.nodes().get(index).and_then(|node| node.up.as_ref()) {
            self.shared.trace.fault(format_args!("the clock of node {index} jumps by {millis} ms"));
            up.clock.jump(millis);
        }
    }

    /// Starts whoever is down, and ends what its stores were still to do wrong.
    pub fn heal(&self) {
        for index in 0..self.len() {
            self.start(index);
        }
        for node in &*self.nodes() {
            node.injected.iter().for_each(|store| store.heal());
        }
    }

    /// Whether node `index` is up.
    pub fn is_up(&self, index: usize) -> bool {
        self.nodes().get(index).is_some_and(|node| node.up.is_some())
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes().len()
    }

    /// How often the nodes' stores did something wrong by themselves.
    pub fn injected(&self, kinds: &[&str]) -> u64 {
        let nodes = self.nodes();
        let counts = nodes.iter().flat_map(|node| &node.injected).map(|store| store.injected());
        counts.map(|count| kinds.iter().filter_map(|kind| count.get(kind)).sum::<u64>()).sum()
    }

    /// Commands that wait on any node.
    pub fn backlog(&self) -> usize {
        self.nodes().iter().filter_map(|node| node.up.as_ref()).map(|up| up.engine.backlog()).sum()
    }

    /// Asks a node that is up, drawn by `random`, and waits for `patience` at most. With `hangs_up` the
    /// node stops working on it when its caller goes away; else it finishes for nobody.
    pub async fn ask<T, F>(
        &self,
        random: &mut Rng,
        patience: Duration,
        hangs_up: bool,
        question: impl FnOnce(Ticketing) -> F,
    ) -> (usize, Reply<T>)
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let up: Vec<(usize, Owner, Ticketing)> = {
            let nodes = self.nodes();
            let up = nodes.iter().enumerate().filter_map(|(index, node)| {
                Some((index, Owner::Node(index, node.life), node.up.as_ref()?.engine.clone()))
            });
            up.collect()
        };
        if up.is_empty() {
            return (0, Reply::Nobody);
        }
        let (index, owner, engine) = up[random.usize(0..up.len())].clone();
        drop(up);
        let (send, answer) = oneshot::channel();
        let (question, handle) = futures_util::future::abortable(question(engine));
        self.shared.executor.spawn(owner, async move {
            if let Ok(value) = question.await {
                // The caller may be gone.
                let _ = send.send(value);
            }
        });
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(value)) => (index, Reply::Answer(value)),
            Ok(Err(_)) => (index, Reply::Lost),
            Err(_) => {
                if hangs_up {
                    handle.abort();
                }
                (index, Reply::Lost)
            }
        }
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.shared.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ticks, less and less often while there is nothing to do.
async fn keep_house(engine: Ticketing, every: Duration) {
    let mut pause = every;
    loop {
        // What fails is tried again at the next round.
        let idle = engine.tick().await.is_ok_and(|report| report == TickReport::default());
        pause = if idle { (pause * 3 / 2).min(IDLE_MAX) } else { every };
        sleep(pause).await;
    }
}
