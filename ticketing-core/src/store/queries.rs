//! Reading beside the writer: what pages, lists and workers ask for.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::{
    audit::{Actor, AuditRecord, StreamId},
    clock::Timestamp,
    event::{Event, EventStatus},
    hold::{Hold, HoldStatus},
    ids::{CallbackId, EventId, HoldId, OrderId, PaymentId, SessionId, TicketId, UserId},
    order::{Order, OrderStatus},
    outbox::OutboxMessage,
    payment::{Callback, GatewayPaymentId, Payment, PaymentLink},
    seat::Seat,
    session::Session,
    store::StoreError,
    ticket::Ticket,
    user::{Email, User},
    waiting_room::{Place, Room},
};

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items, 1 to [`PageRequest::LIMIT_MAX`].
    pub limit: u32,
    /// Where the page before ended, as it said.
    pub after: Option<String>,
}

impl PageRequest {
    /// Longest page.
    pub const LIMIT_MAX: u32 = 200;
    /// A page's length unless said otherwise.
    pub const LIMIT_DEFAULT: u32 = 50;

    /// The first page, of the usual length.
    pub fn first() -> Self {
        Self { limit: Self::LIMIT_DEFAULT, after: None }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Where the next page starts; `None`: this is the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of `found`, which was asked for one item more than `limit` to see whether there is
    /// another page; `cursor` names an item's place in the list.
    pub fn of(mut found: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = if more { found.last().map(cursor) } else { None };
        Self { items: found, next }
    }

    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// A session as shown: with its overdue holds counted as free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The record.
    pub session: Session,
    /// Whether its event is shown to everyone.
    pub event_status: EventStatus,
    /// Tickets in holds that are overdue and not reclaimed: free in effect.
    pub overdue: i64,
    /// When this was so.
    pub as_of: Timestamp,
}

impl SessionView {
    /// What can be held now.
    pub fn remaining(&self) -> i64 {
        self.session.stock.available + self.overdue
    }
}

/// A waiting room as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueView {
    /// The room.
    pub room: Room,
    /// Its session.
    pub session: Session,
    /// Places behind the room's head that nobody waits in, ascending.
    pub given_up: Vec<u64>,
    /// When this was so.
    pub as_of: Timestamp,
}

/// A session and all its seats, by label.
pub type SeatMap = (Session, Vec<Seat>);

/// A ticket with what is printed on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketView {
    /// The ticket.
    pub ticket: Ticket,
    /// Its event's title.
    pub title: String,
    /// When its doors open.
    pub start_at: Timestamp,
}

/// Which holds to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldFilter {
    /// Of this session.
    pub session_id: Option<SessionId>,
    /// Of this user.
    pub user_id: Option<UserId>,
    /// With this stored status.
    pub status: Option<HoldStatus>,
}

/// Which orders to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Of this session.
    pub session_id: Option<SessionId>,
    /// Of this user.
    pub user_id: Option<UserId>,
    /// With this status.
    pub status: Option<OrderStatus>,
}

impl OrderFilter {
    /// Whether `order` is among those wanted.
    pub fn matches(&self, order: &Order) -> bool {
        self.session_id.is_none_or(|session| order.session_id == session)
            && self.user_id.is_none_or(|user| order.user_id == user)
            && self.status.is_none_or(|status| order.status == status)
    }
}

/// Which records of the audit log to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this chain.
    pub stream: Option<StreamId>,
    /// About this.
    pub target: Option<String>,
    /// Caused by this one.
    pub actor: Option<Actor>,
}

impl AuditFilter {
    /// Most records looked at for one page.
    pub const SCAN_MAX: u32 = 50_000;

    /// Whether `record` is among those wanted.
    pub fn matches(&self, record: &AuditRecord) -> bool {
        self.stream.is_none_or(|stream| record.stream == stream)
            && self.target.as_ref().is_none_or(|target| record.target == *target)
            && self.actor.is_none_or(|actor| record.actor == actor)
    }
}

