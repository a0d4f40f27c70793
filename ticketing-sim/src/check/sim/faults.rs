//! What goes wrong, how often, and what of it is left out when a failure is made smaller.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fastrand::Rng;

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident = $name:literal,)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $fault,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$fault,)+];

            /// Its name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)+ }
            }
        }
    };
}

faults! {
    /// A read or a write of the store takes seconds.
    StoreSlow = "store slow",
    /// A write's reply is lost, and the write comes later, when others have been faster.
    WriteReordered = "write reordered",
    /// A write is committed, and its reply is lost.
    ReplyLost = "reply lost after commit",
    /// A write is lost on its way in, and nobody can tell.
    RequestLost = "request lost before commit",
    /// The store refuses a call.
    StoreUnavailable = "store unavailable",
    /// The store refuses a batch for somebody who was faster.
    Conflict = "conflict",
    /// A batch is decided twice in one transaction.
    DecidedTwice = "decided twice",
    /// The store is down for a while.
    StoreDown = "store restarted",
    /// A node dies, and is started again with what the store has.
    NodeCrash = "node killed",
    /// A node stands still for a while.
    NodePause = "node paused",
    /// A node's clock steps forward.
    ClockJump = "clock jumped",
    /// The gateway does not answer an opening.
    OpenSilent = "opening unanswered",
    /// The gateway opens a payment, and its answer is lost.
    OpenReplyLost = "opening's reply lost",
    /// The gateway gives nothing back.
    RefundUnavailable = "refund unavailable",
    /// The gateway gives money back, and its answer is lost.
    RefundReplyLost = "refund's reply lost",
    /// A report comes an hour late.
    CallbackLate = "callback late",
    /// A report comes several times.
    CallbackCopied = "callback copied",
    /// The money is taken, and the gateway first says that it is not.
    CallbackContradicted = "callback reordered",
    /// A report names a payment of nobody.
    CallbackForeign = "callback of nobody",
    /// A client goes away before it is answered.
    ClientGone = "client timed out",
}

/// How often each kind strikes, in a thousand; how often it may be asked for is the kind's own matter.
#[derive(Debug, Clone, Default)]
pub struct Rates(BTreeMap<Fault, u32>);

impl Rates {
    /// With `per_thousand` for `fault`.
    pub fn set(&mut self, fault: Fault, per_thousand: u32) {
        self.0.insert(fault, per_thousand);
    }

    /// How often `fault` strikes.
    pub fn of(&self, fault: Fault) -> u32 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// Kinds that strike at all.
    pub fn kinds(&self) -> Vec<Fault> {
        self.0.iter().filter(|(_, rate)| **rate > 0).map(|(fault, _)| *fault).collect()
    }
}

/// Draws the faults of one run. A clone is the same drawing.
#[derive(Debug, Clone)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rates: Rates,
    /// One stream per kind: to leave a kind out changes no other.
    random: BTreeMap<Fault, Rng>,
    struck: BTreeMap<Fault, u64>,
    left_out: BTreeSet<(Fault, u64)>,
    healed: bool,
}

impl Faults {
    /// Faults at `rates`, drawn from `seed`, without those that are `left_out` by kind and number.
    pub fn new(seed: u64, rates: Rates, left_out: BTreeSet<(Fault, u64)>) -> Self {
        let stream = |fault: &Fault| (*fault, Rng::with_seed(seed.wrapping_mul(31).wrapping_add(*fault as u64)));
        let random = Fault::ALL.iter().map(stream).collect();
        let state = State { rates, random, struck: BTreeMap::new(), left_out, healed: false };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Whether `fault` strikes now, where it might.
    pub fn strikes(&self, fault: Fault) -> bool {
        let mut state = self.state();
        let rate = state.rates.of(fault);
        let drawn = state.random.get_mut(&fault).is_some_and(|random| random.u32(0..1_000) < rate);
        drawn && state.note(fault)
    }

    /// Notes a fault that was planned. Tells whether it is to happen.
    pub fn planned(&self, fault: Fault) -> bool {
        self.state().note(fault)
    }

    /// Notes faults that somebody else injected.
    pub fn add(&self, fault: Fault, times: u64) {
        if times > 0 {
            *self.state().struck.entry(fault).or_default() += times;
        }
    }

    /// Nothing strikes any more.
    pub fn heal(&self) {
        self.state().healed = true;
    }

    /// What struck, by kind.
    pub fn struck(&self) -> BTreeMap<Fault, u64> {
        let state = self.state();
        let left = |fault: &Fault| state.left_out.iter().filter(|(kind, _)| kind == fault).count() as u64;
        state.struck.iter().map(|(fault, times)| (*fault, times.saturating_sub(left(fault)))).collect()
    }

    /// Which faults were drawn, left out or not, by kind and number.
    pub fn drawn(&self) -> BTreeSet<(Fault, u64)> {
        let state = self.state();
        let each = state.struck.iter().flat_map(|(fault, times)| (0..*times).map(|number| (*fault, number)));
        each.filter(|drawn| !state.left_out.contains(drawn)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, fault: Fault) -> bool {
        if self.healed {
            return false;
        }
        let number = self.struck.entry(fault).or_default();
        let drawn = (fault, *number);
        *number += 1;
        !self.left_out.contains(&drawn)
    }
}
