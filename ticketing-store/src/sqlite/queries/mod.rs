//! Answers to [`Queries`], each from one consistent view.

mod ledger;
mod lists;
mod views;

use futures_util::future::BoxFuture;
use rusqlite::{Connection, params};
use ticketing_core::{
    audit::{AuditRecord, ChainHead, StreamId},
    clock::Timestamp,
    event::{Event, EventStatus},
    hold::Hold,
    ids::{CallbackId, EventId, HoldId, OrderId, PaymentId, SessionId, TicketId, UserId},
    order::Order,
    outbox::OutboxMessage,
    payment::{Callback, GatewayPaymentId, Payment},
    seat::Seat,
    session::Session,
    store::{
        AuditCursor, AuditFilter, CallbackToMatch, HoldFilter, Ledger, OrderFilter, Page, PageRequest, Queries,
        QueueView, SessionView, StoreError, TicketView,
    },
    ticket::Ticket,
    user::{Email, User},
    waiting_room::Place,
};

use super::{
    SqliteStore,
    columns::{Columns, Id, int},
    tables::{
        all, audit, callbacks, events, holds, one, orders, outbox, payments, places, rooms, sessions, tickets, users,
    },
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl SqliteStore {
    fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(self.readers.ask(what, read))
    }
}

impl Queries for SqliteStore {
    fn now(&self) -> Answer<'_, Timestamp> {
        let now = self.clock.now();
        Box::pin(async move { Ok(now) })
    }

    fn revision(&self) -> Answer<'_, u64> {
        Box::pin(async { self.revision.now() })
    }

    fn user(&self, id: UserId) -> Answer<'_, Option<User>> {
        self.read("reading a user", move |db| one(db, users::BY_ID, [id.bytes()]))
    }

    fn user_by_email(&self, email: Email) -> Answer<'_, Option<User>> {
        self.read("reading a user", move |db| one(db, users::BY_EMAIL, [email.as_str()]))
    }

    fn users(&self, page: PageRequest) -> Answer<'_, Page<User>> {
        Box::pin(self.page::<UserId, _>(
            "listing users",
            page,
            lists::ASCENDING,
            |db, from, limit| all(db, users::PAGE, params![from, limit]),
            |user: &User| user.id,
        ))
    }

    fn event(&self, id: EventId) -> Answer<'_, Option<Event>> {
        self.read("reading an event", move |db| one(db, events::BY_ID, [id.bytes()]))
    }

    fn events(&self, status: Option<EventStatus>, page: PageRequest) -> Answer<'_, Page<Event>> {
        Box::pin(self.page::<EventId, _>(
            "listing events",
            page,
            lists::ASCENDING,
            move |db, from, limit| match status {
                None => all(db, events::PAGE, params![from, limit]),
                Some(status) => all(db, events::PAGE_OF_STATUS, params![from, limit, status.as_str()]),
            },
            |event: &Event| event.id,
        ))
    }

    fn session(&self, id: SessionId) -> Answer<'_, Option<SessionView>> {
        let now = self.clock.now();
        self.read("reading a session", move |db| views::session(db, id, now))
    }

    fn sessions(&self, event: Option<EventId>, page: PageRequest) -> Answer<'_, Page<SessionView>> {
        let now = self.clock.now();
        Box::pin(self.page::<SessionId, _>(
            "listing sessions",
            page,
            lists::ASCENDING,
            move |db, from, limit| views::sessions(db, event, now, from, limit),
            |view: &SessionView| view.session.id,
        ))
    }

    fn seats(&self, session: SessionId, since: Option<u64>) -> Answer<'_, Option<(Session, Vec<Seat>)>> {
        let now = self.clock.now();
        self.read("reading seats", move |db| views::seats(db, session, since, now))
    }

    fn hold(&self, id: HoldId) -> Answer<'_, Option<Hold>> {
        self.read("reading a hold", move |db| one(db, holds::BY_ID, [id.bytes()]))
    }

    fn holds(&self, filter: HoldFilter, page: PageRequest) -> Answer<'_, Page<Hold>> {
        Box::pin(self.page::<HoldId, _>(
            "listing holds",
            page,
            lists::ASCENDING,
            move |db, from, limit| lists::holds(db, &filter, from, limit),
            |hold: &Hold| hold.id,
        ))
    }

    fn order(&self, id: OrderId) -> Answer<'_, Option<Order>> {
        self.read("reading an order", move |db| one(db, orders::BY_ID, [id.bytes()]))
    }

    fn orders(&self, filter: OrderFilter, page: PageRequest) -> Answer<'_, Page<Order>> {
        Box::pin(self.page::<OrderId, _>(
            "listing orders",
            page,
            lists::ASCENDING,
            move |db, from, limit| lists::orders(db, &filter, from, limit),
            |order: &Order| order.id,
        ))
    }

    fn orders_of_user(&self, user: UserId, page: PageRequest) -> Answer<'_, Page<Order>> {
        Box::pin(self.page::<OrderId, _>(
            "listing orders",
            page,
            lists::DESCENDING,
            move |db, from, limit| all(db, orders::OF_USER, params![from, limit, user.bytes()]),
            |order: &Order| order.id,
        ))
    }

    fn payment(&self, id: PaymentId) -> Answer<'_, Option<Payment>> {
        self.read("reading a payment", move |db| one(db, payments::BY_ID, [id.bytes()]))
    }

    fn payment_by_gateway(&self, name: GatewayPaymentId) -> Answer<'_, Option<Payment>> {
        self.read("reading a payment", move |db| one(db, payments::BY_GATEWAY, [name.as_str()]))
    }

    fn ticket(&self, id: TicketId) -> Answer<'_, Option<TicketView>> {
        self.read("reading a ticket", move |db| views::ticket(db, id))
    }

    fn tickets_of_user(&self, user: UserId, page: PageRequest) -> Answer<'_, Page<TicketView>> {
        Box::pin(self.page::<TicketId, _>(
            "listing tickets",
            page,
            lists::DESCENDING,
            move |db, from, limit| views::tickets_of_user(db, user, from, limit),
            |view: &TicketView| view.ticket.id,
        ))
    }

    fn tickets_of_order(&self, order: OrderId) -> Answer<'_, Vec<Ticket>> {
        self.read("reading an order's tickets", move |db| all(db, tickets::OF_ORDER, [order.bytes()]))
    }

    fn queue(&self, session: SessionId) -> Answer<'_, Option<QueueView>> {
        let now = self.clock.now();
        self.read("reading a waiting room", move |db| views::queue(db, session, now))
    }

    fn place(&self, session: SessionId, number: u64) -> Answer<'_, Option<Place>> {
        self.read("reading a place", move |db| one(db, places::BY_NUMBER, params![session.bytes(), int(number)]))
    }

    fn sessions_to_sweep(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<SessionId>> {
        self.read("looking for overdue holds", move |db| {
            let mut found = db.prepare_cached(sessions::TO_SWEEP)?;
            found.query_map(params![now.micros(), limit], |row| Columns::of(row).id())?.collect()
        })
    }

    fn sessions_to_admit(&self, after: Option<SessionId>, limit: u32) -> Answer<'_, Vec<SessionId>> {
        self.read("looking for waiting rooms", move |db| {
            let mut found = db.prepare_cached(rooms::TO_ADMIT)?;
            let after = after.map_or_else(Vec::new, |id| id.bytes().to_vec());
            found.query_map(params![after, limit], |row| Columns::of(row).id())?.collect()
        })
    }

    fn outbox_due(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<OutboxMessage>> {
        self.read("looking into the outbox", move |db| all(db, outbox::DUE, params![now.micros(), limit]))
    }

    fn callbacks_to_match(&self, after: Option<CallbackId>, limit: u32) -> Answer<'_, Vec<CallbackToMatch>> {
        self.read("looking for callbacks to match", move |db| views::callbacks_to_match(db, after, limit))
    }

    fn callbacks_unmatched(&self, page: PageRequest) -> Answer<'_, Page<Callback>> {
        Box::pin(self.page::<CallbackId, _>(
            "listing unmatched callbacks",
            page,
            lists::ASCENDING,
            |db, from, limit| all(db, callbacks::UNMATCHED, params![from, limit]),
            |callback: &Callback| callback.id,
        ))
    }

    fn audit(&self, stream: StreamId, from: u64, limit: u32) -> Answer<'_, Vec<AuditRecord>> {
        self.read("reading the audit log", move |db| {
            all(db, audit::FROM, params![stream.to_string(), int(from), limit])
        })
    }

    fn audit_records(&self, filter: AuditFilter, page: PageRequest) -> Answer<'_, Page<AuditRecord>> {
        let limit = page.limit.clamp(1, PageRequest::LIMIT_MAX);
        match AuditCursor::of(&page) {
            Ok(after) => {
                self.read("searching the audit log", move |db| lists::audit_records(db, &filter, after, limit))
            }
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn chain(&self, stream: StreamId) -> Answer<'_, (ChainHead, Vec<AuditRecord>)> {
        self.read("reading an audit chain", move |db| Ok((ledger::head(db, stream)?, ledger::records(db, stream)?)))
    }

    fn ledger(&self, session: SessionId) -> Answer<'_, Option<Ledger>> {
        self.read("reading a session's ledger", move |db| ledger::of(db, session))
    }
}
