//! Which keys are asked for together.
//!
//! A store that keeps all its keys in one order needs none of this. One that finds a key by itself more easily
//! than in order keeps in order only what is asked for in order.

use super::encode::Space;

/// How a key is asked for. Lengths are in bytes, from the key's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// Alone, never in a span with others.
    None,
    /// Alone, or in spans of keys that share their first so many bytes.
    Shared(usize),
    /// In spans of keys that share their first so many bytes, never alone, and no guard names it. None of the keys
    /// of a shelf is the beginning of another. What lies under one is some other key, and does not change while it
    /// lies there.
    Pointers(usize),
    /// As [`Shelf::Pointers`], followed only; there are few on one shelf, and none is ever taken away.
    FewPointers(usize),
    /// In spans of keys that share their first so many bytes and go on with a number of eight bytes. The numbers
    /// of a shelf begin with 0 and leave none out; each is put once, behind a guard that nothing is there.
    Numbered(usize),
}

/// How `key` is asked for; a span by its [`from`](super::Span::from).
pub fn shelf(key: &[u8]) -> Shelf {
    const ID: usize = 16;
    let Some(space) = key.first().copied().and_then(Space::of) else { return Shelf::Shared(0) };
    match space {
        Space::Schema
        | Space::Fence
        | Space::Stream
        | Space::Room
        | Space::Payment
        | Space::Ticket
        | Space::Callback
        | Space::Login
        | Space::UserByEmail
        | Space::HoldByKey
        | Space::OrderOfHold
        | Space::PaymentOfOrder
        | Space::PaymentByGateway
        | Space::TicketOfSeat
        | Space::OutboxByKey => Shelf::None,
        Space::User | Space::Event | Space::Session | Space::Hold | Space::Order => Shelf::Shared(1),
        Space::Place | Space::Seat | Space::Outbox => Shelf::Shared(1 + ID),
        Space::Audit => Shelf::Numbered(match key.get(1) {
            Some(0 | 1) => 1 + 1 + ID,
            _ => 1 + 1,
        }),
        Space::SessionWithHeld
        | Space::RoomWithPeople
        | Space::CallbackUnmatched
        | Space::OutboxDue
        | Space::AuditStream => Shelf::Pointers(1),
        Space::EventByStatus => Shelf::Pointers(1 + 1),
        Space::SessionOfEvent
        | Space::PlaceGivenUp
        | Space::HoldOfSession
        | Space::HoldActive
        | Space::OrderOfSession
        | Space::PaymentOfSession
        | Space::TicketOfSession
        | Space::CallbackOfSession => Shelf::Pointers(1 + ID),
        Space::PlaceOfUser => Shelf::Pointers(1 + ID + ID),
        Space::HoldOfUser | Space::OrderOfUser | Space::TicketOfOrder | Space::TicketOfUser => {
            Shelf::FewPointers(1 + ID)
        }
        Space::HoldInSessionOfUser => Shelf::FewPointers(1 + ID + ID),
    }
}
