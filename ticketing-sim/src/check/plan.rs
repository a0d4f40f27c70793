//! What a seed draws: how many nodes, what is on sale, who comes and does what, and what goes wrong.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::{
    persona::{self, Step},
    scenario::Scenario,
    sim::{
        faults::{Fault, Rates},
        nodes::NodePlan,
    },
};

/// Buyers of a run, at most.
pub const BUYERS_MAX: u32 = 22;
/// How long buyers keep arriving, in milliseconds.
const ARRIVALS: u64 = 60_000;

/// A run, before it is run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub nodes: Vec<NodePlan>,
    pub sales: Vec<Sale>,
    pub buyers: Vec<Buyer>,
    pub chores: Vec<(u64, Chore)>,
    pub mishaps: Vec<(u64, Mishap)>,
    pub rates: Rates,
    /// Single faults that are left out.
    pub left_out: BTreeSet<(Fault, u64)>,
    /// Faults go on until the last late report has come.
    pub heals_late: bool,
    /// When everything has healed, what is left is bought.
    pub latecomers: bool,
}

/// One session on sale.
#[derive(Debug, Clone)]
pub struct Sale {
    /// By seat, or by number.
    pub seated: bool,
    pub stock: u32,
    pub ttl_seconds: u32,
    pub limit: u32,
    pub price: i64,
    pub line: Option<Line>,
}

/// A waiting room.
#[derive(Debug, Clone)]
pub struct Line {
    pub per_second: Option<u32>,
    pub active_max: Option<u32>,
    pub len_max: Option<u32>,
    pub wait_seconds: u32,
    pub window_seconds: u32,
}

/// A buyer: when they come, and what they do.
#[derive(Debug, Clone)]
pub struct Buyer {
    pub number: u32,
    pub sale: usize,
    pub arrives: u64,
    pub steps: Vec<Step>,
}

/// What the organiser does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chore {
    SetTotal {
        sale: usize,
        total: i64,
    },
    /// The same, as soon as some hold is over.
    CutTotal {
        sale: usize,
        total: i64,
    },
    SetLimit {
        sale: usize,
        limit: i64,
    },
    SetPrice {
        sale: usize,
        price: i64,
    },
    Halt {
        sale: usize,
        millis: u64,
    },
    Clear {
        sale: usize,
    },
    ReleaseSomebody,
    RefundSomebody,
    ScanSomebody,
}

/// What happens to machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    StoreDown { millis: u64 },
    Crash { node: usize, millis: u64 },
    Pause { node: usize, millis: u64 },
    Jump { node: usize, millis: i64 },
}

impl Mishap {
    /// Its kind.
    pub const fn fault(self) -> Fault {
        match self {
            Self::StoreDown { .. } => Fault::StoreDown,
            Self::Crash { .. } => Fault::NodeCrash,
            Self::Pause { .. } => Fault::NodePause,
            Self::Jump { .. } => Fault::ClockJump,
        }
    }
}

impl Plan {
    /// What `seed` draws of `scenario`.
    pub fn draw(seed: u64, scenario: Scenario) -> Self {
        let mut random = Rng::with_seed(seed);
        let rates = draw_rates(&mut random, scenario);
        let by_workers = random.u8(0..4) == 0 && rates.of(Fault::CallbackLate) == 0;
        let node_count = if scenario == Scenario::Nodes { random.usize(2..4) } else { random.usize(1..4) };
        let nodes = (0..node_count).map(|_| draw_node(&mut random, by_workers)).collect();
        let sales = draw_sales(&mut random, scenario);
        let buyers = draw_buyers(&mut random, scenario, &sales);
        let chores = draw_chores(&mut random, scenario, &sales);
        let mishaps = draw_mishaps(&mut random, &rates, node_count);
        let heals_late = random.u8(0..3) == 0;
        Self {
            seed,
            nodes,
            sales,
            buyers,
            chores,
            mishaps,
            rates,
            left_out: BTreeSet::new(),
            heals_late,
            latecomers: true,
        }
    }
}

fn draw_rates(random: &mut Rng, scenario: Scenario) -> Rates {
    let mut rates = Rates::default();
    let severity = random.u32(1..4);
    // One run in ten is a calm one.
    let calm = random.u8(0..10) == 0;
    for fault in Fault::ALL {
        let (often, within) = match fault {
            Fault::StoreSlow => (2, 1..8),
            Fault::WriteReordered | Fault::RequestLost | Fault::StoreUnavailable => (2, 4..30),
            Fault::ReplyLost => (1, 10..60),
            Fault::Conflict | Fault::DecidedTwice => (2, 10..80),
            Fault::StoreDown | Fault::NodeCrash | Fault::NodePause | Fault::ClockJump => (2, 1..3),
            Fault::OpenSilent => (3, 20..120),
            Fault::OpenReplyLost => (2, 30..200),
            Fault::RefundUnavailable => (2, 50..400),
            Fault::RefundReplyLost => (1, 50..400),
            Fault::CallbackLate => (4, 50..300),
            Fault::CallbackCopied => (1, 100..600),
            Fault::CallbackContradicted => (2, 50..300),
            Fault::CallbackForeign => (3, 30..200),
            Fault::ClientGone => (2, 10..80),
        };
        let drawn = random.u32(within);
        let on = random.u32(0..often + 1) == 0 || (often == 1 && random.bool());
        let planned = matches!(fault, Fault::StoreDown | Fault::NodeCrash | Fault::NodePause | Fault::ClockJump);
        let forced = planned && scenario == Scenario::Nodes;
        if (on || forced) && !calm {
            rates.set(*fault, if planned { drawn } else { drawn * severity / 2 + 1 });
        }
    }
    rates
}

