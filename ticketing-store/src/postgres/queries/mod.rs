//! Answers to [`Queries`], each from one consistent view.

mod ledger;
mod lists;
mod views;

use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use ticketing_core::{
    audit::{AuditRecord, ChainHead, StreamId},
    clock::Timestamp,
    event::{Event, EventStatus},
    hold::Hold,
    ids::{CallbackId, EventId, HoldId, OrderId, PaymentId, SessionId, TicketId, UserId},
    order::Order,
    outbox::OutboxMessage,
    payment::{Callback, GatewayPaymentId, Payment},
    store::{
        AuditFilter, CallbackToMatch, HoldFilter, Ledger, OrderFilter, Page, PageRequest, Queries, QueueView, SeatMap,
        SessionView, StoreError, TicketView,
    },
    ticket::Ticket,
    user::{Email, User},
    waiting_room::Place,
};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    PostgresStore,
    columns::{Array, At, Id, int},
    flight::{Query, params},
    tables::{
        Stored, audit, callbacks, events, holds, orders, outbox, payments, places, record, records, rooms, sessions,
        tickets, users,
    },
};

/// Holds by their ids alone.
pub(super) fn holds_by_id(ids: &[HoldId]) -> Query {
    Query::new(&holds::BY_IDS, params![Array::ids(ids.iter().copied())])
}

/// Payments by the gateway's names for them.
pub(super) fn payments_by_gateway(names: &[GatewayPaymentId]) -> Query {
    Query::new(&payments::BY_GATEWAY, params![Array::of(Type::TEXT, names.iter().map(GatewayPaymentId::as_str))])
}