/// Where a page of the audit log ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCursor {
    /// In which chain.
    pub stream: StreamId,
    /// At which record.
    pub seq: u64,
}

/// The text is no cursor of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of the audit log")]
pub struct AuditCursorError;

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.stream, self.seq)
    }
}

impl std::str::FromStr for AuditCursor {
    type Err = AuditCursorError;

    fn from_str(text: &str) -> Result<Self, AuditCursorError> {
        let (stream, seq) = text.rsplit_once(':').ok_or(AuditCursorError)?;
        let stream = stream.parse().map_err(|_| AuditCursorError)?;
        Ok(Self { stream, seq: seq.parse().map_err(|_| AuditCursorError)? })
    }
}

impl AuditCursor {
    /// The place of `record`: what comes next is behind it.
    pub fn behind(record: &AuditRecord) -> Self {
        Self { stream: record.stream, seq: record.seq }
    }

    /// The cursor of `page`, if it has one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its cursor is another list's.
    pub fn of(page: &PageRequest) -> Result<Option<Self>, StoreError> {
        let foreign = |error| StoreError::Conflict { detail: format!("not a cursor of this list: {error}") };
        page.after.as_deref().map(|text| text.parse().map_err(foreign)).transpose()
    }
}

/// A kept callback whose payment has become known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackToMatch {
    /// The callback.
    pub callback: Callback,
    /// Its payment.
    pub link: PaymentLink,
}

/// Everything about one session, in one consistent view, for [`verify`](crate::verify).
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The session.
    pub session: Session,
    /// Its seats.
    pub seats: Vec<Seat>,
    /// Its holds.
    pub holds: Vec<Hold>,
    /// Its orders.
    pub orders: Vec<Order>,
    /// Its payments.
    pub payments: Vec<Payment>,
    /// Its tickets.
    pub tickets: Vec<Ticket>,
    /// Its messages.
    pub outbox: Vec<OutboxMessage>,
    /// Callbacks matched to its payments.
    pub callbacks: Vec<Callback>,
    /// Its audit chain, from the first record.
    pub audit: Vec<AuditRecord>,
}

