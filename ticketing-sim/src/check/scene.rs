//! What everybody in a run shares, and how they ask the engine something.

use std::{
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use ticketing_core::{
    Ticketing,
    clock::Timestamp,
    engine::EngineError,
    hold::{Hold, Wanted},
    ids::{HoldId, OrderId, SessionId, UserId},
    store::{Backend, StoreError},
    testing::SimClock,
};
use uuid::Uuid;

use super::{
    history::{Answer, Ask, At, Recorder, User, Who, Wish},
    oracle::Breach,
    plan::Sale,
    refusals::Told,
    sim::{
        bank::Bank,
        executor::Executor,
        faults::{Fault, Faults},
        nodes::{Nodes, Reply},
        time::TrueClock,
        trace::Trace,
    },
    words::{name, told, words},
};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(40);

/// A run under way. A clone is the same run.
#[derive(Clone)]
pub struct Scene {
    pub nodes: Nodes,
    pub bank: Bank,
    pub clock: TrueClock,
    pub executor: Executor,
    pub faults: Faults,
    pub trace: Trace,
    pub recorder: Recorder,
    /// The store itself, without a network in between.
    pub store: Arc<dyn Backend>,
    pub sales: Arc<Vec<Sale>>,
    pub sessions: Arc<Vec<SessionId>>,
    /// Reports of the gateway that nobody has taken yet.
    pub undelivered: Arc<AtomicUsize>,
    known: Arc<Mutex<Known>>,
}

/// What people tell each other.
#[derive(Debug, Default)]
pub struct Known {
    pub holds: Vec<(usize, User, HoldId)>,
    pub tokens: Vec<(usize, User, String, u64)>,
    pub orders: Vec<(usize, OrderId)>,
    pub breaches: Vec<Breach>,
}

/// What a [`Scene`] is made of.
pub struct Parts {
    pub nodes: Nodes,
    pub bank: Bank,
    pub clock: TrueClock,
    pub executor: Executor,
    pub faults: Faults,
    pub trace: Trace,
    pub store: Arc<dyn Backend>,
    pub sales: Vec<Sale>,
    pub sessions: Vec<SessionId>,
}

impl Scene {
    /// A run that nobody has done anything in.
    pub fn new(parts: Parts) -> Self {
        let Parts { nodes, bank, clock, executor, faults, trace, store, sales, sessions } = parts;
        Self {
            nodes,
            bank,
            clock,
            executor,
            faults,
            trace,
            recorder: Recorder::default(),
            store,
            sales: Arc::new(sales),
            sessions: Arc::new(sessions),
            undelivered: Arc::default(),
            known: Arc::default(),
        }
    }

    /// The present instant.
    pub fn now(&self) -> At {
        i64::try_from(self.clock.elapsed().as_micros()).unwrap_or(At::MAX)
    }

    /// What people tell each other.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many reports of the gateway are on their way.
    pub fn undelivered(&self) -> usize {
        self.undelivered.load(Ordering::Relaxed)
    }

    /// Asks some node, writes question and answer down, and answers what was answered.
    pub async fn ask<T, R, F>(
        &self,
        random: &mut Rng,
        who: Who,
        sale: usize,
        ask: Ask,
        question: impl FnOnce(Ticketing) -> F,
        read: impl FnOnce(T) -> Answer,
    ) -> Answer
    where
        T: Send + 'static,
        R: Error + Told + Send + 'static,
        F: Future<Output = Result<T, EngineError<R>>> + Send + 'static,
    {
        let gone = who != Who::Gateway && self.faults.strikes(Fault::ClientGone);
        let patience = if gone { Duration::from_millis(random.u64(0..80)) } else { PATIENCE };
        let hangs_up = gone && random.bool();
        self.trace.note(format_args!("{} asks: {}", name(who), words(&ask)));
        let number = self.recorder.ask(who, sale, ask, self.now());
        let (node, reply) = self.nodes.ask(random, patience, hangs_up, question).await;
        let answer = match reply {
            Reply::Answer(Ok(done)) => read(done),
            Reply::Answer(Err(error)) => self.refused(error),
            Reply::Nobody => Answer::Failed("there is no node".to_owned()),
            Reply::Lost => Answer::Unknown,
        };
        self.trace.note(format_args!("{} is told by node {node}: {}", name(who), told(&answer)));
        self.recorder.answer(number, answer.clone(), self.now());
        answer
    }

    fn refused<R: Error + Told>(&self, error: EngineError<R>) -> Answer {
        match error {
            EngineError::Refused(refusal) => Answer::Refused(refusal.told()),
            EngineError::Store(StoreError::OutcomeUnknown { .. }) => Answer::Unknown,
            EngineError::Failed | EngineError::Store(StoreError::Corrupt { .. }) => {
                self.known().breaches.push(Breach::of("defect", error.to_string()));
                Answer::Failed(error.to_string())
            }
            other => Answer::Failed(other.to_string()),
        }
    }
}

/// The name of a buyer in the engine.
pub fn user_id(user: User) -> UserId {
    UserId::from_uuid(Uuid::from_u128(0x5_1000 + u128::from(user)))
}

/// The buyer of a name.
pub fn user_of(id: UserId) -> User {
    u32::try_from(id.uuid().as_u128().saturating_sub(0x5_1000)).unwrap_or(User::MAX)
}

/// An instant of the engine's, in the run's own count.
pub fn at(instant: Timestamp) -> At {
    instant.micros() - SimClock::START.micros()
}

/// What a hold is of.
pub fn wish_of(wanted: &Wanted) -> Wish {
    match wanted {
        Wanted::Quantity(count) => Wish::Tickets(*count),
        Wanted::Seats(seats) => Wish::Seats(seats.iter().map(ToString::to_string).collect()),
    }
}

/// An answer that names a hold.
pub fn held(hold: &Hold, replayed: bool) -> Answer {
    Answer::Held {
        hold: hold.id,
        owner: user_of(hold.user_id),
        wish: wish_of(&hold.wanted),
        amount: hold.amount.minor,
        created: at(hold.created_at),
        expires: at(hold.expires_at),
        replayed,
    }
}
