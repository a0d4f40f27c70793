//! An engine with everything around it simulated, and words to talk to it in few lines.

use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use uuid::Uuid;

use super::{SeededIds, SimClock, TestGateway, clock::Forgetful};
use crate::{
    audit::{Actor, Caller},
    batcher::{BatchSettings, Batcher, TokioSpawn},
    clock::{Clock, Timestamp},
    command::{
        Ask, CheckoutRefusal, HoldRefusal, Placed, QueueRefusal, ReleaseBy, ReleaseRefusal, Settlement, UpdateEvent,
    },
    decide::Rules,
    engine::{
        CallbackOutcome, CheckoutRequest, EngineError, HoldRequest, Keys, NewEvent, NewSession, OpenCheckout,
        QueueStatus, QueueStatusRefusal, TickReport, Ticketing,
    },
    event::EventStatus,
    hold::{Hold, HoldChurn, Wanted},
    ids::{EventId, HoldId, IdGen, SessionId, UserId},
    money::{Currency, Money},
    payment::{CallbackReport, CallbackStatus, PaymentMethod},
    session::{SessionKind, Stock},
    store::{Backend, PageRequest},
    ticket::Ticket,
    waiting_room::{QueueMode, QueuePolicy, WaitingRoom},
};

/// A store to be tested, and whatever must live as long as it does.
#[derive(Debug)]
pub struct Fixture {
    store: Arc<dyn Backend>,
    waiting_room: Option<Arc<dyn WaitingRoom>>,
    keep: Option<Box<dyn Keep>>,
}

trait Keep: Any + Send + Sync + std::fmt::Debug {}
impl<T: Any + Send + Sync + std::fmt::Debug> Keep for T {}

impl Fixture {
    /// `store` alone; it need not be migrated.
    pub fn of(store: Arc<dyn Backend>) -> Self {
        Self { store, waiting_room: None, keep: None }
    }

    /// With waiting rooms in a store of their own.
    #[must_use]
    pub fn with_waiting_room(mut self, store: Arc<dyn WaitingRoom>) -> Self {
        self.waiting_room = Some(store);
        self
    }

    /// With something that is dropped behind the store: its directory, its server.
    #[must_use]
    pub fn keeping(mut self, keep: impl Any + Send + Sync + std::fmt::Debug) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Backend> {
        &self.store
    }

    /// The store of the waiting rooms, if it is another.
    pub fn waiting_room(&self) -> Option<&Arc<dyn WaitingRoom>> {
        self.waiting_room.as_ref()
    }
}

/// An engine over some store, with a clock that is moved by hand, seeded ids and a scripted gateway.
///
/// Most words speak about the session that was made last. A word that is about a refusal returns
/// the rule's own; any other failure of the engine is a panic, and [`Harness::engine`] is there for
/// tests that want to see it.
#[derive(Debug, Clone)]
pub struct Harness {
    /// The engine.
    pub engine: Ticketing,
    /// Its store.
    pub store: Arc<dyn Backend>,
    /// The store of its waiting rooms, if it is another.
    pub waiting_room: Option<Arc<dyn WaitingRoom>>,
    /// The time of both.
    pub clock: Arc<SimClock>,
    /// Where its ids come from.
    pub ids: Arc<SeededIds>,
    /// Its gateway.
    pub gateway: Arc<TestGateway>,
    current: Arc<Mutex<Option<(EventId, SessionId)>>>,
}

/// The `n`-th buyer.
pub fn buyer(n: u32) -> UserId {
    UserId::from_uuid(Uuid::from_u128(0x0b_0000_0000 + u128::from(n)))
}

/// A buyer.
pub const ALICE: UserId = UserId::from_uuid(Uuid::from_u128(0xa11ce));
/// Another one.
pub const BOB: UserId = UserId::from_uuid(Uuid::from_u128(0xb0b));
/// A third one.
pub const CAROL: UserId = UserId::from_uuid(Uuid::from_u128(0xca401));

/// What one ticket costs, unless a test says otherwise.
pub const PRICE: Money = Money::new(55_000, Currency::KRW);

/// Whoever runs the shop.
pub const OPERATOR: Caller = Caller::of(Actor::Operator);

/// Stock by its parts.
pub const fn stock(available: i64, held: i64, sold: i64) -> Stock {
    Stock { total: available + held + sold, available, held, sold }
}

/// The keys of every harness: two engines on one store share them.
pub fn keys() -> Keys {
    Keys::new(b"the audit key of the tests", b"the queue key of the tests", &[7; 32])
}