/// Reading beside the writer. Every answer is committed state; none takes a lock that a writer
/// waits for.
///
/// Lists are in ascending order of their ids unless said otherwise, which is the order of creation.
pub trait Queries: Send + Sync + fmt::Debug {
    /// The store's clock.
    fn now(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>>;

    /// A number that changes whenever anybody, in whatever process, may have committed something. It costs
    /// less than reading: a store that cannot tell as cheaply tells another number every time.
    fn revision(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// An account by its name.
    fn user(&self, id: UserId) -> BoxFuture<'_, Result<Option<User>, StoreError>>;

    /// An account by its address.
    fn user_by_email(&self, email: Email) -> BoxFuture<'_, Result<Option<User>, StoreError>>;

    /// Accounts.
    fn users(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<User>, StoreError>>;

    /// An event.
    fn event(&self, id: EventId) -> BoxFuture<'_, Result<Option<Event>, StoreError>>;

    /// Events with this status, or all.
    fn events(&self, status: Option<EventStatus>, page: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>>;

    /// A session.
    fn session(&self, id: SessionId) -> BoxFuture<'_, Result<Option<SessionView>, StoreError>>;

    /// Sessions of an event, or all; in one consistent view.
    fn sessions(
        &self,
        event: Option<EventId>,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<SessionView>, StoreError>>;

    /// Seats of a session by label, and the session they belong to, in one consistent view: all of
    /// them, or those that changed behind the session's version `since`. A seat in an overdue hold is
    /// shown as `AVAILABLE`; no version tells when that began, so it is among those that changed
    /// until the hold is reclaimed.
    fn seats(&self, session: SessionId, since: Option<u64>) -> BoxFuture<'_, Result<Option<SeatMap>, StoreError>>;

    /// A hold.
    fn hold(&self, id: HoldId) -> BoxFuture<'_, Result<Option<Hold>, StoreError>>;

    /// Holds.
    fn holds(&self, filter: HoldFilter, page: PageRequest) -> BoxFuture<'_, Result<Page<Hold>, StoreError>>;

    /// An order.
    fn order(&self, id: OrderId) -> BoxFuture<'_, Result<Option<Order>, StoreError>>;

    /// Orders.
    fn orders(&self, filter: OrderFilter, page: PageRequest) -> BoxFuture<'_, Result<Page<Order>, StoreError>>;

    /// A user's orders, newest first.
    fn orders_of_user(&self, user: UserId, page: PageRequest) -> BoxFuture<'_, Result<Page<Order>, StoreError>>;

    /// A payment.
    fn payment(&self, id: PaymentId) -> BoxFuture<'_, Result<Option<Payment>, StoreError>>;

    /// A payment by the gateway's name for it.
    fn payment_by_gateway(&self, name: GatewayPaymentId) -> BoxFuture<'_, Result<Option<Payment>, StoreError>>;

    /// A ticket.
    fn ticket(&self, id: TicketId) -> BoxFuture<'_, Result<Option<TicketView>, StoreError>>;

    /// A user's tickets, newest first.
    fn tickets_of_user(&self, user: UserId, page: PageRequest) -> BoxFuture<'_, Result<Page<TicketView>, StoreError>>;

    /// An order's tickets.
    fn tickets_of_order(&self, order: OrderId) -> BoxFuture<'_, Result<Vec<Ticket>, StoreError>>;

    /// A session's waiting room.
    fn queue(&self, session: SessionId) -> BoxFuture<'_, Result<Option<QueueView>, StoreError>>;

    /// A place in it.
    fn place(&self, session: SessionId, number: u64) -> BoxFuture<'_, Result<Option<Place>, StoreError>>;

    /// Sessions with holds that are overdue at `now`, at most `limit`.
    fn sessions_to_sweep(&self, now: Timestamp, limit: u32) -> BoxFuture<'_, Result<Vec<SessionId>, StoreError>>;

    /// Sessions in whose waiting rooms somebody waits or is counted as active, at most `limit`, in ascending order behind `after`.
    fn sessions_to_admit(
        &self,
        after: Option<SessionId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<SessionId>, StoreError>>;

    /// Messages due at `now`, oldest first, at most `limit`.
    fn outbox_due(&self, now: Timestamp, limit: u32) -> BoxFuture<'_, Result<Vec<OutboxMessage>, StoreError>>;

    /// Unmatched callbacks behind `after` (by id) whose payment is known by now, at most `limit`.
    fn callbacks_to_match(
        &self,
        after: Option<CallbackId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<CallbackToMatch>, StoreError>>;

    /// Callbacks that were matched to no payment so far. Their ids tell nothing about their order of
    /// arrival.
    fn callbacks_unmatched(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<Callback>, StoreError>>;

    /// An audit chain from record `from` on, in order, at most `limit`.
    fn audit(&self, stream: StreamId, from: u64, limit: u32) -> BoxFuture<'_, Result<Vec<AuditRecord>, StoreError>>;

    /// Records of the audit log that fit `filter`: chain after chain, in an order of the store's own, and
    /// within each by number. At most [`AuditFilter::SCAN_MAX`] records are looked at for one page: a page
    /// may be short, even empty, and still tell where the next one starts, by an [`AuditCursor`].
    fn audit_records(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<AuditRecord>, StoreError>>;

    /// A stream's head as its owner keeps it, and its whole chain, in one consistent view. Not for
    /// sessions: see [`Queries::ledger`].
    fn chain(&self, stream: StreamId)
    -> BoxFuture<'_, Result<(crate::audit::ChainHead, Vec<AuditRecord>), StoreError>>;

    /// Everything about one session.
    fn ledger(&self, session: SessionId) -> BoxFuture<'_, Result<Option<Ledger>, StoreError>>;
}
