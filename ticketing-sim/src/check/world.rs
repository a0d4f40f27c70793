//! One run: faults first, then healing, then everything has to come to its end.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::join_all;
use ticketing_core::store::{Backend, kv::KvStore, memory::MemoryKv};
use tokio::{sync::oneshot, time::sleep};

use super::{
    books,
    buyer::Shopper,
    gate::Gate,
    history::{Ask, Op, State, Who, Wish},
    latecomers,
    lookout::Lookout,
    opening::open,
    oracle::{self, Breach, Evidence, Terms},
    organiser,
    plan::Plan,
    scene::{self, Scene},
    sim::{
        bank::Bank,
        executor::{Executor, Owner},
        faults::{Fault, Faults},
        nodes::{self, Nodes},
        store::DistantKv,
        time::TrueClock,
        trace::Trace,
    },
};

/// How long everything may take to come to its end.
const DRAINED_WITHIN: Duration = Duration::from_secs(5_400);

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub seed: u64,
    pub breaches: Vec<Breach>,
    pub digest: u64,
    pub trace: Vec<String>,
    pub operations: BTreeMap<&'static str, u64>,
    pub acked: u64,
    pub refused: u64,
    pub unknown: u64,
    pub faults: BTreeMap<Fault, u64>,
    pub drawn: BTreeSet<(Fault, u64)>,
    pub commits: u64,
    pub looks: u64,
    pub simulated: Duration,
}

/// Runs `plan`, and judges it.
pub fn run(plan: &Plan, keep_trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return broken(plan, format!("no runtime: {error}")),
    };
    let _guard = runtime.enter();
    let executor = Executor::new(plan.seed);
    let clock = TrueClock::begin();
    let trace = Trace::new(clock.clone(), keep_trace);
    let faults = Faults::new(plan.seed, plan.rates.clone(), plan.left_out.clone());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let world =
            World { clock: clock.clone(), executor: executor.clone(), trace: trace.clone(), faults: faults.clone() };
        runtime.block_on(async { executor.run(live(plan.clone(), world)).await })
    }));
    // What still waits goes before its timers do.
    executor.clear();
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let text = text.unwrap_or_else(|| "a panic without words".to_owned());
        let place = PANICKED_AT.take().unwrap_or_else(|| "an unknown place".to_owned());
        trace.note(format_args!("a panic at {place}: {text}"));
        Outcome {
            digest: trace.digest(),
            trace: trace.lines(),
            faults: faults.struck(),
            drawn: faults.drawn(),
            simulated: clock.elapsed(),
            ..broken(plan, format!("a panic at {place}: {text}"))
        }
    })
}