fn draw_node(random: &mut Rng, by_workers: bool) -> NodePlan {
    let off = |random: &mut Rng| match random.u8(0..6) {
        0 => 0,
        1 => random.i64(-3_600_000..3_600_000),
        _ => random.i64(-30_000..30_000),
    };
    NodePlan {
        clock_off_by: (0..4).map(|_| off(random)).collect(),
        tick_every: if by_workers { 0 } else { [200, 1_000, 4_000, 9_000][random.usize(0..4)] },
        batch_len_max: [1, 4, 1_024][random.usize(0..3)],
    }
}

fn draw_sales(random: &mut Rng, scenario: Scenario) -> Vec<Sale> {
    let count = if random.u8(0..3) == 0 { 2 } else { 1 };
    let mut sales = Vec::new();
    for _ in 0..count {
        let seated = match scenario {
            Scenario::Seats => true,
            Scenario::Quantity => false,
            _ => random.u8(0..3) == 0,
        };
        let queued = match scenario {
            Scenario::Queue => true,
            Scenario::Quantity | Scenario::Seats | Scenario::Payments => false,
            _ => random.u8(0..3) == 0,
        };
        let line = queued.then(|| Line {
            per_second: random.bool().then(|| random.u32(1..4)),
            active_max: random.bool().then(|| random.u32(1..5)),
            len_max: (random.u8(0..4) == 0).then(|| random.u32(2..8)),
            wait_seconds: random.u32(20..120),
            window_seconds: random.u32(10..60),
        });
        sales.push(Sale {
            seated,
            stock: random.u32(1..8),
            ttl_seconds: random.u32(4..25),
            limit: random.u32(1..5),
            price: random.i64(1..4) * 10_000,
            line,
        });
    }
    sales
}

fn draw_buyers(random: &mut Rng, scenario: Scenario, sales: &[Sale]) -> Vec<Buyer> {
    let count = random.u32(6..BUYERS_MAX);
    let crowd = random.bool();
    let favourite = random.u8(..);
    (0..count)
        .map(|number| {
            // A stream of its own, so that one buyer less changes no other.
            let mut own = Rng::with_seed(random.u64(..));
            let sale = own.usize(0..sales.len());
            let arrives = if crowd { own.u64(0..3_000) } else { own.u64(0..ARRIVALS) };
            let steps = persona::draw(&mut own, scenario, &sales[sale], favourite);
            Buyer { number, sale, arrives, steps }
        })
        .collect()
}

fn draw_chores(random: &mut Rng, scenario: Scenario, sales: &[Sale]) -> Vec<(u64, Chore)> {
    let busy = scenario == Scenario::Organiser || random.u8(0..3) == 0;
    let count = if busy { random.usize(2..9) } else { random.usize(0..3) };
    let chore = |random: &mut Rng| {
        let sale = random.usize(0..sales.len());
        let what = match random.u8(0..14) {
            0 | 1 if !sales[sale].seated => Chore::SetTotal { sale, total: random.i64(0..9) },
            12 | 13 if !sales[sale].seated => {
                Chore::CutTotal { sale, total: random.i64(0..i64::from(sales[sale].stock)) }
            }
            2 => Chore::SetLimit { sale, limit: random.i64(1..6) },
            3 => Chore::SetPrice { sale, price: random.i64(1..5) * 10_000 },
            4 => Chore::Halt { sale, millis: random.u64(500..8_000) },
            5 if sales[sale].line.is_some() => Chore::Clear { sale },
            6 => Chore::ReleaseSomebody,
            7 | 8 => Chore::RefundSomebody,
            _ => Chore::ScanSomebody,
        };
        (random.u64(1_000..ARRIVALS + 30_000), what)
    };
    (0..count).map(|_| chore(random)).collect()
}

/// A mishap to a node, of about so many milliseconds.
type DrawnMishap = fn(&mut Rng, usize, u64) -> Mishap;

fn draw_mishaps(random: &mut Rng, rates: &Rates, nodes: usize) -> Vec<(u64, Mishap)> {
    let mut mishaps = Vec::new();
    // A clock of a running process never goes back, as `Clock` promises; one that is started again may.
    let jump = |random: &mut Rng, node, _| Mishap::Jump {
        node,
        millis: if random.bool() { 3_600_000 } else { random.i64(1_000..60_000) },
    };
    let kinds: [(Fault, DrawnMishap); 4] = [
        (Fault::StoreDown, |_, _, millis| Mishap::StoreDown { millis: millis / 2 }),
        (Fault::NodeCrash, |_, node, millis| Mishap::Crash { node, millis }),
        (Fault::NodePause, |_, node, millis| Mishap::Pause { node, millis: millis * 2 }),
        (Fault::ClockJump, jump),
    ];
    for (fault, of) in kinds {
        for _ in 0..rates.of(fault) {
            let node = random.usize(0..nodes);
            let millis = random.u64(100..20_000);
            let what = of(random, node, millis);
            mishaps.push((random.u64(0..ARRIVALS + 20_000), what));
        }
    }
    mishaps
}
