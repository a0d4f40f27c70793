//! Keys whose bytes sort as what they are made of.

use std::fmt::Write as _;

use crate::{
    audit::StreamId,
    clock::Timestamp,
    event::EventStatus,
    ids::{CallbackId, EventId, HoldId, LoginId, OrderId, OutboxId, PaymentId, SessionId, TicketId, UserId},
    store::kv::{Direction, Span},
};

macro_rules! spaces {
    ($($(#[$doc:meta])* $name:ident = $byte:literal, $label:literal;)+) => {
        /// The first byte of a key: which records, or which of their indexes. The numbers are on disk.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Space {
            $($(#[$doc])* $name = $byte,)+
        }

        impl Space {
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The space that a key with this first byte is in.
            pub(super) fn of(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$name),)+
                    _ => None,
                }
            }

            fn label(byte: u8) -> &'static str {
                match byte {
                    $($byte => $label,)+
                    _ => "a key of no known kind",
                }
            }
        }
    };
}

spaces! {
    Schema = 0x01, "schema version";
    Fence = 0x02, "stream";
    Stream = 0x10, "stream head";
    User = 0x11, "user";
    Event = 0x12, "event";
    Session = 0x13, "session";
    Room = 0x14, "room";
    Place = 0x15, "place";
    Seat = 0x16, "seat";
    Hold = 0x17, "hold";
    Order = 0x18, "order";
    Payment = 0x19, "payment";
    Ticket = 0x1a, "ticket";
    Callback = 0x1b, "callback";
    Outbox = 0x1c, "outbox message";
    Audit = 0x1d, "audit record";
    Login = 0x1e, "login";
    UserByEmail = 0x40, "user by e-mail";
    EventByStatus = 0x41, "event by status";
    SessionOfEvent = 0x42, "session of an event";
    SessionWithHeld = 0x43, "session with held stock";
    RoomWithPeople = 0x44, "room with a line";
    PlaceOfUser = 0x45, "live place of a user";
    PlaceGivenUp = 0x46, "place given up";
    HoldOfSession = 0x47, "hold by session";
    HoldByKey = 0x48, "hold by session, user and idempotency key";
    HoldInSessionOfUser = 0x49, "hold by session and user";
    HoldOfUser = 0x4a, "hold by user";
    HoldActive = 0x4b, "active hold by its end";
    OrderOfSession = 0x4c, "order by session";
    OrderOfHold = 0x4d, "order by hold";
    OrderOfUser = 0x4e, "order by user";
    PaymentOfSession = 0x4f, "payment by session";
    PaymentOfOrder = 0x50, "payment by order";
    PaymentByGateway = 0x51, "payment by the gateway's id";
    TicketOfSession = 0x52, "ticket by session";
    TicketOfOrder = 0x53, "ticket by order";
    TicketOfUser = 0x54, "ticket by user";
    TicketOfSeat = 0x55, "valid ticket by seat";
    CallbackUnmatched = 0x56, "unmatched callback";
    CallbackOfSession = 0x57, "callback by session";
    OutboxDue = 0x58, "pending outbox message by time";
    OutboxByKey = 0x59, "outbox message by key";
    AuditStream = 0x5a, "stream with an audit log";
}

/// Something a key can be made of. Two of one type sort as their bytes do; the bytes of one are
/// never the beginning of another's, save for text, which therefore comes last.
pub(super) trait Part {
    fn append(&self, bytes: &mut Vec<u8>);
}

macro_rules! id_parts {
    ($($id:ty),+) => {$(
        impl Part for $id {
            fn append(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(self.uuid().as_bytes());
            }
        }
    )+};
}

id_parts!(UserId, EventId, SessionId, HoldId, LoginId, OrderId, PaymentId, TicketId, CallbackId, OutboxId);

impl Part for u64 {
    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_be_bytes());
    }
}

impl Part for u32 {
    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_be_bytes());
    }
}

impl Part for Timestamp {
    fn append(&self, bytes: &mut Vec<u8>) {
        // With the sign bit turned over, times before 1970 sort before those after.
        (self.micros().cast_unsigned() ^ (1 << 63)).append(bytes);
    }
}

impl Part for EventStatus {
    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.push(match self {
            Self::Draft => 0,
            Self::Published => 1,
            Self::Archived => 2,
        });
    }
}

impl Part for StreamId {
    fn append(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Session(id) => {
                bytes.push(0);
                id.append(bytes);
            }
            Self::Event(id) => {
                bytes.push(1);
                id.append(bytes);
            }
            Self::Users => bytes.push(2),
            Self::Callbacks => bytes.push(3),
        }
    }
}

impl Part for str {
    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }
}

/// A key, or the beginning that several share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn of(space: Space) -> Self {
        Self(vec![space as u8])
    }

    /// This, and behind it `part`.
    #[must_use]
    pub(super) fn and<P: Part + ?Sized>(mut self, part: &P) -> Self {
        part.append(&mut self.0);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The key alone.
    pub(super) fn only(self) -> Span {
        let mut to = self.0.clone();
        to.push(0);
        Span { from: self.0, to, direction: Direction::Ascending, limit: 1 }
    }

    /// Every key that begins like this.
    pub(super) fn all(self) -> Span {
        let to = above(&self.0);
        Span { from: self.0, to, direction: Direction::Ascending, limit: usize::MAX }
    }

    /// Of the keys that begin like this, those behind `last` and what begins like it.
    pub(super) fn behind<P: Part + ?Sized>(self, last: &P) -> Span {
        let to = above(&self.0);
        Span { from: above(&self.and(last).0), to, direction: Direction::Ascending, limit: usize::MAX }
    }

    /// Of the keys that begin like this, those up to `last` and what begins like it.
    pub(super) fn through<P: Part + ?Sized>(self, last: &P) -> Span {
        let from = self.0.clone();
        Span { from, to: above(&self.and(last).0), direction: Direction::Ascending, limit: usize::MAX }
    }

    /// Of the keys that begin like this, those from `first` on.
    pub(super) fn starting<P: Part + ?Sized>(self, first: &P) -> Span {
        let to = above(&self.0);
        Span { from: self.and(first).0, to, direction: Direction::Ascending, limit: usize::MAX }
    }

    /// Of the keys that begin like this, those before `first`.
    pub(super) fn before<P: Part + ?Sized>(self, first: &P) -> Span {
        let from = self.0.clone();
        Span { from, to: self.and(first).0, direction: Direction::Ascending, limit: usize::MAX }
    }
}

