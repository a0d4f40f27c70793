//! Accounts, events and sessions: creating, changing, and showing them fresh.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;

use super::{EngineError, Ticketing};
use crate::{
    audit::Caller,
    clock::Timestamp,
    command::{
        CatalogueRefusal, CreateEvent, CreateSession, CreateUser, ImportSeats, NewSeat, NewSession, SessionPatch,
        SetRole, UpdateEvent, UpdateSession, UserRefusal,
    },
    event::{Event, EventStatus},
    ids::{EventId, SessionId, UserId},
    session::Session,
    store::{SessionView, StoreError},
    user::{Email, Role, User, password::PasswordHash},
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

impl NewEvent {
    /// An event that everyone sees as soon as it is made, and that says nothing but its title yet.
    pub fn published(title: impl Into<String>) -> Self {
        Self { title: title.into(), description: String::new(), venue: String::new(), status: EventStatus::Published }
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
    pub async fn set_role(
        &self,
        caller: Caller,
        user_id: UserId,
        role: Role,
    ) -> Result<User, EngineError<UserRefusal>> {
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
        let id = SessionId::from_uuid(self.uuid());
        self.ask(CreateSession { caller, id, new }).await
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

    /// A session as shown: exact as of its `as_of`, which is less than a second old.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn session(&self, id: SessionId) -> Result<Option<Arc<SessionView>>, StoreError> {
        self.inner.sessions.get(self, id).await
    }
}

/// How long something read is shown before the store is asked whether it changed. Whoever comes
/// while it is being asked is shown what there is, for as long as [`STALE_AFTER`].
pub const FRESH_FOR: Duration = Duration::from_millis(100);
/// How old something shown may be at most.
pub const STALE_AFTER: Duration = Duration::from_millis(900);
/// Sessions kept.
const SESSIONS_MAX: usize = 10_000;

/// Sessions as last read.
#[derive(Debug)]
pub(super) struct SessionCache {
    shown: Cache<SessionId, Arc<Shown>>,
}

/// One session as last read.
#[derive(Debug)]
struct Shown {
    now: ArcSwap<Reading>,
    asking: AtomicBool,
}

/// Somebody asks the store. However that ends, the next one may ask again.
struct Asking<'a>(&'a AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What was read, and when.
#[derive(Debug, Clone)]
struct Reading {
    view: Arc<SessionView>,
    revision: u64,
    read_at: Timestamp,
}

impl SessionCache {
    pub(super) fn new() -> Self {
        Self { shown: Cache::new(SESSIONS_MAX) }
    }

    async fn get(&self, engine: &Ticketing, id: SessionId) -> Result<Option<Arc<SessionView>>, StoreError> {
        let now = engine.inner.clock.now();
        let Some(shown) = self.shown.get(&id) else {
            let Some(reading) = read(engine, id, now).await? else { return Ok(None) };
            let view = Arc::clone(&reading.view);
            let shown = Shown { now: ArcSwap::from_pointee(reading), asking: AtomicBool::new(false) };
            self.shown.insert(id, Arc::new(shown));
            return Ok(Some(view));
        };
        let reading = shown.now.load();
        let age = now.since(reading.read_at);
        if age < FRESH_FOR || (age < STALE_AFTER && shown.asking.swap(true, Ordering::Acquire)) {
            return Ok(Some(Arc::clone(&reading.view)));
        }
        let asking = Asking(&shown.asking);
        let fresh = refresh(engine, &reading, now).await;
        drop(asking);
        let Some(fresh) = fresh? else {
            self.shown.remove(&id);
            return Ok(None);
        };
        let view = Arc::clone(&fresh.view);
        shown.now.store(Arc::new(fresh));
        Ok(Some(view))
    }
}

/// The same, if nothing was committed since and no hold can have ended; else read anew.
async fn refresh(engine: &Ticketing, reading: &Reading, now: Timestamp) -> Result<Option<Reading>, StoreError> {
    let session = &reading.view.session;
    if session.stock.held == 0 && engine.queries().revision().await? == reading.revision {
        let view = SessionView { as_of: engine.queries().now().await?, ..(*reading.view).clone() };
        return Ok(Some(Reading { view: Arc::new(view), revision: reading.revision, read_at: now }));
    }
    read(engine, session.id, now).await
}

async fn read(engine: &Ticketing, id: SessionId, now: Timestamp) -> Result<Option<Reading>, StoreError> {
    let revision = engine.queries().revision().await?;
    let view = engine.queries().session(id).await?;
    Ok(view.map(|view| Reading { view: Arc::new(view), revision, read_at: now }))
}
