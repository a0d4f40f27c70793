//! Where every record lies, and through which indexes it is found.
//!
//! A record lies under one key of its own, as JSON. Every entry of an index is a key whose value is
//! the record's key. An index says which of its entries are unique, and which records are in it.

use serde::{Serialize, de::DeserializeOwned};

use super::encode::{Key, Space, describe};
use crate::{
    audit::{AuditRecord, Stream, StreamId},
    clock::Timestamp,
    event::{Event, EventStatus},
    hold::{Hold, HoldStatus, IdempotencyKey},
    ids::{CallbackId, EventId, HoldId, OrderId, OutboxId, PaymentId, SessionId, TicketId, UserId},
    order::Order,
    outbox::{OutboxMessage, OutboxStatus},
    payment::{Callback, GatewayPaymentId, Payment},
    seat::{Seat, SeatId, SeatStatus},
    session::Session,
    store::{StoreError, kv::Pair},
    ticket::{Ticket, TicketStatus},
    user::{Email, User},
    waiting_room::{Place, PlaceState, Room},
};

/// An entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// At most one record may have it.
    pub(super) unique: bool,
}

fn plain(key: Key) -> Entry {
    Entry { key, unique: false }
}

fn unique(key: Key) -> Entry {
    Entry { key, unique: true }
}

/// A kind of record that is stored.
pub(super) trait Stored: Serialize + DeserializeOwned {
    /// The key it lies under.
    fn primary(&self) -> Key;

    /// Its entries in every index; the same record always has the same ones.
    fn entries(&self) -> Vec<Entry>;

    /// What is wrong with it, if the store has to refuse it whatever was decided.
    fn flaw(&self) -> Option<&'static str>;
}

/// The record in `pair`.
pub(super) fn decode<R: Stored>(pair: &Pair) -> Result<R, StoreError> {
    serde_json::from_slice(&pair.value)
        .map_err(|error| StoreError::corrupt(format_args!("{}: {error}", describe(&pair.key))))
}

/// The bytes of `record`.
pub(super) fn encode<R: Stored>(record: &R) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|error| {
        StoreError::corrupt(format_args!("{} cannot be written: {error}", describe(&record.primary().into_bytes())))
    })
}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident($($part:ident: $type:ty),*) = $space:ident;)+) => {$(
        $(#[$doc])*
        pub(super) fn $name($($part: $type),*) -> Key {
            Key::of(Space::$space)$(.and($part))*
        }
    )+};
}

// Keys of records.
keys! {
    schema() = Schema;
    /// Counts the changes behind one lock.
    fence(stream: &StreamId) = Fence;
    stream(id: &StreamId) = Stream;
    users() = User;
    user(id: &UserId) = User;
    events() = Event;
    event(id: &EventId) = Event;
    sessions() = Session;
    session(id: &SessionId) = Session;
    room(session: &SessionId) = Room;
    places(session: &SessionId) = Place;
    place(session: &SessionId, number: &u64) = Place;
    seats(session: &SessionId) = Seat;
    seat(session: &SessionId, label: &str) = Seat;
    holds_of_session(session: &SessionId) = Hold;
    hold(session: &SessionId, id: &HoldId) = Hold;
    orders_of_session(session: &SessionId) = Order;
    order(session: &SessionId, id: &OrderId) = Order;
    payments_of_session(session: &SessionId) = Payment;
    payment(session: &SessionId, id: &PaymentId) = Payment;
    tickets_of_session(session: &SessionId) = Ticket;
    ticket(session: &SessionId, id: &TicketId) = Ticket;
    callback(id: &CallbackId) = Callback;
    outbox_of_session(session: &SessionId) = Outbox;
    outbox(session: &SessionId, id: &OutboxId) = Outbox;
    audit_of(stream: &StreamId) = Audit;
    audit(stream: &StreamId, seq: &u64) = Audit;
}

// Keys of indexes.
keys! {
    email(email: &str) = UserByEmail;
    events_of_status(status: &EventStatus) = EventByStatus;
    sessions_of_event(event: &EventId) = SessionOfEvent;
    sessions_with_held() = SessionWithHeld;
    rooms_with_waiting() = RoomWithWaiting;
    places_of_user(session: &SessionId, user: &UserId) = PlaceOfUser;
    places_given_up(session: &SessionId) = PlaceGivenUp;
    holds() = HoldById;
    hold_by_id(id: &HoldId) = HoldById;
    hold_by_key(session: &SessionId, user: &UserId, key: &str) = HoldByKey;
    holds_in_session_of_user(session: &SessionId, user: &UserId) = HoldInSessionOfUser;
    holds_of_user(user: &UserId) = HoldOfUser;
    active_holds(session: &SessionId) = HoldActive;
    order_by_id(id: &OrderId) = OrderById;
    order_of_hold(hold: &HoldId) = OrderOfHold;
    orders_of_user(user: &UserId) = OrderOfUser;
    payment_by_id(id: &PaymentId) = PaymentById;
    payment_of_order(order: &OrderId) = PaymentOfOrder;
    gateway(name: &str) = PaymentByGateway;
    ticket_by_id(id: &TicketId) = TicketById;
    tickets_of_order(order: &OrderId) = TicketOfOrder;
    tickets_of_user(user: &UserId) = TicketOfUser;
    ticket_of_seat(session: &SessionId, seat: &str) = TicketOfSeat;
    unmatched_callbacks() = CallbackUnmatched;
    callbacks_of_session(session: &SessionId) = CallbackOfSession;
    due_outbox() = OutboxDue;
    outbox_by_key(key: &str) = OutboxByKey;
}

impl Stored for Stream {
    fn primary(&self) -> Key {
        stream(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        Vec::new()
    }

    fn flaw(&self) -> Option<&'static str> {
        None
    }
}

impl Stored for User {
    fn primary(&self) -> Key {
        user(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        vec![unique(by_email(&self.email))]
    }

    fn flaw(&self) -> Option<&'static str> {
        None
    }
}