thread_local! {
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where this thread panics, for the outcome of its run.
pub fn panics(info: &PanicHookInfo<'_>) {
    PANICKED_AT.set(info.location().map(ToString::to_string));
}

/// What is there before anything else.
struct World {
    clock: TrueClock,
    executor: Executor,
    trace: Trace,
    faults: Faults,
}

fn broken(plan: &Plan, detail: String) -> Outcome {
    Outcome { seed: plan.seed, breaches: vec![Breach::of("defect", detail)], ..Outcome::default() }
}

async fn live(plan: Plan, world: World) -> Outcome {
    let World { clock, executor, trace, faults } = world;
    let kv = MemoryKv::new(Arc::new(clock.clone()));
    let store: Arc<dyn Backend> = Arc::new(KvStore::over(kv.clone()));
    let distant = DistantKv::to(kv, executor.clone(), faults.clone(), trace.clone(), plan.seed ^ 1);
    let bank = Bank::new(faults.clone(), trace.clone(), plan.seed ^ 2);
    let sessions = match open(&store, &bank, &clock, &executor, &plan.sales).await {
        Ok(sessions) => sessions,
        Err(error) => return broken(&plan, format!("the sale does not open: {error}")),
    };
    let parts = nodes::Parts {
        executor: executor.clone(),
        store: distant.clone(),
        bank: bank.clone(),
        clock: clock.clone(),
        rates: plan.rates.clone(),
        trace: trace.clone(),
        seed: plan.seed,
    };
    let nodes = Nodes::new(parts, &plan.nodes);
    let sales = plan.sales.clone();
    let scene = Scene::new(scene::Parts { nodes, bank, clock, executor, faults, trace, store, sales, sessions });
    let gate = Gate::watch(&scene, distant.commits()).await;
    let mut run = Run { plan, scene, distant, gate, lookout: Lookout::default(), breaches: Vec::new() };
    run.safety().await;
    run.heal().await;
    run.settle().await;
    for sale in 0..run.plan.sales.len() * usize::from(run.plan.latecomers) {
        run.breaches.extend(latecomers::come(&run.scene, sale, run.plan.seed).await);
    }
    run.settle().await;
    run.judge().await
}

struct Run {
    plan: Plan,
    scene: Scene,
    distant: DistantKv,
    gate: Gate,
    lookout: Lookout,
    breaches: Vec<Breach>,
}

impl Run {
    /// Everybody does what they came for, while everything goes wrong.
    async fn safety(&mut self) {
        for index in 0..self.plan.nodes.len() {
            self.scene.nodes.start(index);
        }
        for (after, mishap) in self.plan.mishaps.clone() {
            let (scene, store) = (self.scene.clone(), self.distant.clone());
            self.task(after, async move { organiser::mishap(scene, store, mishap).await });
        }
        let mut done = Vec::new();
        for (number, (after, chore)) in self.plan.chores.clone().into_iter().enumerate() {
            let random = Rng::with_seed(self.plan.seed.wrapping_add(7_919 * number as u64));
            let scene = self.scene.clone();
            done.push(self.task(after, async move { organiser::chore(scene, random, chore).await }));
        }
        for buyer in self.plan.buyers.clone() {
            let mut shopper = Shopper::new(self.scene.clone(), buyer.number, buyer.sale, self.plan.seed);
            done.push(self.task(buyer.arrives, async move { shopper.go(&buyer.steps).await }));
        }
        self.lookout.watch(&self.scene, self.plan.seed ^ 3);
        join_all(done).await;
        if self.plan.heals_late {
            self.until(DRAINED_WITHIN, |scene| scene.undelivered() == 0).await;
        }
    }

    /// Runs `work` as a task of the world, after so many milliseconds; the answer is its end.
    fn task(&self, after: u64, work: impl Future<Output = ()> + Send + 'static) -> oneshot::Receiver<()> {
        let (done, end) = oneshot::channel();
        self.scene.executor.spawn(Owner::World, async move {
            sleep(Duration::from_millis(after)).await;
            work.await;
            // Nobody may be waiting for it.
            let _ = done.send(());
        });
        end
    }

    /// Nothing goes wrong any more, and what was left open is asked for again.
    async fn heal(&mut self) {
        self.scene.trace.note("everything heals");
        self.scene.faults.heal();
        self.scene.nodes.heal();
        self.distant.set_down(false);
        // Until whoever stood still is awake, and what was under way has arrived.
        sleep(Duration::from_secs(60)).await;
        // A halt that nobody was answered may have come behind the opening.
        let is_open_halt =
            |op: &Op| op.ask == Ask::SetOpen(false) && matches!(op.state(), State::Unknown | State::Pending);
        let halted: BTreeSet<usize> =
            self.scene.recorder.all().iter().filter(|op| is_open_halt(op)).map(|op| op.sale).collect();
        let mut random = Rng::with_seed(self.plan.seed ^ 5);
        for sale in halted {
            organiser::open(&self.scene, &mut random, sale).await;
        }
        let mut open: BTreeMap<(usize, u32, String), (State, Wish)> = BTreeMap::new();
        for op in self.scene.recorder.all() {
            let (Who::Buyer(user), Ask::Hold { key, wish, token_of }) = (op.who, &op.ask) else { continue };
            if token_of.is_none_or(|of| of == user) {
                open.insert((op.sale, user, key.clone()), (op.state(), wish.clone()));
            }
        }
        for ((sale, user, key), (state, wish)) in open {
            if matches!(state, State::Unknown | State::Pending) {
                let mut shopper = Shopper::new(self.scene.clone(), user, sale, self.plan.seed ^ 4);
                let number = key.trim_start_matches('k').parse().unwrap_or(0);
                shopper.hold(number, wish).await;
            }
        }
    }

    /// Until every report is heard, every hold over and every refund made.
    async fn settle(&mut self) {
        if !self.until(DRAINED_WITHIN, |scene| scene.undelivered() == 0 && scene.nodes.backlog() == 0).await {
            let (reports, commands) = (self.scene.undelivered(), self.scene.nodes.backlog());
            let detail = format!("{reports} reports of the gateway and {commands} commands are never taken");
            self.breaches.push(Breach::of("liveness", detail));
        }
        let longest = self.plan.sales.iter().map(|sale| {
            let line = sale.line.as_ref().map_or(0, |line| line.wait_seconds + line.window_seconds);
            sale.ttl_seconds + line
        });
        sleep(Duration::from_secs(u64::from(longest.max().unwrap_or(0)) + 60)).await;
        let mut waited = Duration::ZERO;
        while waited < DRAINED_WITHIN && self.undelivered().await > 0 {
            sleep(Duration::from_secs(120)).await;
            waited += Duration::from_secs(120);
        }
    }

    async fn undelivered(&self) -> usize {
        let mut count = 0;
        for session in &*self.scene.sessions {
            let books = books::read(&*self.scene.store, *session).await;
            count += books.map_or(0, |books| books.undelivered);
        }
        count
    }

    async fn until(&self, within: Duration, reached: impl Fn(&Scene) -> bool) -> bool {
        let mut waited = Duration::ZERO;
        while !reached(&self.scene) {
            if waited >= within {
                return false;
            }
            let pause = if waited < Duration::from_secs(60) { Duration::from_secs(1) } else { Duration::from_secs(20) };
            sleep(pause).await;
            waited += pause;
        }
        true
    }

    async fn judge(mut self) -> Outcome {
        self.lookout.look(&self.scene).await;
        let mut evidence = Evidence {
            ops: self.scene.recorder.all(),
            bank: self.scene.bank.books(),
            turns: self.gate.turns(),
            ..Evidence::default()
        };
        for (sale, session) in self.plan.sales.iter().zip(&*self.scene.sessions) {
            evidence.sales.push(Terms {
                total: i64::from(sale.stock),
                limit: i64::from(sale.limit),
                price: sale.price,
                ttl: i64::from(sale.ttl_seconds) * 1_000_000,
                line: sale.line.clone(),
            });
            match books::read(&*self.scene.store, *session).await {
                Ok(books) => evidence.end.push(books),
                Err(error) => self.breaches.push(Breach::of("defect", error.to_string())),
            }
        }
        let (seen, looks) = self.lookout.report();
        let mut breaches = std::mem::take(&mut self.scene.known().breaches);
        breaches.append(&mut self.breaches);
        breaches.extend(oracle::judge(&evidence));
        breaches.extend(seen);
        breaches.dedup();
        for breach in &breaches {
            self.scene.trace.note(format_args!("broken: {}: {}", breach.invariant, breach.detail));
        }
        let faults = &self.scene.faults;
        faults.add(Fault::Conflict, self.scene.nodes.injected(&["conflict_before", "conflict_after"]));
        faults.add(Fault::DecidedTwice, self.scene.nodes.injected(&["decided_twice"]));
        let count = |state| evidence.ops.iter().filter(|op| op.state() == state).count() as u64;
        Outcome {
            seed: self.plan.seed,
            breaches,
            digest: self.scene.trace.digest(),
            trace: self.scene.trace.lines(),
            operations: operations(&evidence.ops),
            acked: count(State::Acked),
            refused: count(State::Failed),
            unknown: count(State::Unknown) + count(State::Pending),
            faults: faults.struck(),
            drawn: faults.drawn(),
            commits: *self.distant.commits().borrow(),
            looks,
            simulated: self.scene.clock.elapsed(),
        }
    }
}

fn operations(ops: &[Op]) -> BTreeMap<&'static str, u64> {
    let mut counted = BTreeMap::new();
    for op in ops {
        let kind = match op.ask {
            Ask::Hold { .. } => "hold",
            Ask::Release { .. } => "release",
            Ask::Checkout { .. } => "checkout",
            Ask::Callback { .. } => "callback",
            Ask::Join => "join",
            Ask::Poll { .. } => "poll",
            Ask::Leave { .. } => "leave",
            Ask::Refund { .. } => "refund",
            Ask::Scan { .. } => "scan",
            Ask::SetTotal(_) | Ask::SetLimit(_) | Ask::SetPrice(_) | Ask::SetOpen(_) | Ask::Clear => "organiser",
        };
        *counted.entry(kind).or_default() += 1;
    }
    counted
}