/// The rule's own refusal.
///
/// # Panics
/// When the engine itself failed.
#[track_caller]
pub fn refusal<T, R: std::error::Error>(answer: Result<T, EngineError<R>>) -> Result<T, R> {
    match answer {
        Ok(done) => Ok(done),
        Err(EngineError::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("the engine failed: {error:?}"),
    }
}

impl Harness {
    /// An engine over `store`, which is migrated first, at the time of `clock`.
    pub async fn over(store: Arc<dyn Backend>, clock: Arc<SimClock>) -> Self {
        Self::with_a_room(store, None, clock).await
    }

    /// The same with waiting rooms in a store of their own.
    pub async fn with_a_room(
        store: Arc<dyn Backend>,
        waiting_room: Option<Arc<dyn WaitingRoom>>,
        clock: Arc<SimClock>,
    ) -> Self {
        store.migrate().await.expect("an empty store is brought to the version it needs");
        let (ids, gateway, current) = (Arc::new(SeededIds::new(1)), Arc::new(TestGateway::new()), Arc::default());
        let engine = assemble(&store, waiting_room.as_ref(), keys(), None, (&clock, &ids, &gateway));
        Self { engine, store, waiting_room, clock, ids, gateway, current }
    }

    /// A second engine over the same store, which knows nothing but what is stored there: the other
    /// node, or this one after a restart.
    pub fn another_engine(&self) -> Self {
        self.another(keys(), None)
    }

    /// The same shop with an empty store of its own: an engine that has lost everything, while the
    /// gateway has not.
    pub async fn over_another_store(&self, store: Arc<dyn Backend>) -> Self {
        store.migrate().await.expect("an empty store is brought to the version it needs");
        let equipment = (&self.clock, &self.ids, &self.gateway);
        let engine = assemble(&store, self.waiting_room.as_ref(), keys(), None, equipment);
        Self { engine, store, current: Arc::default(), ..self.clone() }
    }

    /// A second engine over the same store, for which holds that come and go cool down.
    pub fn with_churn(&self, churn: HoldChurn) -> Self {
        self.another(keys(), Some(churn))
    }

    /// A second engine over the same store, with other keys.
    pub fn with_keys(&self, keys: Keys) -> Self {
        self.another(keys, None)
    }

    fn another(&self, keys: Keys, churn: Option<HoldChurn>) -> Self {
        let equipment = (&self.clock, &self.ids, &self.gateway);
        let engine = assemble(&self.store, self.waiting_room.as_ref(), keys, churn, equipment);
        Self { engine, ..self.clone() }
    }

    /// Puts one command to the store past the engine's public face, as another node would.
    pub async fn command<C: Ask>(&self, command: C) -> Result<C::Done, C::Refusal> {
        let batcher = Batcher::start(
            Arc::clone(&self.store) as _,
            Arc::new(Rules::new(keys().audit)),
            Arc::clone(&self.ids) as _,
            Arc::clone(&self.clock) as _,
            &TokioSpawn::current(),
            BatchSettings::default(),
        );
        let answer = batcher.ask(command).await.expect("the batcher answers");
        batcher.shutdown().await;
        answer
    }

    /// A UUID that no record has.
    pub fn fresh(&self) -> Uuid {
        self.ids.uuid(self.now())
    }
}

fn assemble(
    store: &Arc<dyn Backend>,
    waiting_room: Option<&Arc<dyn WaitingRoom>>,
    keys: Keys,
    churn: Option<HoldChurn>,
    (clock, ids, gateway): (&Arc<SimClock>, &Arc<SeededIds>, &Arc<TestGateway>),
) -> Ticketing {
    let builder = Ticketing::builder(Arc::clone(store), keys, Arc::clone(gateway) as _)
        .ids(Arc::clone(ids) as _)
        .hold_churn(churn);
    match waiting_room {
        None => builder.clock(Arc::clone(clock) as _).build(),
        // Who comes is told by what was shown of the session last: here, of this instant.
        Some(room) => builder.clock(Arc::new(Forgetful::new(clock))).waiting_room(Arc::clone(room)).build(),
    }
}

/// The catalogue.
impl Harness {
    /// A published event.
    pub async fn event(&self) -> EventId {
        self.event_with(EventStatus::Published).await
    }

    /// An event with this status.
    pub async fn event_with(&self, status: EventStatus) -> EventId {
        let (title, venue) = ("Winter gala".to_owned(), "Hall 1".to_owned());
        let new = NewEvent { title, description: "An evening".to_owned(), venue, status };
        self.engine.create_event(OPERATOR, new).await.expect("a sound event is made").id
    }

    /// A session with `stock` tickets on sale to anyone, without a waiting room.
    pub async fn session(&self, stock: i64) -> SessionId {
        self.session_with(|new| new.total_stock = stock).await
    }

    /// A session on sale, without a waiting room and with whatever `change` makes of it.
    pub async fn session_with(&self, change: impl FnOnce(&mut NewSession)) -> SessionId {
        let event_id = self.event().await;
        let mut new = NewSession::of(event_id, self.now().plus_seconds(864_000), 100, PRICE);
        new.queue.mode = QueueMode::Off;
        change(&mut new);
        let session = self.engine.create_session(OPERATOR, new).await.expect("a sound session is made");
        self.select(session.event_id, session.id);
        session.id
    }

    /// A session with `stock` tickets behind a waiting room.
    pub async fn queue_session(&self, stock: i64, policy: QueuePolicy) -> SessionId {
        self.session_with(|new| {
            new.total_stock = stock;
            new.queue = policy;
        })
        .await
    }

    /// A seated session with these seats, all at [`PRICE`], without a waiting room.
    pub async fn seated(&self, labels: &[&str]) -> SessionId {
        let id = self
            .session_with(|new| {
                new.kind = SessionKind::Seated;
                new.total_stock = 0;
            })
            .await;
        let seats = labels.iter().zip(1..).map(|(label, number)| super::records::new_seat(label, number)).collect();
        self.engine.import_seats(OPERATOR, id, seats).await.expect("new seats are taken in");
        id
    }

    /// Shows the event of the session spoken about to everyone, or hides it.
    pub async fn set_event_status(&self, status: EventStatus) {
        let (id, status) = (self.event_id(), Some(status));
        let change = UpdateEvent { caller: OPERATOR, id, title: None, description: None, venue: None, status };
        self.engine.update_event(change).await.expect("the event is there");
    }

    /// Speaks about this session from now on.
    pub fn select(&self, event: EventId, session: SessionId) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((event, session));
    }

    /// The event of the session spoken about.
    pub fn event_id(&self) -> EventId {
        self.current().0
    }

    /// The session spoken about.
    pub fn session_id(&self) -> SessionId {
        self.current().1
    }

    fn current(&self) -> (EventId, SessionId) {
        let current = *self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.expect("the test made a session before it spoke about one")
    }
}

