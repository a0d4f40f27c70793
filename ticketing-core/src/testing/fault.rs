//! A store that fails on demand, around one that does not.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use futures_util::future::BoxFuture;

use crate::{
    audit::{AuditRecord, ChainHead, StreamId},
    clock::Timestamp,
    event::{Event, EventStatus},
    hold::Hold,
    ids::{BatchId, CallbackId, EventId, HoldId, OrderId, PaymentId, SessionId, TicketId, UserId},
    order::Order,
    outbox::OutboxMessage,
    payment::{Callback, GatewayPaymentId, Payment},
    seat::Seat,
    session::Session,
    store::{
        AuditFilter, Backend, BatchHeader, BatchOutcome, CallbackToMatch, Changes, Decide, Decision, Durability,
        HoldFilter, Ledger, OrderFilter, Page, PageRequest, Queries, QueueView, Receipt, Schema, SchemaVersion,
        SessionView, Store, StoreError, TicketView,
    },
    ticket::Ticket,
    user::{Email, User},
    waiting_room::Place,
};

/// What can go wrong with one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It takes its time: so many turns of everybody else come first.
    Delay(u8),
    /// Somebody was faster before it was decided.
    ConflictBefore,
    /// Somebody was faster after it was decided: the whole batch must be decided again.
    ConflictAfter,
    /// It is decided twice in one transaction; only the second answer counts.
    DecidedTwice,
    /// It is committed and its reply is lost.
    ReplyLost,
    /// It is lost on its way in, and nobody can tell from outside.
    RequestLost,
    /// The store cannot be reached.
    Unavailable,
    /// The store goes down before it is written, and stays down until [`FaultStore::restart`].
    CrashBefore,
    /// The store goes down once it is committed, and stays down until [`FaultStore::restart`].
    CrashAfter,
    /// The store's own code panics before it is written.
    Panic,
}

/// How often each fault strikes, in writes of a thousand. At most 1,000 together.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "one rate per `Fault`, named like it")]
pub struct FaultRates {
    pub delay: u32,
    pub conflict_before: u32,
    pub conflict_after: u32,
    pub decided_twice: u32,
    pub reply_lost: u32,
    pub request_lost: u32,
    pub unavailable: u32,
    pub crash_before: u32,
    pub crash_after: u32,
    pub panic: u32,
}

impl FaultRates {
    /// Every fault but crashes, each in `per_thousand` of a thousand writes.
    pub const fn all_but_crashes(per_thousand: u32) -> Self {
        Self {
            delay: per_thousand,
            conflict_before: per_thousand,
            conflict_after: per_thousand,
            decided_twice: per_thousand,
            reply_lost: per_thousand,
            request_lost: per_thousand,
            unavailable: per_thousand,
            crash_before: 0,
            crash_after: 0,
            panic: per_thousand,
        }
    }

    fn draw(&self, random: &mut fastrand::Rng) -> Option<Fault> {
        let delay = Fault::Delay(random.u8(1..16));
        let mut roll = random.u32(0..1_000);
        let table = [
            (self.delay, delay),
            (self.conflict_before, Fault::ConflictBefore),
            (self.conflict_after, Fault::ConflictAfter),
            (self.decided_twice, Fault::DecidedTwice),
            (self.reply_lost, Fault::ReplyLost),
            (self.request_lost, Fault::RequestLost),
            (self.unavailable, Fault::Unavailable),
            (self.crash_before, Fault::CrashBefore),
            (self.crash_after, Fault::CrashAfter),
            (self.panic, Fault::Panic),
        ];
        for (rate, fault) in table {
            if roll < rate {
                return Some(fault);
            }
            roll -= rate;
        }
        None
    }
}

/// Wraps a store and makes it fail: by script, write by write, and behind the script by a seed.
#[derive(Debug)]
pub struct FaultStore {
    inner: Arc<dyn Backend>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Option<Fault>>,
    plan: Option<(FaultRates, fastrand::Rng)>,
    down: bool,
    injected: BTreeMap<&'static str, u64>,
    writes: u64,
}

