//! Accounts, events and sessions: creating, changing, and showing them fresh.

use std::sync::Arc;

use super::{EngineError, Ticketing};
use crate::{
    audit::Caller,
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
        let look = |last| look(self.clone(), id, last);
        let seen = self.inner.sessions.get(id, self.inner.clock.now(), look).await?;
        Ok(seen.map(|seen| Arc::clone(&seen.view)))
    }
}

/// A session as last read.
#[derive(Debug)]
pub(super) struct SeenSession {
    view: Arc<SessionView>,
    revision: u64,
}

/// The same, if nothing was committed since and no hold can have ended; else read anew.
async fn look(
    engine: Ticketing,
    id: SessionId,
    last: Option<Arc<SeenSession>>,
) -> Result<Option<SeenSession>, StoreError> {
    let revision = engine.queries().revision().await?;
    let unchanged = last.filter(|last| last.revision == revision && last.view.session.stock.held == 0);
    let view = match unchanged {
        Some(last) => Some(SessionView { as_of: engine.queries().now().await?, ..(*last.view).clone() }),
        None => engine.queries().session(id).await?,
    };
    Ok(view.map(|view| SeenSession { view: Arc::new(view), revision }))
}