/// The sale.
impl Harness {
    /// `user` holds `quantity` tickets under `key`.
    pub async fn hold(&self, user: UserId, key: &str, quantity: u32) -> Result<Placed, HoldRefusal> {
        refusal(self.engine.hold(self.request(user, key, Wanted::Quantity(quantity))).await)
    }

    /// `user` holds these seats under `key`.
    pub async fn hold_seats(&self, user: UserId, key: &str, labels: &[&str]) -> Result<Placed, HoldRefusal> {
        refusal(self.engine.hold(self.request(user, key, super::records::seats(labels))).await)
    }

    /// `user` holds `quantity` tickets under `key` with a queue token.
    pub async fn hold_with(&self, user: UserId, key: &str, quantity: u32, token: &str) -> Result<Placed, HoldRefusal> {
        let request = self.request(user, key, Wanted::Quantity(quantity));
        refusal(self.engine.hold(HoldRequest { queue_token: Some(token.to_owned()), ..request }).await)
    }

    /// The request that the holds above make.
    pub fn request(&self, user: UserId, key: &str, wanted: Wanted) -> HoldRequest {
        HoldRequest {
            caller: Caller::of(Actor::User(user)),
            session_id: self.session_id(),
            user_id: user,
            wanted,
            key: key.parse().expect("a test's key is visible ASCII"),
            queue_token: None,
        }
    }

    /// `user` gives a hold up.
    pub async fn release(&self, user: UserId, hold: HoldId) -> Result<Hold, ReleaseRefusal> {
        refusal(self.engine.release(Caller::of(Actor::User(user)), hold, ReleaseBy::Owner(user)).await)
    }

    /// `user` goes to pay for a hold.
    pub async fn checkout(&self, user: UserId, hold: HoldId) -> Result<OpenCheckout, CheckoutRefusal> {
        refusal(self.engine.checkout(self.checkout_request(user, hold)).await)
    }

    /// The request that [`Harness::checkout`] makes.
    pub fn checkout_request(&self, user: UserId, hold: HoldId) -> CheckoutRequest {
        let caller = Caller::of(Actor::User(user));
        CheckoutRequest { caller, user_id: user, hold_id: hold, method: PaymentMethod::Card }
    }

    /// The gateway captures the whole amount, and reports it.
    pub async fn pay(&self, open: &OpenCheckout) -> Settlement {
        self.gateway.capture(open.payment.id, open.payment.amount, self.now());
        self.settle(report(open, CallbackStatus::Success)).await
    }

    /// The gateway reports that nothing is captured.
    pub async fn decline(&self, open: &OpenCheckout) -> Settlement {
        self.settle(report(open, CallbackStatus::Fail)).await
    }

    /// The gateway reports about a payment of ours.
    pub async fn settle(&self, report: CallbackReport) -> Settlement {
        match self.callback(report).await {
            CallbackOutcome::Settled(settlement) => settlement,
            CallbackOutcome::Unmatched => panic!("the callback names no payment of ours"),
        }
    }

