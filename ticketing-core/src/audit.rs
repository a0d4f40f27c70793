//! The audit log: one record per change of state, chained by keyed HMAC within its stream.
//!
//! Every record's MAC covers the one before it, and the stream's owner (the session's own row, for
//! instance) keeps the head: an edit, a deletion or a truncation by anyone without the key shows.

mod trace;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

pub use self::trace::{TraceContext, TraceContextError, TraceId};
use crate::{
    clock::Timestamp,
    ids::{EventId, SessionId, UserId},
    state_enum,
};

/// What one chain covers, and one lock protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// A session and everything sold in it.
    Session(SessionId),
    /// An event's own description.
    Event(EventId),
    /// All accounts.
    Users,
    /// Callbacks that no payment of ours was found for.
    Callbacks,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => id.fmt(f),
            Self::Event(id) => id.fmt(f),
            Self::Users => f.write_str("users"),
            Self::Callbacks => f.write_str("callbacks"),
        }
    }
}

/// The text names no stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no audit stream: expected a session id, an event id, `users` or `callbacks`")]
pub struct StreamIdError(String);

impl std::str::FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<Self, StreamIdError> {
        match text {
            "users" => Ok(Self::Users),
            "callbacks" => Ok(Self::Callbacks),
            _ => (text.parse().map(Self::Session))
                .or_else(|_| text.parse().map(Self::Event))
                .map_err(|_| StreamIdError(text.chars().take(64).collect())),
        }
    }
}

impl Serialize for StreamId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A link's MAC.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainMac(#[serde(with = "crate::hex")] pub [u8; 32]);

impl fmt::Debug for ChainMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

/// The end of a chain: how many records, and the last one's MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// Records so far; the next one's number.
    pub length: u64,
    /// MAC of the last record; zeroes for none.
    pub mac: ChainMac,
}

impl ChainHead {
    /// A chain without records.
    pub const EMPTY: Self = Self { length: 0, mac: ChainMac([0; 32]) };
}

/// The chain head of a stream that has no record of its own to keep it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Which stream.
    pub id: StreamId,
    /// Its end.
    pub audit: ChainHead,
}

/// Who caused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// A user, staff or administrator.
    User(UserId),
    /// Whoever runs the command line or embeds the engine.
    Operator,
    /// The payment gateway, by a verified callback.
    Gateway,
    /// The engine itself: sweeper, admission, outbox.
    Engine,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::Gateway => f.write_str("gateway"),
            Self::Engine => f.write_str("engine"),
        }
    }
}

impl std::str::FromStr for Actor {
    type Err = crate::ids::IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "operator" => Self::Operator,
            "gateway" => Self::Gateway,
            "engine" => Self::Engine,
            user => Self::User(user.parse()?),
        })
    }
}

/// Who asks, and in which trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// In which trace.
    pub trace_id: Option<TraceId>,
    /// In which span of it, if somebody records spans: kept with the hold and the order.
    pub span: Option<TraceContext>,
}

impl Caller {
    /// A caller without a trace.
    pub const fn of(actor: Actor) -> Self {
        Self { actor, trace_id: None, span: None }
    }
}

state_enum! {
    /// What was done.
    pub enum Action {
        /// A store's log was begun: before anything else, so that it tells its key.
        LogBegun = "log.begun",
        /// An account was made.
        UserCreated = "user.created",
        /// An account's role was set.
        UserRoleSet = "user.role_set",
        /// An account's password was hashed again, with other parameters.
        UserRehashed = "user.rehashed",
        /// Somebody signed in: a family of refresh tokens was begun.
        LoginStarted = "login.started",
        /// Its owner signed out.
        LoginEnded = "login.ended",
        /// A refresh token was used again: its family ended.
        LoginRevoked = "login.revoked",
        /// An event was made.
        EventCreated = "event.created",
        /// An event was changed.
        EventUpdated = "event.updated",
        /// A session was made.
        SessionCreated = "session.created",
        /// A session was changed.
        SessionUpdated = "session.updated",
        /// Seats were added.
        SeatsImported = "session.seats_imported",
        /// A hold was placed.
        HoldPlaced = "hold.placed",
        /// A hold was given up.
        HoldReleased = "hold.released",
        /// A hold's end came.
        HoldExpired = "hold.expired",
        /// An order and its payment were made.
        CheckoutStarted = "checkout.started",
        /// The gateway's side of a payment became known.
        PaymentOpened = "payment.opened",
        /// Money was captured and tickets were issued.
        PaymentSucceeded = "payment.succeeded",
        /// A payment was declined.
        PaymentFailed = "payment.failed",
        /// A capture could not be honoured: its refund was put into the outbox.
        RefundRequested = "refund.requested",
        /// A refund reached the gateway.
        RefundCompleted = "refund.completed",
        /// A refund could not be delivered yet.
        RefundDelayed = "refund.delayed",
        /// A ticket was used.
        TicketRedeemed = "ticket.redeemed",
        /// Those who waited were sent away.
        QueueCleared = "queue.cleared",
        /// A callback was kept that changed nothing else.
        CallbackKept = "callback.kept",
    }
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its chain.
    pub stream: StreamId,
    /// Its number in the chain, the first being 0.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To what: an id.
    pub target: String,
    /// More about it, as JSON. No personal data.
    pub meta: String,
    /// In which trace.
    pub trace_id: Option<TraceId>,
    /// Over this record and the MAC of the one before.
    pub mac: ChainMac,
}