impl FaultStore {
    /// `inner`, without faults so far.
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        Self { inner, state: Mutex::new(State::default()) }
    }

    /// Lets the next writes meet these, one each; `None` lets a write through.
    pub fn script(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.state().script.extend(faults);
    }

    /// Behind the script, lets faults strike at these rates, the same ones for the same seed.
    pub fn plan(&self, seed: u64, rates: FaultRates) {
        self.state().plan = Some((rates, fastrand::Rng::with_seed(seed)));
    }

    /// Ends script and plan, and restarts the store if it is down.
    pub fn heal(&self) {
        let mut state = self.state();
        state.script.clear();
        state.plan = None;
        state.down = false;
    }

    /// Takes the store down: every call fails until [`FaultStore::restart`].
    pub fn crash(&self) {
        self.state().down = true;
    }

    /// Brings the store back.
    pub fn restart(&self) {
        self.state().down = false;
    }

    /// Whether the store is down.
    pub fn is_down(&self) -> bool {
        self.state().down
    }

    /// Faults injected so far, by kind.
    pub fn injected(&self) -> BTreeMap<&'static str, u64> {
        self.state().injected.clone()
    }

    /// How often this kind of fault was injected.
    pub fn injected_of(&self, fault: Fault) -> u64 {
        self.state().injected.get(fault.kind()).copied().unwrap_or(0)
    }

    /// Writes asked for so far, the failed ones included.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.state().down { Err(unavailable("the store is down")) } else { Ok(()) }
    }

    fn next_fault(&self) -> Option<Fault> {
        let mut state = self.state();
        state.writes += 1;
        let scripted = state.script.pop_front();
        let fault = match scripted {
            Some(scripted) => scripted,
            None => state.plan.as_mut().and_then(|(rates, random)| rates.draw(random)),
        };
        if let Some(fault) = fault {
            *state.injected.entry(fault.kind()).or_default() += 1;
        }
        fault
    }

    async fn write(&self, batch: BatchHeader, decide: Decide) -> Result<Receipt, StoreError> {
        self.up()?;
        match self.next_fault() {
            None => self.inner.transact(batch, decide).await,
            Some(Fault::Delay(turns)) => {
                wait_turns(turns).await;
                self.up()?;
                self.inner.transact(batch, decide).await
            }
            Some(Fault::ConflictBefore) => Err(conflict()),
            Some(Fault::ConflictAfter) => {
                self.inner.transact(batch, in_vain(decide)).await?;
                Err(conflict())
            }
            Some(Fault::DecidedTwice) => self.inner.transact(batch, twice(decide)).await,
            Some(Fault::ReplyLost) => {
                self.inner.transact(batch, decide).await?;
                Err(unknown())
            }
            Some(Fault::RequestLost) => Err(unknown()),
            Some(Fault::Unavailable) => Err(unavailable("injected")),
            Some(Fault::CrashBefore) => {
                self.crash();
                Err(unavailable("the store went down"))
            }
            Some(Fault::CrashAfter) => {
                let done = self.inner.transact(batch, decide).await;
                self.crash();
                done.and(Err(unknown()))
            }
            Some(Fault::Panic) => panic!("injected: a panic of the store"),
        }
    }
}

impl Fault {
    /// Its name, whatever its measure.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::ConflictBefore => "conflict_before",
            Self::ConflictAfter => "conflict_after",
            Self::DecidedTwice => "decided_twice",
            Self::ReplyLost => "reply_lost",
            Self::RequestLost => "request_lost",
            Self::Unavailable => "unavailable",
            Self::CrashBefore => "crash_before",
            Self::CrashAfter => "crash_after",
            Self::Panic => "panic",
        }
    }
}

fn unavailable(detail: &str) -> StoreError {
    StoreError::Unavailable { detail: detail.to_owned(), source: None }
}

fn unknown() -> StoreError {
    StoreError::OutcomeUnknown { detail: "injected: reply lost".to_owned() }
}

fn conflict() -> StoreError {
    StoreError::Conflict { detail: "injected".to_owned() }
}