    /// The gateway reports.
    pub async fn callback(&self, report: CallbackReport) -> CallbackOutcome {
        let answer = self.engine.payment_callback(Caller::of(Actor::Gateway), report).await;
        answer.expect("the engine takes every verified callback")
    }

    /// `user` holds `quantity` tickets under `key` and goes to pay.
    pub async fn held_and_checked_out(&self, user: UserId, key: &str, quantity: u32) -> OpenCheckout {
        let placed = self.hold(user, key, quantity).await.expect("the hold is placed");
        self.checkout(user, placed.hold.id).await.expect("a live hold is checked out")
    }

    /// `user` buys `quantity` tickets.
    pub async fn buy(&self, user: UserId, key: &str, quantity: u32) -> OpenCheckout {
        let open = self.held_and_checked_out(user, key, quantity).await;
        assert_eq!(self.pay(&open).await, Settlement::Sold);
        open
    }
}

/// What a gateway says about the whole amount of a payment.
pub fn report(open: &OpenCheckout, status: CallbackStatus) -> CallbackReport {
    CallbackReport {
        pg_payment_id: open.gateway.pg_payment_id.clone(),
        status,
        amount: Some(open.payment.amount.minor),
        currency: Some(open.payment.amount.currency.to_string()),
        raw_payload: format!(r#"{{"pgPaymentId":"{}","status":"{status}"}}"#, open.gateway.pg_payment_id),
    }
}

/// The waiting room.
impl Harness {
    /// Where `user` stands with `token`, told by an engine that remembers nothing.
    pub async fn status(&self, user: UserId, token: &str) -> Result<QueueStatus, QueueStatusRefusal> {
        let other = self.another_engine();
        let status = refusal(other.engine.queue_status(token, user).await);
        other.engine.shutdown().await;
        status
    }

    /// `user` gives the place of `token` up.
    pub async fn leave(&self, user: UserId, token: &str) -> Result<(), QueueStatusRefusal> {
        refusal(self.engine.leave_queue(token, user).await)
    }

    /// `user` takes a place, or finds it.
    pub async fn join(&self, user: UserId) -> Result<QueueStatus, QueueRefusal> {
        refusal(self.engine.join_queue(Caller::of(Actor::User(user)), self.session_id(), user).await)
    }

    /// The queue token of `user`, who takes a place if need be.
    pub async fn token(&self, user: UserId) -> String {
        self.join(user).await.expect("the waiting room takes everyone in").token
    }
}

/// Time, and what is there.
impl Harness {
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock on.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// One round of housekeeping.
    pub async fn tick(&self) -> TickReport {
        self.engine.tick().await.expect("housekeeping gets through")
    }

    /// Stock by the books: overdue holds count as held until they are reclaimed.
    pub async fn stock(&self) -> Stock {
        self.session_view().await.session.stock
    }

    /// What can be held now.
    pub async fn remaining(&self) -> i64 {
        self.session_view().await.remaining()
    }

    async fn session_view(&self) -> crate::store::SessionView {
        let found = self.store.session(self.session_id()).await.expect("the store can be read");
        found.expect("the session is there")
    }

    /// A hold as stored.
    pub async fn hold_record(&self, id: HoldId) -> Hold {
        self.store.hold(id).await.expect("the store can be read").expect("the hold is there")
    }

    /// Everything that a sale in the session may write, as text: for "it wrote nothing".
    pub async fn written(&self) -> String {
        let ledger = self.store.ledger(self.session_id()).await.expect("the store can be read");
        let room = self.store.queue(self.session_id()).await.expect("the store can be read").map(|view| view.room);
        let callbacks = self.store.chain(crate::audit::StreamId::Callbacks).await.expect("the store can be read");
        format!("{ledger:?} {room:?} {callbacks:?}")
    }

    /// The order of a checkout as stored.
    pub async fn order_record(&self, open: &OpenCheckout) -> crate::order::Order {
        self.store.order(open.order.id).await.expect("the store can be read").expect("the order is there")
    }

    /// The payment of a checkout as stored.
    pub async fn payment_record(&self, open: &OpenCheckout) -> crate::payment::Payment {
        self.store.payment(open.payment.id).await.expect("the store can be read").expect("the payment is there")
    }

    /// The tickets of `user`, in all sessions, newest first.
    pub async fn tickets(&self, user: UserId) -> Vec<Ticket> {
        let page = PageRequest { limit: PageRequest::LIMIT_MAX, after: None };
        let page = self.store.tickets_of_user(user, page).await.expect("the store can be read");
        page.items.into_iter().map(|view| view.ticket).collect()
    }

    /// Checks every invariant.
    ///
    /// # Panics
    /// With the violations, when there are any.
    pub async fn verify(&self) {
        let report = self.engine.verify().await.expect("the store can be read");
        assert!(report.is_clean(), "broken invariants: {:#?}", report.violations);
    }
}
