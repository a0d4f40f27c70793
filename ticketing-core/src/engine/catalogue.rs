//! Accounts, events and sessions: creating, changing, and showing them fresh.

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;

use super::{EngineError, Ticketing};
use crate::{
    audit::Caller,
    clock::Timestamp,
    command::{
        CatalogueRefusal, CreateEvent, CreateSession, CreateUser, ImportSeats, NewSeat, SessionPatch, SetRole,
        UpdateEvent, UpdateSession, UserRefusal,
    },
    event::{Event, EventStatus},
    ids::{EventId, SessionId, UserId},
    money::Money,
    session::{SaleStatus, Session, SessionKind, limits},
    store::{SessionView, StoreError},
    user::{Email, Role, User, password::PasswordHash},
    waiting_room::QueuePolicy,
};

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Its address.
    pub email: Email,
    /// Its password, hashed.
    pub password_hash: PasswordHash,
    /// What it may do.
    pub role: Role,
}

/// An event to be made.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What is on; 1–200 characters.
    pub title: String,
    /// More about it; up to 10,000 characters.
    pub description: String,
    /// Where; up to 200 characters.
    pub venue: String,
    /// Who may see it.
    pub status: EventStatus,
}

/// A session to be made. [`NewSession::of`] fills in the defaults.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Of which event.
    pub event_id: EventId,
    /// When the doors open.
    pub start_at: Timestamp,
    /// Sales open then, at the earliest.
    pub sales_open_at: Option<Timestamp>,
    /// Sales end then, at the latest.
    pub sales_close_at: Option<Timestamp>,
    /// How stock is counted.
    pub kind: SessionKind,
    /// Stock of a quantity session; 0 for a seated one.
    pub total_stock: i64,
    /// Price of one ticket.
    pub price: Money,
    /// Most tickets one user may hold and have bought together.
    pub max_per_user: u32,
    /// How long a hold lives.
    pub hold_ttl_seconds: u32,
    /// The organiser's intent.
    pub status: SaleStatus,
    /// How the waiting room admits.
    pub queue: QueuePolicy,
}

impl NewSession {
    /// A session that sells `total_stock` tickets by number at `price` as soon as it is made, with
    /// every other setting at its default.
    pub fn of(event_id: EventId, start_at: Timestamp, total_stock: i64, price: Money) -> Self {
        Self {
            event_id,
            start_at,
            sales_open_at: None,
            sales_close_at: None,
            kind: SessionKind::Quantity,
            total_stock,
            price,
            max_per_user: limits::PER_USER_DEFAULT,
            hold_ttl_seconds: limits::HOLD_TTL_SECONDS_DEFAULT,
            status: SaleStatus::Open,
            queue: QueuePolicy::default(),
        }
    }
}

impl Ticketing {
    /// Creates an account.
    ///
    /// # Errors
    /// [`UserRefusal::EmailTaken`], or the engine's own.
    pub async fn create_user(&self, caller: Caller, new: NewUser) -> Result<User, EngineError<UserRefusal>> {
        let NewUser { email, password_hash, role } = new;
        let id = UserId::from_uuid(self.uuid());
        self.ask(CreateUser { caller, id, email, password_hash, role }).await
    }

    /// Sets an account's role.
    ///
    /// # Errors
    /// [`UserRefusal::UserNotFound`], or the engine's own.
    pub async fn set_role(&self, caller: Caller, user_id: UserId, role: Role) -> Result<User, EngineError<UserRefusal>> {
        self.ask(SetRole { caller, user_id, role }).await
    }

    /// Creates an event.
    ///
    /// # Errors
    /// [`CatalogueRefusal::Invalid`] names the field, or the engine's own.
    pub async fn create_event(&self, caller: Caller, new: NewEvent) -> Result<Event, EngineError<CatalogueRefusal>> {
        let NewEvent { title, description, venue, status } = new;
        let id = EventId::from_uuid(self.uuid());
        self.ask(CreateEvent { caller, id, title, description, venue, status }).await
    }