/// Lets everything else that is ready run first, `turns` times. No timer: the same in every run.
async fn wait_turns(turns: u8) {
    let mut left = turns;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Decides, and writes nothing of it.
fn in_vain(mut decide: Decide) -> Decide {
    Box::new(move |snapshot, now| match decide(snapshot, now) {
        Decision::Commit(_) => Decision::Commit(Changes::default()),
        more @ Decision::NeedMore(_) => more,
    })
}

/// Decides, forgets it, and decides again.
fn twice(mut decide: Decide) -> Decide {
    let mut first = true;
    Box::new(move |snapshot, now| {
        let decision = decide(snapshot, now);
        if !first || matches!(decision, Decision::NeedMore(_)) {
            return decision;
        }
        first = false;
        snapshot.reset();
        decide(snapshot, now)
    })
}

impl Store for FaultStore {
    fn transact(&self, batch: BatchHeader, decide: Decide) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        Box::pin(self.write(batch, decide))
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        Box::pin(async move {
            self.up()?;
            self.inner.outcome(batch).await
        })
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    fn refuses_writes(&self) -> Option<String> {
        self.inner.refuses_writes()
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }
}

impl Schema for FaultStore {
    fn migrate(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>> {
        Box::pin(async move {
            self.up()?;
            self.inner.migrate().await
        })
    }

    fn version(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>> {
        Box::pin(async move {
            self.up()?;
            self.inner.version().await
        })
    }
}

macro_rules! reads {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+) => {$(
        fn $name(&self, $($arg: $type),*) -> BoxFuture<'_, Result<$answer, StoreError>> {
            Box::pin(async move {
                self.up()?;
                self.inner.$name($($arg),*).await
            })
        }
    )+};
}

impl Queries for FaultStore {
    reads! {
        now() -> Timestamp;
        revision() -> u64;
        user(id: UserId) -> Option<User>;
        user_by_email(email: Email) -> Option<User>;
        users(page: PageRequest) -> Page<User>;
        event(id: EventId) -> Option<Event>;
        events(status: Option<EventStatus>, page: PageRequest) -> Page<Event>;
        session(id: SessionId) -> Option<SessionView>;
        sessions(event: Option<EventId>, page: PageRequest) -> Page<SessionView>;
        seats(session: SessionId, since: Option<u64>) -> Option<(Session, Vec<Seat>)>;
        hold(id: HoldId) -> Option<Hold>;
        holds(filter: HoldFilter, page: PageRequest) -> Page<Hold>;
        order(id: OrderId) -> Option<Order>;
        orders(filter: OrderFilter, page: PageRequest) -> Page<Order>;
        orders_of_user(user: UserId, page: PageRequest) -> Page<Order>;
        payment(id: PaymentId) -> Option<Payment>;
        payment_by_gateway(name: GatewayPaymentId) -> Option<Payment>;
        ticket(id: TicketId) -> Option<TicketView>;
        tickets_of_user(user: UserId, page: PageRequest) -> Page<TicketView>;
        tickets_of_order(order: OrderId) -> Vec<Ticket>;
        queue(session: SessionId) -> Option<QueueView>;
        place(session: SessionId, number: u64) -> Option<Place>;
        sessions_to_sweep(now: Timestamp, limit: u32) -> Vec<SessionId>;
        sessions_to_admit(after: Option<SessionId>, limit: u32) -> Vec<SessionId>;
        outbox_due(now: Timestamp, limit: u32) -> Vec<OutboxMessage>;
        callbacks_to_match(after: Option<CallbackId>, limit: u32) -> Vec<CallbackToMatch>;
        callbacks_unmatched(page: PageRequest) -> Page<Callback>;
        audit(stream: StreamId, from: u64, limit: u32) -> Vec<AuditRecord>;
        audit_records(filter: AuditFilter, page: PageRequest) -> Page<AuditRecord>;
        chain(stream: StreamId) -> (ChainHead, Vec<AuditRecord>);
        ledger(session: SessionId) -> Option<Ledger>;
    }
}