/// The key that chains are made with.
#[derive(Clone)]
pub struct AuditKey {
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

/// What a new record says.
#[derive(Debug)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who, in which trace.
    pub caller: Caller,
    /// What.
    pub action: Action,
    /// To what.
    pub target: String,
    /// More about it, as JSON.
    pub meta: String,
}

/// Where and how a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audit chain of {stream} broken at record {seq}: {why}")]
pub struct ChainBreak {
    /// Which chain.
    pub stream: StreamId,
    /// At which record.
    pub seq: u64,
    /// How.
    pub why: &'static str,
}

impl AuditKey {
    /// A key from its bytes; any length, 32 recommended.
    pub fn new(bytes: &[u8]) -> Self {
        Self { keyed: Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length") }
    }

    /// The record that `entry` becomes behind `head`, and the head behind it.
    pub fn append(&self, stream: StreamId, head: &mut ChainHead, entry: Entry) -> AuditRecord {
        let mut record = AuditRecord {
            stream,
            seq: head.length,
            at: entry.at,
            actor: entry.caller.actor,
            action: entry.action,
            target: entry.target,
            meta: entry.meta,
            trace_id: entry.caller.trace_id,
            mac: head.mac,
        };
        record.mac = self.mac(head.mac, &record);
        *head = ChainHead { length: head.length + 1, mac: record.mac };
        record
    }

    /// Walks a whole chain: `records` in order from the first, `head` as its owner keeps it.
    ///
    /// # Errors
    /// The first [`ChainBreak`].
    pub fn verify(&self, stream: StreamId, head: &ChainHead, records: &[AuditRecord]) -> Result<(), ChainBreak> {
        let mut last = ChainHead::EMPTY;
        for record in records {
            let broken = |why| Err(ChainBreak { stream, seq: last.length, why });
            if record.stream != stream || record.seq != last.length {
                return broken("a record is missing");
            }
            if !bool::from(self.mac(last.mac, record).0.ct_eq(&record.mac.0)) {
                return broken("the record was altered, or made with another key");
            }
            last = ChainHead { length: last.length + 1, mac: record.mac };
        }
        if last == *head {
            Ok(())
        } else {
            Err(ChainBreak { stream, seq: last.length, why: "the chain does not end where its owner says" })
        }
    }

    fn mac(&self, previous: ChainMac, record: &AuditRecord) -> ChainMac {
        let mut mac = self.keyed.clone();
        mac.update(&previous.0);
        mac.update(&record.seq.to_be_bytes());
        mac.update(&record.at.micros().to_be_bytes());
        mac.update(&record.trace_id.map_or([0; 16], |trace| trace.0.to_be_bytes()));
        let mut field = |text: &str| {
            mac.update(&(text.len() as u64).to_be_bytes());
            mac.update(text.as_bytes());
        };
        field(&record.stream.to_string());
        field(&record.actor.to_string());
        field(record.action.as_str());
        field(&record.target);
        field(&record.meta);
        ChainMac(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(key: &AuditKey, length: u64) -> (ChainHead, Vec<AuditRecord>) {
        let mut head = ChainHead::EMPTY;
        let entry = |n| Entry {
            at: Timestamp::from_micros(n),
            caller: Caller::of(Actor::Engine),
            action: Action::HoldExpired,
            target: format!("hold {n}"),
            meta: "{}".into(),
        };
        let records = (0..length).map(|n| key.append(StreamId::Users, &mut head, entry(n as i64))).collect();
        (head, records)
    }

    #[test]
    fn an_untouched_chain_verifies() {
        let key = AuditKey::new(b"key");
        let (head, records) = chain(&key, 5);
        assert_eq!(key.verify(StreamId::Users, &head, &records), Ok(()));
    }

    #[test]
    fn an_edit_a_deletion_a_truncation_and_another_key_all_show() {
        let key = AuditKey::new(b"key");
        let (head, records) = chain(&key, 5);
        let break_at = |records: &[AuditRecord]| key.verify(StreamId::Users, &head, records).unwrap_err().seq;

        let mut edited = records.clone();
        edited[2].meta = "{\"quantity\":1}".into();
        assert_eq!(break_at(&edited), 2);

        let mut gap = records.clone();
        gap.remove(3);
        assert_eq!(break_at(&gap), 3);

        assert_eq!(break_at(&records[..4]), 4);
        assert!(AuditKey::new(b"other").verify(StreamId::Users, &head, &records).is_err());
    }
}