    /// Changes an event.
    ///
    /// # Errors
    /// [`CatalogueRefusal`], or the engine's own.
    pub async fn update_event(&self, change: UpdateEvent) -> Result<Event, EngineError<CatalogueRefusal>> {
        self.ask(change).await
    }

    /// Creates a session of an event.
    ///
    /// # Errors
    /// [`CatalogueRefusal`], or the engine's own.
    pub async fn create_session(
        &self,
        caller: Caller,
        new: NewSession,
    ) -> Result<Session, EngineError<CatalogueRefusal>> {
        let command = CreateSession {
            caller,
            id: SessionId::from_uuid(self.uuid()),
            event_id: new.event_id,
            start_at: new.start_at,
            sales_open_at: new.sales_open_at,
            sales_close_at: new.sales_close_at,
            kind: new.kind,
            total_stock: new.total_stock,
            price: new.price,
            max_per_user: new.max_per_user,
            hold_ttl_seconds: new.hold_ttl_seconds,
            status: new.status,
            queue: new.queue,
        };
        self.ask(command).await
    }

    /// Changes a session.
    ///
    /// # Errors
    /// [`CatalogueRefusal`], or the engine's own.
    pub async fn update_session(
        &self,
        caller: Caller,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<Session, EngineError<CatalogueRefusal>> {
        self.ask(UpdateSession { caller, id, patch }).await
    }

    /// Adds seats to a seated session: all or none.
    ///
    /// # Errors
    /// [`CatalogueRefusal`], or the engine's own.
    pub async fn import_seats(
        &self,
        caller: Caller,
        session_id: SessionId,
        seats: Vec<NewSeat>,
    ) -> Result<Session, EngineError<CatalogueRefusal>> {
        self.ask(ImportSeats { caller, session_id, seats }).await
    }

    /// A session as shown: exact as of its `as_of`, which is at most [`FRESH_FOR`] old.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn session(&self, id: SessionId) -> Result<Option<Arc<SessionView>>, StoreError> {
        self.inner.sessions.get(self, id).await
    }
}

/// How old a shown session may be.
pub const FRESH_FOR: Duration = Duration::from_millis(250);
/// Sessions kept.
const SESSIONS_MAX: usize = 10_000;

/// Sessions as last read, each with the store's revision and the engine's time of the reading.
#[derive(Debug)]
pub(super) struct SessionCache {
    views: Cache<SessionId, Fresh<SessionView>>,
}

/// Something read, and when.
#[derive(Debug, Clone)]
pub(super) struct Fresh<T> {
    pub(super) value: Arc<T>,
    pub(super) read_at: Timestamp,
}

impl<T> Fresh<T> {
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.read_at) < FRESH_FOR
    }
}

impl SessionCache {
    pub(super) fn new() -> Self {
        Self { views: Cache::new(SESSIONS_MAX) }
    }

    async fn get(&self, engine: &Ticketing, id: SessionId) -> Result<Option<Arc<SessionView>>, StoreError> {
        let now = engine.inner.clock.now();
        match self.views.get_value_or_guard_async(&id).await {
            Ok(fresh) if fresh.is_fresh(now) => Ok(Some(fresh.value)),
            Ok(_) => {
                self.views.remove(&id);
                self.read(engine, id).await
            }
            Err(guard) => {
                let found = engine.queries().session(id).await?.map(Arc::new);
                if let Some(view) = &found {
                    // A lost place in the cache only costs another reading.
                    let _ = guard.insert(Fresh { value: Arc::clone(view), read_at: now });
                }
                Ok(found)
            }
        }
    }

    async fn read(&self, engine: &Ticketing, id: SessionId) -> Result<Option<Arc<SessionView>>, StoreError> {
        let now = engine.inner.clock.now();
        let found = engine.queries().session(id).await?.map(Arc::new);
        if let Some(view) = &found {
            self.views.insert(id, Fresh { value: Arc::clone(view), read_at: now });
        }
        Ok(found)
    }
}
