//! Every key there is: of records, and of the entries of their indexes.
//!
//! A function named in the plural gives the beginning that the keys of a list share; the lists that
//! are paged go on with the record's id, so that they are in order of creation.

use super::encode::{Key, Space, describe, id_at, u32_at, u64_at};
use crate::{
    audit::StreamId,
    event::EventStatus,
    hold::Hold,
    ids::{CallbackId, EventId, HoldId, LoginId, OrderId, OutboxId, PaymentId, SessionId, TicketId, UserId},
    store::StoreError,
};

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
    holds() = Hold;
    hold(id: &HoldId) = Hold;
    orders() = Order;
    order(id: &OrderId) = Order;
    payment(id: &PaymentId) = Payment;
    login(id: &LoginId) = Login;
    ticket(id: &TicketId) = Ticket;
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
    rooms_with_people() = RoomWithPeople;
    places_of_user(session: &SessionId, user: &UserId) = PlaceOfUser;
    places_given_up(session: &SessionId) = PlaceGivenUp;
    holds_of_session(session: &SessionId) = HoldOfSession;
    hold_by_key(session: &SessionId, user: &UserId, key: &str) = HoldByKey;
    holds_in_session_of_user(session: &SessionId, user: &UserId) = HoldInSessionOfUser;
    holds_of_user(user: &UserId) = HoldOfUser;
    active_holds(session: &SessionId) = HoldActive;
    orders_of_session(session: &SessionId) = OrderOfSession;
    order_of_hold(hold: &HoldId) = OrderOfHold;
    orders_of_user(user: &UserId) = OrderOfUser;
    payments_of_session(session: &SessionId) = PaymentOfSession;
    payment_of_order(order: &OrderId) = PaymentOfOrder;
    gateway(name: &str) = PaymentByGateway;
    tickets_of_session(session: &SessionId) = TicketOfSession;
    tickets_of_order(order: &OrderId) = TicketOfOrder;
    tickets_of_user(user: &UserId) = TicketOfUser;
    ticket_of_seat(session: &SessionId, seat: &str) = TicketOfSeat;
    unmatched_callbacks() = CallbackUnmatched;
    callbacks_of_session(session: &SessionId) = CallbackOfSession;
    due_outbox() = OutboxDue;
    outbox_by_key(key: &str) = OutboxByKey;
    audit_streams() = AuditStream;
}

/// An entry of [`active_holds`]: by end, then by id; with the quantity, so that overdue stock is
/// summed up from the index alone.
pub(super) fn active_hold(hold: &Hold) -> Key {
    active_holds(&hold.session_id).and(&hold.expires_at).and(&hold.id).and(&hold.quantity())
}

/// The hold that an entry of [`active_holds`] names, and its quantity.
pub(super) fn active_hold_in(key: &[u8]) -> Result<(HoldId, u32), StoreError> {
    const ID: usize = 1 + 16 + 8;
    let parts = id_at(key, ID).map(HoldId::from_uuid).zip(u32_at(key, ID + 16));
    parts.ok_or_else(|| malformed(key))
}

/// The session that an entry of an index of sessions alone names.
pub(super) fn session_in(key: &[u8]) -> Result<SessionId, StoreError> {
    id_at(key, 1).map(SessionId::from_uuid).ok_or_else(|| malformed(key))
}

/// The stream that an entry of [`audit_streams`] names.
pub(super) fn audit_stream_in(key: &[u8]) -> Result<StreamId, StoreError> {
    let id = || id_at(key, 2).ok_or_else(|| malformed(key));
    match key.get(1) {
        Some(0) => Ok(StreamId::Session(SessionId::from_uuid(id()?))),
        Some(1) => Ok(StreamId::Event(EventId::from_uuid(id()?))),
        Some(2) => Ok(StreamId::Users),
        Some(3) => Ok(StreamId::Callbacks),
        _ => Err(malformed(key)),
    }
}

/// The number that an entry of [`places_given_up`] names.
pub(super) fn place_number_in(key: &[u8]) -> Result<u64, StoreError> {
    u64_at(key, 1 + 16).ok_or_else(|| malformed(key))
}

fn malformed(key: &[u8]) -> StoreError {
    StoreError::corrupt(format_args!("a malformed key: {}", describe(key)))
}

/// Whether `key` is a lock's.
pub(super) fn is_fence(key: &[u8]) -> bool {
    key.first() == Some(&(Space::Fence as u8))
}
