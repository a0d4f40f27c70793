//! Reading beside the writer.

mod lists;
mod sessions;
mod work;

use std::str::FromStr;

use futures_util::future::BoxFuture;

use super::{
    KeyValue, KvStore, Lookup, Pair, Span,
    encode::{Key, Part},
    keys,
    records::{Stored, decode},
};
use crate::{
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
        AuditFilter, CallbackToMatch, HoldFilter, Ledger, OrderFilter, Page, PageRequest, Queries, QueueView,
        SessionView, StoreError, TicketView,
    },
    ticket::Ticket,
    user::{Email, User},
    waiting_room::Place,
};

impl<K: KeyValue> KvStore<K> {
    /// The records that one lookup finds.
    async fn list<R: Stored>(&self, lookup: Lookup) -> Result<Vec<R>, StoreError> {
        self.view(vec![lookup]).await?.found.iter().flatten().map(decode).collect()
    }

    /// The record under `key`.
    async fn get<R: Stored>(&self, key: Key) -> Result<Option<R>, StoreError> {
        Ok(self.list(Lookup::Get(key.into_bytes())).await?.pop())
    }

    /// The record that the entry `key` points to.
    async fn follow<R: Stored>(&self, key: Key) -> Result<Option<R>, StoreError> {
        Ok(self.list(Lookup::Follow(key.only())).await?.pop())
    }
}

/// A page as asked for: a length within its bounds, and the id behind which it starts.
struct Asked<I> {
    limit: u32,
    after: Option<I>,
}

impl<I: Part + FromStr> Asked<I>
where
    I::Err: std::fmt::Display,
{
    fn of(page: &PageRequest) -> Result<Self, StoreError> {
        let after = page.after.as_deref().map(|cursor| {
            cursor
                .parse()
                .map_err(|error| StoreError::Conflict { detail: format!("not a cursor of this list: {error}") })
        });
        Ok(Self { limit: page.limit.clamp(1, PageRequest::LIMIT_MAX), after: after.transpose()? })
    }

    /// The page of `list`, and one more to see whether there is another page.
    fn ascending(&self, list: Key) -> Span {
        let span = match &self.after {
            None => list.all(),
            Some(after) => list.behind(after),
        };
        span.limit(self.limit as usize + 1)
    }

    /// The same, newest first.
    fn descending(&self, list: Key) -> Span {
        let span = match &self.after {
            None => list.all(),
            Some(after) => list.before(after),
        };
        span.descending().limit(self.limit as usize + 1)
    }
}

/// Each question to the method that answers it, or to the one key it lies under.
macro_rules! queries {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty => |$store:ident| $how:expr;)+) => {$(
        fn $name(&self, $($arg: $type),*) -> BoxFuture<'_, Result<$answer, StoreError>> {
            let $store = self;
            Box::pin(async move { $how.await })
        }
    )+};
}

impl<K: KeyValue> Queries for KvStore<K> {
    queries! {
        now() -> Timestamp => |s| async { Ok(s.view(Vec::new()).await?.at) };
        revision() -> u64 => |s| async { Ok(s.view(Vec::new()).await?.revision) };
        user(id: UserId) -> Option<User> => |s| s.get(keys::user(&id));
        user_by_email(email: Email) -> Option<User> => |s| s.follow(keys::email(email.as_str()));
        users(page: PageRequest) -> Page<User> => |s| s.list_users(page);
        event(id: EventId) -> Option<Event> => |s| s.get(keys::event(&id));
        events(status: Option<EventStatus>, page: PageRequest) -> Page<Event> => |s| s.list_events(status, page);
        session(id: SessionId) -> Option<SessionView> => |s| s.show_session(id);
        sessions(event: Option<EventId>, page: PageRequest) -> Page<SessionView> => |s| s.show_sessions(event, page);
        seats(session: SessionId, since: Option<u64>) -> Option<(Session, Vec<Seat>)> => |s| s.show_seats(session, since);
        hold(id: HoldId) -> Option<Hold> => |s| s.get(keys::hold(&id));
        holds(filter: HoldFilter, page: PageRequest) -> Page<Hold> => |s| s.list_holds(filter, page);
        order(id: OrderId) -> Option<Order> => |s| s.get(keys::order(&id));
        orders(filter: OrderFilter, page: PageRequest) -> Page<Order> => |s| s.list_orders(filter, page);
        orders_of_user(user: UserId, page: PageRequest) -> Page<Order> => |s| s.list_orders_of_user(user, page);
        payment(id: PaymentId) -> Option<Payment> => |s| s.get(keys::payment(&id));
        payment_by_gateway(name: GatewayPaymentId) -> Option<Payment> => |s| s.follow(keys::gateway(name.as_str()));
        ticket(id: TicketId) -> Option<TicketView> => |s| s.show_ticket(id);
        tickets_of_user(user: UserId, page: PageRequest) -> Page<TicketView> => |s| s.list_tickets(user, page);
        tickets_of_order(order: OrderId) -> Vec<Ticket> => |s| s.list(Lookup::Follow(keys::tickets_of_order(&order).all()));
        queue(session: SessionId) -> Option<QueueView> => |s| s.show_queue(session);
        place(session: SessionId, number: u64) -> Option<Place> => |s| s.get(keys::place(&session, &number));
        sessions_to_sweep(now: Timestamp, limit: u32) -> Vec<SessionId> => |s| s.find_overdue(now, limit);
        sessions_to_admit(after: Option<SessionId>, limit: u32) -> Vec<SessionId> => |s| s.find_waiting(after, limit);
        outbox_due(now: Timestamp, limit: u32) -> Vec<OutboxMessage> => |s| s.find_due(now, limit);
        callbacks_to_match(after: Option<CallbackId>, limit: u32) -> Vec<CallbackToMatch> => |s| s.find_matches(after, limit);
        callbacks_unmatched(page: PageRequest) -> Page<Callback> => |s| s.list_unmatched(page);
        audit(stream: StreamId, from: u64, limit: u32) -> Vec<AuditRecord> => |s| s.list_audit(stream, from, limit);
        audit_records(filter: AuditFilter, page: PageRequest) -> Page<AuditRecord> => |s| s.search_audit(filter, page);
        chain(stream: StreamId) -> (ChainHead, Vec<AuditRecord>) => |s| s.whole_chain(stream);
        ledger(session: SessionId) -> Option<Ledger> => |s| s.whole_session(session);
    }
}
