//! What is stored: which key each record lies under, and which entries it has in which index.
//!
//! A record lies there as JSON. Every entry's value is the record's key.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Pair,
    encode::{Key, describe},
    keys,
};
use crate::{
    audit::{AuditRecord, Stream},
    event::Event,
    hold::{Hold, HoldStatus},
    order::Order,
    outbox::{OutboxMessage, OutboxStatus},
    payment::{Callback, Payment},
    planted::{Planted, is_planted},
    seat::{Seat, SeatStatus},
    session::Session,
    store::StoreError,
    ticket::{Ticket, TicketStatus},
    user::{User, login::Login},
    waiting_room::{Place, PlaceState, Room},
};

/// An entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// At most one record may have it.
    pub(super) unique: bool,
}

/// A kind of record that is stored.
pub(super) trait Stored: Serialize + DeserializeOwned {
    /// The key it lies under, for as long as it exists.
    fn primary(&self) -> Key;

    /// Its entries in every index, as it is now.
    fn entries(&self) -> Vec<Entry> {
        Vec::new()
    }

    /// What no record may be, whatever was decided: the store refuses to write it.
    fn flaw(&self) -> Option<&'static str> {
        None
    }
}

/// The record in `pair`.
pub(super) fn decode<R: Stored>(pair: &Pair) -> Result<R, StoreError> {
    serde_json::from_slice(&pair.value)
        .map_err(|error| StoreError::corrupt(format_args!("{}: {error}", describe(&pair.key))))
}

/// The bytes of the record under `key`.
pub(super) fn encode<R: Stored>(key: &[u8], record: &R) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record)
        .map_err(|error| StoreError::corrupt(format_args!("{} cannot be written: {error}", describe(key))))
}

fn plain(key: Key) -> Entry {
    Entry { key, unique: false }
}

fn unique(key: Key) -> Entry {
    Entry { key, unique: true }
}

impl Stored for Stream {
    fn primary(&self) -> Key {
        keys::stream(&self.id)
    }
}

impl Stored for User {
    fn primary(&self) -> Key {
        keys::user(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        vec![unique(keys::email(self.email.as_str()))]
    }
}

impl Stored for Event {
    fn primary(&self) -> Key {
        keys::event(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        vec![plain(keys::events_of_status(&self.status).and(&self.id))]
    }
}

impl Stored for Session {
    fn primary(&self) -> Key {
        keys::session(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![plain(keys::sessions_of_event(&self.event_id).and(&self.id))];
        if self.stock.held > 0 {
            entries.push(plain(keys::sessions_with_held().and(&self.id)));
        }
        entries
    }

    fn flaw(&self) -> Option<&'static str> {
        (!self.stock.is_sound() && !is_planted(Planted::StockGuardDropped)).then_some("its stock does not add up")
    }
}

impl Stored for Room {
    fn primary(&self) -> Key {
        keys::room(&self.session_id)
    }

    fn entries(&self) -> Vec<Entry> {
        if self.waiting > 0 || self.active > 0 {
            vec![plain(keys::rooms_with_people().and(&self.session_id))]
        } else {
            Vec::new()
        }
    }
}

impl Stored for Place {
    fn primary(&self) -> Key {
        keys::place(&self.session_id, &self.number)
    }

    fn entries(&self) -> Vec<Entry> {
        let key = match self.state {
            PlaceState::In => keys::places_of_user(&self.session_id, &self.user_id),
            PlaceState::Left | PlaceState::Bought | PlaceState::Expired => keys::places_given_up(&self.session_id),
        };
        vec![plain(key.and(&self.number))]
    }
}

impl Stored for Seat {
    fn primary(&self) -> Key {
        keys::seat(&self.session_id, self.id.as_str())
    }

    fn flaw(&self) -> Option<&'static str> {
        let free = self.status == SeatStatus::Available;
        (free == self.hold_id.is_some()).then_some("its status does not agree with its hold")
    }
}

impl Stored for Hold {
    fn primary(&self) -> Key {
        keys::hold(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![
            plain(keys::holds_of_session(&self.session_id).and(&self.id)),
            Entry {
                key: keys::hold_by_key(&self.session_id, &self.user_id, self.key.as_str()),
                unique: !is_planted(Planted::KeyOutsideTransaction),
            },
            plain(keys::holds_in_session_of_user(&self.session_id, &self.user_id).and(&self.id)),
            plain(keys::holds_of_user(&self.user_id).and(&self.id)),
        ];
        if self.status == HoldStatus::Active || is_planted(Planted::SweeperIgnoresStatus) {
            entries.push(plain(keys::active_hold(self)));
        }
        entries
    }

    fn flaw(&self) -> Option<&'static str> {
        let active = self.status == HoldStatus::Active;
        (active == self.ended_at.is_some()).then_some("its status does not agree with its end")
    }
}

impl Stored for Order {
    fn primary(&self) -> Key {
        keys::order(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        vec![
            plain(keys::orders_of_session(&self.session_id).and(&self.id)),
            unique(keys::order_of_hold(&self.hold_id)),
            plain(keys::orders_of_user(&self.user_id).and(&self.id)),
        ]
    }
}

impl Stored for Payment {
    fn primary(&self) -> Key {
        keys::payment(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![
            plain(keys::payments_of_session(&self.session_id).and(&self.id)),
            unique(keys::payment_of_order(&self.order_id)),
        ];
        if let Some(gateway) = &self.gateway {
            entries.push(unique(keys::gateway(gateway.pg_payment_id.as_str())));
        }
        entries
    }
}

impl Stored for Ticket {
    fn primary(&self) -> Key {
        keys::ticket(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![
            plain(keys::tickets_of_session(&self.session_id).and(&self.id)),
            plain(keys::tickets_of_order(&self.order_id).and(&self.id)),
            plain(keys::tickets_of_user(&self.user_id).and(&self.id)),
        ];
        if let Some(seat) = self.seat_id.as_ref().filter(|_| self.status != TicketStatus::Revoked) {
            entries.push(unique(keys::ticket_of_seat(&self.session_id, seat.as_str())));
        }
        entries
    }

    fn flaw(&self) -> Option<&'static str> {
        let used = self.status == TicketStatus::Used;
        (used != self.redemption.is_some()).then_some("its status does not agree with its redemption")
    }
}

impl Stored for Login {
    fn primary(&self) -> Key {
        keys::login(&self.id)
    }
}

impl Stored for Callback {
    fn primary(&self) -> Key {
        keys::callback(&self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        if self.payment_id.is_none() { vec![plain(keys::unmatched_callbacks().and(&self.id))] } else { Vec::new() }
    }
}

impl Stored for OutboxMessage {
    fn primary(&self) -> Key {
        keys::outbox(&self.session_id, &self.id)
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![unique(keys::outbox_by_key(&self.key))];
        let is_under_way = self.attempts > 0 && self.last_error.is_none();
        let is_forgotten = is_under_way && is_planted(Planted::LeasedRefundForgotten);
        if self.status == OutboxStatus::Pending && !is_forgotten {
            entries.push(plain(keys::due_outbox().and(&self.next_attempt_at).and(&self.id)));
        }
        entries
    }
}

impl Stored for AuditRecord {
    fn primary(&self) -> Key {
        keys::audit(&self.stream, &self.seq)
    }

    fn entries(&self) -> Vec<Entry> {
        if self.seq == 0 { vec![plain(keys::audit_streams().and(&self.stream))] } else { Vec::new() }
    }
}
