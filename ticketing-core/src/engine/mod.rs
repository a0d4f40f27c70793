//! The public face: [`Ticketing`].

mod audit;
mod catalogue;
mod checkin;
mod error;
mod logins;
mod payments;
mod queue;
mod reconcile;
mod refunds;
mod room;
mod sales;
mod shown;
mod workers;

use std::sync::Arc;

use self::shown::Shown;
pub use self::{
    catalogue::{NewEvent, NewUser},
    checkin::RedeemRequest,
    error::{EngineError, QueueStatusRefusal},
    logins::{LoginToken, Refreshed},
    payments::{CallbackOutcome, CheckoutRequest, OpenCheckout},
    queue::{QueueState, QueueStatus},
    reconcile::{NAMED_MAX, PAGES_MAX, ReconcileReport},
    sales::{HoldRequest, SessionStats},
    workers::TickReport,
};
pub use crate::command::NewSession;
use crate::{
    audit::{AuditKey, StreamId},
    batcher::{BatchSettings, Batcher, Spawn, TokioSpawn},
    clock::{Clock, SystemClock},
    command::{Ask, BeginLog},
    decide::Rules,
    hold::HoldChurn,
    ids::{IdGen, RandomIds},
    payment::gateway::PaymentGateway,
    store::{Backend, Queries, QueueView, StoreError},
    ticket::{Ticket, qr::TicketSigner},
    user::login::RefreshKey,
    verify::{OtherKey, Report, check_key},
    waiting_room::{WaitingRoom, token::TokenKey},
};

/// The engine's secrets.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Chains the audit log.
    pub audit: AuditKey,
    /// Signs queue tokens.
    pub queue_token: TokenKey,
    /// Signs tickets.
    pub ticket_signer: Arc<TicketSigner>,
    /// Public keys of signers before it, whose tickets still admit.
    pub ticket_keys_previous: Vec<[u8; 32]>,
    /// Derives refresh tokens.
    pub refresh: RefreshKey,
}

impl Keys {
    /// Keys from their bytes.
    pub fn new(audit: &[u8], queue_token: &[u8], ticket_seed: &[u8; 32]) -> Self {
        Self {
            audit: AuditKey::new(audit),
            queue_token: TokenKey::new(queue_token),
            ticket_signer: Arc::new(TicketSigner::from_seed(ticket_seed)),
            ticket_keys_previous: Vec::new(),
            refresh: RefreshKey::derived_from(queue_token),
        }
    }

    /// The same keys, by which tickets signed with the key of `seed` still admit.
    #[must_use]
    pub fn with_previous_ticket_seed(mut self, seed: &[u8; 32]) -> Self {
        self.ticket_keys_previous.push(TicketSigner::from_seed(seed).public_key());
        self
    }
}

/// A ticketing engine over a store. Cheap to clone; every clone is the same engine.
///
/// Writes go through [`Ticketing`]; plain reads are the store's own, by [`Ticketing::queries`].
#[derive(Debug, Clone)]
pub struct Ticketing {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Backend>,
    batcher: Batcher,
    keys: Keys,
    gateway: Arc<dyn PaymentGateway>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    spawn: Arc<dyn Spawn>,
    sessions: Shown<catalogue::SeenSession>,
    rooms: Shown<QueueView>,
    /// Where waiting rooms are kept apart from the ledger.
    apart: Option<room::Rooms>,
    workers: workers::Workers,
}

/// Assembles a [`Ticketing`].
#[derive(Debug)]
pub struct Builder {
    store: Arc<dyn Backend>,
    keys: Keys,
    gateway: Arc<dyn PaymentGateway>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    spawn: Option<Arc<dyn Spawn>>,
    batches: BatchSettings,
    churn: Option<HoldChurn>,
    waiting_room: Option<Arc<dyn WaitingRoom>>,
}

impl Builder {
    /// Tells the engine's own time: trace of retries and age of caches. Rules run by the store's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where ids come from.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGen>) -> Self {
        self.ids = ids;
        self
    }

    /// Where lanes and workers run; the current tokio runtime unless said otherwise.
    #[must_use]
    pub fn spawn(mut self, spawn: Arc<dyn Spawn>) -> Self {
        self.spawn = Some(spawn);
        self
    }

    /// Bounds of the batcher.
    #[must_use]
    pub fn batches(mut self, batches: BatchSettings) -> Self {
        self.batches = batches;
        self
    }

    /// How many holds of a user in a session may end unpaid before the next must wait; `None`, as unless
    /// said otherwise: any number.
    #[must_use]
    pub fn hold_churn(mut self, churn: Option<HoldChurn>) -> Self {
        self.churn = churn;
        self
    }

    /// Keeps waiting rooms in a store of their own; in the ledger unless said otherwise. Every engine on one
    /// ledger must be told the same.
    #[must_use]
    pub fn waiting_room(mut self, store: Arc<dyn WaitingRoom>) -> Self {
        self.waiting_room = Some(store);
        self
    }

    /// Starts the lanes. Housekeeping starts with [`Ticketing::start_workers`], or is driven by
    /// [`Ticketing::tick`].
    ///
    /// # Panics
    /// Without [`Builder::spawn`], outside of a tokio runtime.
    pub fn build(self) -> Ticketing {
        let spawn = self.spawn.unwrap_or_else(|| Arc::new(TokioSpawn::current()));
        let rules = Arc::new(Rules::new(self.keys.audit.clone()).with_hold_churn(self.churn));
        let batcher = Batcher::start(
            Arc::clone(&self.store) as _,
            rules,
            Arc::clone(&self.ids),
            Arc::clone(&self.clock),
            &*spawn,
            self.batches,
        );
        let inner = Inner {
            sessions: Shown::new(),
            rooms: Shown::new(),
            apart: self.waiting_room.map(room::Rooms::new),
            workers: workers::Workers::new(),
            store: self.store,
            batcher,
            keys: self.keys,
            gateway: self.gateway,
            clock: self.clock,
            ids: self.ids,
            spawn,
        };
        Ticketing { inner: Arc::new(inner) }
    }
}