/// Places by their numbers.
pub(super) fn places_by_number(keys: &[(SessionId, u64)]) -> Query {
    let numbers = Array::of(Type::INT8, keys.iter().map(|key| int(key.1)));
    Query::new(&places::BY_NUMBERS, params![Array::ids(keys.iter().map(|key| key.0)), numbers])
}

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl PostgresStore {
    /// The one record that `query` finds.
    fn one<R: Stored>(&self, what: &'static str, query: Query) -> Answer<'_, Option<R>> {
        Box::pin(async move { self.rows(what, query).await?.first().map(record).transpose() })
    }

    /// Every record that `query` finds, in its order.
    fn all<R: Stored>(&self, what: &'static str, query: Query) -> Answer<'_, Vec<R>> {
        Box::pin(async move { records(&self.rows(what, query).await?) })
    }
}

impl Queries for PostgresStore {
    fn now(&self) -> Answer<'_, Timestamp> {
        Box::pin(self.time())
    }

    fn revision(&self) -> Answer<'_, u64> {
        let next = self.revision.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(next) })
    }

    fn user(&self, id: UserId) -> Answer<'_, Option<User>> {
        self.one("reading a user", Query::new(&users::BY_IDS, params![Array::ids([id])]))
    }

    fn user_by_email(&self, email: Email) -> Answer<'_, Option<User>> {
        let emails = Array::of(Type::TEXT, [email.as_str()]);
        self.one("reading a user", Query::new(&users::BY_EMAILS, params![emails]))
    }

    fn users(&self, page: PageRequest) -> Answer<'_, Page<User>> {
        Box::pin(self.page(
            "listing users",
            page,
            |from, limit| Query::new(&users::PAGE, params![lists::ascending(from), limit]),
            |user: &User| user.id,
        ))
    }

    fn event(&self, id: EventId) -> Answer<'_, Option<Event>> {
        self.one("reading an event", Query::new(&events::BY_IDS, params![Array::ids([id])]))
    }

    fn events(&self, status: Option<EventStatus>, page: PageRequest) -> Answer<'_, Page<Event>> {
        Box::pin(self.page(
            "listing events",
            page,
            move |from, limit| match status {
                None => Query::new(&events::PAGE, params![lists::ascending(from), limit]),
                Some(status) => {
                    Query::new(&events::PAGE_OF_STATUS, params![lists::ascending(from), limit, status.as_str()])
                }
            },
            |event: &Event| event.id,
        ))
    }

    fn session(&self, id: SessionId) -> Answer<'_, Option<SessionView>> {
        Box::pin(self.session_view(id))
    }

    fn sessions(&self, event: Option<EventId>, page: PageRequest) -> Answer<'_, Page<SessionView>> {
        Box::pin(self.session_views(event, page))
    }

    fn seats(&self, session: SessionId, since: Option<u64>) -> Answer<'_, Option<SeatMap>> {
        Box::pin(self.seat_map(session, since))
    }

    fn hold(&self, id: HoldId) -> Answer<'_, Option<Hold>> {
        Box::pin(self.holds.get(&self.readers, id))
    }

    fn holds(&self, filter: HoldFilter, page: PageRequest) -> Answer<'_, Page<Hold>> {
        Box::pin(self.page(
            "listing holds",
            page,
            move |from, limit| lists::holds(&filter, lists::ascending(from), limit),
            |hold: &Hold| hold.id,
        ))
    }

    fn order(&self, id: OrderId) -> Answer<'_, Option<Order>> {
        self.one("reading an order", Query::new(&orders::BY_ID, params![Id::uuid(id)]))
    }

    fn orders(&self, filter: OrderFilter, page: PageRequest) -> Answer<'_, Page<Order>> {
        Box::pin(self.page(
            "listing orders",
            page,
            move |from, limit| lists::orders(&filter, lists::ascending(from), limit),
            |order: &Order| order.id,
        ))
    }

    fn orders_of_user(&self, user: UserId, page: PageRequest) -> Answer<'_, Page<Order>> {
        Box::pin(self.page(
            "listing orders",
            page,
            move |from: Option<Uuid>, limit| Query::new(&orders::OF_USER, params![from, limit, Id::uuid(user)]),
            |order: &Order| order.id,
        ))
    }

    fn payment(&self, id: PaymentId) -> Answer<'_, Option<Payment>> {
        self.one("reading a payment", Query::new(&payments::BY_ID, params![Id::uuid(id)]))
    }

    fn payment_by_gateway(&self, name: GatewayPaymentId) -> Answer<'_, Option<Payment>> {
        Box::pin(self.payments.get(&self.readers, name))
    }

    fn ticket(&self, id: TicketId) -> Answer<'_, Option<TicketView>> {
        Box::pin(self.ticket_view(id))
    }

    fn tickets_of_user(&self, user: UserId, page: PageRequest) -> Answer<'_, Page<TicketView>> {
        Box::pin(self.ticket_views(user, page))
    }

    fn tickets_of_order(&self, order: OrderId) -> Answer<'_, Vec<Ticket>> {
        self.all("reading an order's tickets", Query::new(&tickets::OF_ORDER, params![Id::uuid(order)]))
    }

    fn queue(&self, session: SessionId) -> Answer<'_, Option<QueueView>> {
        Box::pin(self.queue_view(session))
    }

    fn place(&self, session: SessionId, number: u64) -> Answer<'_, Option<Place>> {
        Box::pin(self.places.get(&self.readers, (session, number)))
    }

    fn sessions_to_sweep(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<SessionId>> {
        let query = Query::new(&sessions::TO_SWEEP, params![At(now), i64::from(limit)]);
        Box::pin(self.ids("looking for overdue holds", query))
    }

    fn sessions_to_admit(&self, after: Option<SessionId>, limit: u32) -> Answer<'_, Vec<SessionId>> {
        let after = lists::ascending(after.map(Id::uuid));
        let query = Query::new(&rooms::TO_ADMIT, params![after, i64::from(limit)]);
        Box::pin(self.ids("looking for waiting rooms", query))
    }

    fn outbox_due(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<OutboxMessage>> {
        self.all("looking into the outbox", Query::new(&outbox::DUE, params![At(now), i64::from(limit)]))
    }

    fn callbacks_to_match(&self, after: Option<CallbackId>, limit: u32) -> Answer<'_, Vec<CallbackToMatch>> {
        Box::pin(self.matches(after, limit))
    }

    fn callbacks_unmatched(&self, page: PageRequest) -> Answer<'_, Page<Callback>> {
        Box::pin(self.page(
            "listing unmatched callbacks",
            page,
            |from, limit| Query::new(&callbacks::UNMATCHED, params![lists::ascending(from), limit]),
            |callback: &Callback| callback.id,
        ))
    }

    fn audit(&self, stream: StreamId, from: u64, limit: u32) -> Answer<'_, Vec<AuditRecord>> {
        let (kind, id) = audit::name(stream);
        self.all("reading the audit log", Query::new(&audit::FROM, params![id, kind, int(from), i64::from(limit)]))
    }

    fn audit_records(&self, filter: AuditFilter, page: PageRequest) -> Answer<'_, Page<AuditRecord>> {
        Box::pin(self.search_audit(filter, page))
    }

    fn chain(&self, stream: StreamId) -> Answer<'_, (ChainHead, Vec<AuditRecord>)> {
        Box::pin(self.whole_chain(stream))
    }

    fn ledger(&self, session: SessionId) -> Answer<'_, Option<Ledger>> {
        Box::pin(self.whole_ledger(session))
    }
}