impl Span {
    /// At most `limit` of it.
    #[must_use]
    pub(super) fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// The largest key first.
    #[must_use]
    pub(super) fn descending(self) -> Self {
        Self { direction: Direction::Descending, ..self }
    }
}

/// The smallest key above all that begin with `prefix`.
fn above(prefix: &[u8]) -> Vec<u8> {
    let kept = prefix.iter().rposition(|byte| *byte < u8::MAX);
    let last = kept.expect("no space is 0xff, so the first byte can always be raised");
    let mut bytes = prefix[..=last].to_vec();
    bytes[last] += 1;
    bytes
}

/// What lies under `key`, for an error: which space, and the key's bytes unless they tell a person.
pub(super) fn describe(key: &[u8]) -> String {
    let Some((space, rest)) = key.split_first() else { return "the empty key".to_owned() };
    let mut text = Space::label(*space).to_owned();
    if *space != Space::UserByEmail as u8 {
        text.push(' ');
        // Writing to a string never fails.
        let _ = rest.iter().try_for_each(|byte| write!(text, "{byte:02x}"));
    }
    text
}

/// The id at `offset` of a key.
pub(super) fn id_at(key: &[u8], offset: usize) -> Option<uuid::Uuid> {
    uuid::Uuid::from_slice(key.get(offset..offset.checked_add(16)?)?).ok()
}

/// The number at `offset` of a key.
pub(super) fn u64_at(key: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(offset..offset.checked_add(8)?)?.try_into().ok()?))
}

/// The short number at `offset` of a key.
pub(super) fn u32_at(key: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(offset..offset.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn bytes<P: Part + ?Sized>(part: &P) -> Vec<u8> {
        Key::of(Space::Session).and(part).into_bytes()
    }

    fn session(n: u128) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(n))
    }

    fn streams() -> impl Strategy<Value = StreamId> {
        prop_oneof![
            any::<u128>().prop_map(|n| StreamId::Session(session(n))),
            any::<u128>().prop_map(|n| StreamId::Event(EventId::from_uuid(Uuid::from_u128(n)))),
            Just(StreamId::Users),
            Just(StreamId::Callbacks),
        ]
    }

    proptest! {
        #[test]
        fn keys_sort_as_what_they_are_made_of(
            ids in any::<(u128, u128)>(),
            times in any::<(i64, i64)>(),
            numbers in any::<(u64, u64)>(),
            streams in (streams(), streams()),
            texts in ("[!-~]{0,8}", "[!-~]{0,8}"),
        ) {
            prop_assert_eq!(bytes(&session(ids.0)).cmp(&bytes(&session(ids.1))), session(ids.0).cmp(&session(ids.1)));
            let at = Timestamp::from_micros;
            prop_assert_eq!(bytes(&at(times.0)).cmp(&bytes(&at(times.1))), times.0.cmp(&times.1));
            prop_assert_eq!(bytes(&numbers.0).cmp(&bytes(&numbers.1)), numbers.0.cmp(&numbers.1));
            prop_assert_eq!(bytes(&streams.0).cmp(&bytes(&streams.1)), streams.0.cmp(&streams.1));
            prop_assert_eq!(bytes(texts.0.as_str()).cmp(&bytes(texts.1.as_str())), texts.0.cmp(&texts.1));
        }

        #[test]
        fn a_key_of_two_parts_sorts_by_the_first_and_then_by_the_second(
            a in (any::<i64>(), any::<u64>()),
            b in (any::<i64>(), any::<u64>()),
        ) {
            let key = |(micros, n): (i64, u64)| Key::of(Space::OutboxDue).and(&Timestamp::from_micros(micros)).and(&n);
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }

        #[test]
        fn a_span_holds_the_keys_that_its_name_says(around in any::<u64>(), other in any::<u64>()) {
            let list = || Key::of(Space::Place).and(&session(u128::MAX));
            let key = list().and(&other).into_bytes();
            let holds = |span: &Span| span.from <= key && key < span.to;
            prop_assert!(holds(&list().all()));
            prop_assert_eq!(holds(&list().behind(&around)), other > around);
            prop_assert_eq!(holds(&list().through(&around)), other <= around);
            prop_assert_eq!(holds(&list().starting(&around)), other >= around);
            prop_assert_eq!(holds(&list().before(&around)), other < around);
            prop_assert_eq!(holds(&list().and(&around).only()), other == around);
        }
    }

    #[test]
    fn no_two_spaces_share_their_keys() {
        let mut bytes: Vec<_> = Space::ALL.iter().map(|space| *space as u8).collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), Space::ALL.len());
        assert!(!bytes.contains(&u8::MAX), "there is a key above all of a space");
    }

    #[test]
    fn an_error_names_a_key_but_never_an_address() {
        let session = Key::of(Space::Session).and(&session(7)).into_bytes();
        assert_eq!(describe(&session), "session 00000000000000000000000000000007");
        let address = Key::of(Space::UserByEmail).and("someone@example.com").into_bytes();
        assert_eq!(describe(&address), "user by e-mail");
    }
}