impl Ticketing {
    /// Starts to assemble an engine over a migrated `store`.
    pub fn builder(store: Arc<dyn Backend>, keys: Keys, gateway: Arc<dyn PaymentGateway>) -> Builder {
        Builder {
            store,
            keys,
            gateway,
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds::new()),
            spawn: None,
            batches: BatchSettings::default(),
            churn: None,
            waiting_room: None,
        }
    }

    /// The store's reading side.
    pub fn queries(&self) -> &dyn Queries {
        &*self.inner.store
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Backend> {
        &self.inner.store
    }

    /// The store of the waiting rooms, where they are kept apart from the ledger.
    pub fn waiting_room(&self) -> Option<&Arc<dyn WaitingRoom>> {
        self.inner.apart.as_ref().map(room::Rooms::store)
    }

    /// The string in a ticket's QR code.
    pub fn ticket_code(&self, ticket: &Ticket) -> String {
        self.inner.keys.ticket_signer.sign(ticket)
    }

    /// The public keys by which tickets admit, the one that signs first.
    pub fn ticket_keys(&self) -> Vec<[u8; 32]> {
        let keys = &self.inner.keys;
        std::iter::once(keys.ticket_signer.public_key()).chain(keys.ticket_keys_previous.iter().copied()).collect()
    }

    /// Who signs tickets.
    pub fn ticket_signer(&self) -> &TicketSigner {
        &self.inner.keys.ticket_signer
    }

    /// Checks every invariant that the store's records can show.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn verify(&self) -> Result<Report, StoreError> {
        crate::verify::verify(self.queries(), &self.inner.keys.audit).await
    }

    /// Checks every chain of the audit log, and nothing else.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn verify_log(&self) -> Result<Report, StoreError> {
        crate::verify::verify_log(self.queries(), &self.inner.keys.audit).await
    }

    /// Checks that the store's audit log was written with this engine's key, and begins one that is empty:
    /// for the start of a program, before it writes anything else. Of engines with different keys that
    /// open an empty log at once, one begins it, and all others are refused.
    ///
    /// # Errors
    /// [`OtherKey`] when it was not, or the engine's own.
    pub async fn open_log(&self) -> Result<(), EngineError<OtherKey>> {
        let check = || check_key(self.queries(), &self.inner.keys.audit);
        let begun = !self.queries().audit(StreamId::Users, 0, 1).await?.is_empty();
        // Also one that has no account yet, and something else.
        check().await?.map_err(EngineError::Refused)?;
        if begun {
            return Ok(());
        }
        match self.inner.batcher.ask(BeginLog).await? {
            // It may have been somebody else.
            Ok(()) => check().await?.map_err(EngineError::Refused),
            Err(never) => match never {},
        }
    }

    /// How many commands wait to be written.
    pub fn backlog(&self) -> usize {
        self.inner.batcher.len()
    }

    /// Stops the workers, takes no more commands, and waits until those under way are written.
    pub async fn shutdown(&self) {
        self.inner.workers.stop().await;
        self.inner.batcher.shutdown().await;
    }

    async fn ask<C: Ask>(&self, command: C) -> Result<C::Done, EngineError<C::Refusal>> {
        self.inner.batcher.ask(command).await?.map_err(EngineError::Refused)
    }

    /// What `read` finds, or a refusal as `missing`. Where the ledger takes no writes since it has lost some, what is
    /// not there may be what it lost, and is not told as missing.
    async fn found<T, R: std::error::Error>(
        &self,
        read: impl Future<Output = Result<Option<T>, StoreError>>,
        missing: R,
    ) -> Result<T, EngineError<R>> {
        match (read.await?, self.inner.store.refuses_writes()) {
            (Some(found), _) => Ok(found),
            (None, None) => Err(EngineError::Refused(missing)),
            (None, Some(why)) => Err(StoreError::Unavailable { detail: why, source: None }.into()),
        }
    }

    fn uuid(&self) -> uuid::Uuid {
        self.inner.ids.uuid(self.inner.clock.now())
    }
}
