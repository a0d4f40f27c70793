//! Typed identifiers and where they come from.
//!
//! An identifier is a UUIDv7 in storage (time-ordered, so new rows land at one end of a B-tree)
//! and `<kind>_<32 lowercase hex>` everywhere a person or a client sees it.

use std::{fmt, str::FromStr, sync::Mutex};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::{ContextV7, Uuid};

use crate::clock::Timestamp;

/// Why a string is not the identifier it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a valid {kind} id: expected `{kind}_` and 32 lowercase hex digits")]
pub struct IdError {
    kind: &'static str,
    given: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The word in front of the underscore.
            pub const KIND: &'static str = $kind;

            /// Takes a stored UUID at its word.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID as stored.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, "_{}"), self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text, $kind).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A person with an account, or the opaque subject of somebody else's access token.
    UserId = "user";
    /// An event: a title, a venue, and its sessions.
    EventId = "event";
    /// A session of an event: one date with its own stock.
    SessionId = "session";
    /// A hold: stock set aside for one buyer until its end.
    HoldId = "hold";
    /// An order: what one hold became at checkout.
    OrderId = "order";
    /// A payment of one order; also the merchant reference given to the gateway.
    PaymentId = "payment";
    /// One admission.
    TicketId = "ticket";
    /// A callback of the gateway, as received.
    CallbackId = "callback";
    /// A message waiting to be delivered outside.
    OutboxId = "outbox";
    /// A login: the family of refresh tokens that one sign-in began.
    LoginId = "login";
    /// One atomic write of the engine.
    BatchId = "batch";
}

fn parse_hex(text: &str, kind: &'static str) -> Result<Uuid, IdError> {
    let error = || IdError { kind, given: text.chars().take(64).collect() };
    let hex = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('_')).ok_or_else(error)?;
    let lowercase_hex = hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !lowercase_hex {
        return Err(error());
    }
    Uuid::try_parse(hex).map_err(|_| error())
}

/// Source of identifiers. Injected, so that a seed can replay a run.
pub trait IdGen: Send + Sync + fmt::Debug {
    /// A UUID never given before; `at` orders it among the others.
    fn uuid(&self, at: Timestamp) -> Uuid;
}

/// UUIDv7 with the operating system's randomness; ascending within one process.
#[derive(Debug)]
pub struct RandomIds {
    context: Mutex<ContextV7>,
}

impl RandomIds {
    /// A fresh generator.
    pub fn new() -> Self {
        Self { context: Mutex::new(ContextV7::new()) }
    }
}

impl Default for RandomIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdGen for RandomIds {
    fn uuid(&self, at: Timestamp) -> Uuid {
        let (seconds, nanos) = at.unix_parts();
        let context = self.context.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = HoldId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "hold_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse::<HoldId>(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_is_refused_by_name() {
        let error = "user_00000000000000000000000000000007".parse::<HoldId>().unwrap_err();
        assert!(error.to_string().contains("not a valid hold id"), "{error}");
        for bad in ["", "hold_", "hold_0000000000000000000000000000000G", "hold_00000000-0000-0000-0000-000000000007"] {
            assert!(bad.parse::<HoldId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_of_one_instant_ascend() {
        let ids = RandomIds::new();
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        let made: Vec<_> = (0..100).map(|_| ids.uuid(at)).collect();
        assert!(made.is_sorted());
    }
}
