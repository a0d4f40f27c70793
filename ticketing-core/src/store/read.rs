//! Records, and how a decision asks for them.

use std::{fmt, hash::Hash};

use crate::{
    audit::{Stream, StreamId},
    event::Event,
    hold::Hold,
    ids::{CallbackId, EventId, HoldId, LoginId, OrderId, OutboxId, PaymentId, SessionId, TicketId, UserId},
    order::Order,
    outbox::OutboxMessage,
    payment::{Callback, Payment},
    seat::{Seat, SeatId},
    session::Session,
    ticket::Ticket,
    user::{Email, User, login::Login},
    waiting_room::{Place, Room},
};

/// Something a decision may need. Reads by key load the record or its absence; reads by index load
/// every record they name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Read {
    /// A stream's chain head.
    Stream(StreamId),
    /// An account.
    User(UserId),
    /// The account of an address.
    UserByEmail(Email),
    /// An event.
    Event(EventId),
    /// A session.
    Session(SessionId),
    /// A session's waiting room.
    Room(SessionId),
    /// A place in it.
    Place(SessionId, u64),
    /// The newest place of a user that is `IN`.
    PlaceOfUser(SessionId, UserId),
    /// Places with a number above `after`, ascending, at most `limit`, whatever their state.
    Places {
        /// Whose waiting room.
        session_id: SessionId,
        /// Numbers above this.
        after: u64,
        /// At most so many.
        limit: u32,
    },
    /// A seat.
    Seat(SessionId, SeatId),
    /// A hold.
    Hold(SessionId, HoldId),
    /// Holds of a user in a session, whatever their status: at most one more than [`Read::HOLDS_OF_USER_MAX`], which
    /// tells that there are too many.
    HoldsOfUser(SessionId, UserId),
    /// `ACTIVE` holds of a session by `expires_at` ascending (then by id), at most `limit`.
    EarliestHolds {
        /// Whose.
        session_id: SessionId,
        /// At most so many.
        limit: u32,
    },
    /// A ticket.
    Ticket(SessionId, TicketId),
    /// A login.
    Login(LoginId),
    /// An order.
    Order(SessionId, OrderId),
    /// A payment.
    Payment(SessionId, PaymentId),
    /// A kept callback.
    Callback(CallbackId),
    /// A message of the outbox.
    Outbox(SessionId, OutboxId),
}

impl Read {
    /// Holds of one user in one session that are kept track of; more are refused.
    pub const HOLDS_OF_USER_MAX: usize = 1_000;
}

/// A decision needs this and it was not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub Read);

/// A kind of record: what it is known by, and how to ask for one.
pub trait Record: Clone + fmt::Debug + PartialEq + Send + 'static {
    /// What it is known by.
    type Key: Clone + Eq + Hash + Ord + fmt::Debug + Send;

    /// This one's key.
    fn key(&self) -> Self::Key;

    /// The read that loads the record of `key`.
    fn read(key: &Self::Key) -> Read;
}

macro_rules! records {
    ($($type:ty, $key:ty, |$record:ident| $of:expr, |$k:ident| $read:expr;)+) => {$(
        impl Record for $type {
            type Key = $key;

            fn key(&self) -> $key {
                let $record = self;
                $of
            }

            fn read($k: &$key) -> Read {
                $read
            }
        }
    )+};
}

records! {
    Stream, StreamId, |s| s.id, |k| Read::Stream(*k);
    User, UserId, |u| u.id, |k| Read::User(*k);
    Event, EventId, |e| e.id, |k| Read::Event(*k);
    Session, SessionId, |s| s.id, |k| Read::Session(*k);
    Room, SessionId, |r| r.session_id, |k| Read::Room(*k);
    Place, (SessionId, u64), |p| (p.session_id, p.number), |k| Read::Place(k.0, k.1);
    Seat, (SessionId, SeatId), |s| (s.session_id, s.id.clone()), |k| Read::Seat(k.0, k.1.clone());
    Hold, (SessionId, HoldId), |h| (h.session_id, h.id), |k| Read::Hold(k.0, k.1);
    Order, (SessionId, OrderId), |o| (o.session_id, o.id), |k| Read::Order(k.0, k.1);
    Payment, (SessionId, PaymentId), |p| (p.session_id, p.id), |k| Read::Payment(k.0, k.1);
    Ticket, (SessionId, TicketId), |t| (t.session_id, t.id), |k| Read::Ticket(k.0, k.1);
    Login, LoginId, |l| l.id, |k| Read::Login(*k);
    Callback, CallbackId, |c| c.id, |k| Read::Callback(*k);
    OutboxMessage, (SessionId, OutboxId), |m| (m.session_id, m.id), |k| Read::Outbox(k.0, k.1);
}
