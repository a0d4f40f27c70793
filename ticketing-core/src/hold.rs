//! Holds: stock set aside for one buyer, for a while.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    audit::TraceContext,
    clock::Timestamp,
    ids::{HoldId, OrderId, SessionId, UserId},
    money::Money,
    seat::SeatId,
    session::limits,
    state_enum,
};

state_enum! {
    /// What became of a hold.
    pub enum HoldStatus {
        /// Sets its stock aside, until `expires_at`.
        Active = "ACTIVE",
        /// Its end came first.
        Expired = "EXPIRED",
        /// Given up: by its owner, by an administrator, or by a declined payment.
        Released = "RELEASED",
        /// Paid.
        Confirmed = "CONFIRMED",
    }
}

/// What a hold asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// So many tickets of a quantity session.
    Quantity(u32),
    /// These seats of a seated session: at least one, each once, in ascending order.
    Seats(Vec<SeatId>),
}

impl Wanted {
    /// How many tickets that is.
    pub fn quantity(&self) -> u32 {
        match self {
            Self::Quantity(quantity) => *quantity,
            Self::Seats(seats) => u32::try_from(seats.len()).unwrap_or(u32::MAX),
        }
    }

    /// The seats, if it names any.
    pub fn seat_ids(&self) -> &[SeatId] {
        match self {
            Self::Quantity(_) => &[],
            Self::Seats(seats) => seats,
        }
    }

    /// Whether it can be held: 1 to [`limits::QUANTITY_MAX`] tickets, and each seat named once, in ascending order.
    pub fn is_valid(&self) -> bool {
        let is_ascending = |seats: &[SeatId]| seats.is_sorted_by(|one, other| one < other);
        (1..=limits::QUANTITY_MAX).contains(&self.quantity()) && is_ascending(self.seat_ids())
    }

    /// A digest that two requests share only if they ask for the same.
    pub fn digest(&self) -> RequestDigest {
        let mut hasher = Sha256::new();
        match self {
            Self::Quantity(quantity) => hasher.update(format!("quantity:{quantity}")),
            Self::Seats(seats) => {
                for seat in seats {
                    hasher.update(format!("seat:{seat}\n"));
                }
            }
        }
        let full = hasher.finalize();
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        RequestDigest(short)
    }
}

/// The first half of a SHA-256 over a parsed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestDigest(#[serde(with = "crate::hex")] pub [u8; 16]);

/// A client's `Idempotency-Key`: 1–255 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(String);

/// The text cannot be an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to {max} visible ASCII characters", max = IdempotencyKey::CHARS_MAX)]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// Longest key.
    pub const CHARS_MAX: usize = 255;

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = IdempotencyKeyError;

    fn try_from(text: String) -> Result<Self, IdempotencyKeyError> {
        let fits = (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err(IdempotencyKeyError) }
    }
}

impl std::str::FromStr for IdempotencyKey {
    type Err = IdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, IdempotencyKeyError> {
        text.to_owned().try_into()
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> Self {
        key.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Stock set aside for one buyer. Carries its own idempotency key, unique per session and user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub id: HoldId,
    /// Whose stock.
    pub session_id: SessionId,
    /// For whom.
    pub user_id: UserId,
    /// How much, or which seats.
    pub wanted: Wanted,
    /// What it costs: the server's prices when it was placed.
    pub amount: Money,
    /// The client's key.
    pub key: IdempotencyKey,
    /// Digest of the request under that key.
    pub request_digest: RequestDigest,
    /// What became of it.
    pub status: HoldStatus,
    /// The place in the waiting room it came from.
    pub place: Option<u64>,
    /// The order it became at checkout.
    pub order_id: Option<OrderId>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// Dead from here on, swept or not.
    pub expires_at: Timestamp,
    /// When it left `ACTIVE`.
    pub ended_at: Option<Timestamp>,
    /// When its order was given back: from then on it counts no more towards what its user has bought.
    pub refunded_at: Option<Timestamp>,
    /// The span it was placed in, if somebody traces.
    pub trace: Option<TraceContext>,
}

/// When a user who takes stock and does not buy must wait before taking more of the same session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldChurn {
    /// So many holds that were given up or expired, at least 1 …
    pub ended_max: u32,
    /// … within so many seconds: the next one waits until the first of them is that old.
    pub within_seconds: u32,
}

impl HoldChurn {
    /// How long a user with `holds` has to wait at `now`.
    pub fn wait<'a>(&self, holds: impl IntoIterator<Item = &'a Hold>, now: Timestamp) -> Option<std::time::Duration> {
        let ended = |hold: &Hold| match hold.status_at(now) {
            // Whenever a sweep noted it.
            HoldStatus::Expired => Some(hold.expires_at),
            HoldStatus::Released => hold.ended_at,
            HoldStatus::Active | HoldStatus::Confirmed => None,
        };
        let mut ends: Vec<Timestamp> = holds.into_iter().filter_map(ended).collect();
        ends.sort_unstable();
        let first = ends.len().checked_sub(self.ended_max.max(1) as usize)?;
        let free_at = ends[first].plus_seconds(self.within_seconds);
        (now < free_at).then(|| free_at.since(now))
    }
}

impl Hold {
    /// How many tickets.
    pub fn quantity(&self) -> u32 {
        self.wanted.quantity()
    }

    /// Whether it still sets stock aside at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.status == HoldStatus::Active && now < self.expires_at
    }

    /// Whether it is past its end and nobody has reclaimed it.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status == HoldStatus::Active && now >= self.expires_at
    }

    /// What it is at `now`, swept or not.
    pub fn status_at(&self, now: Timestamp) -> HoldStatus {
        if self.is_overdue(now) { HoldStatus::Expired } else { self.status }
    }
}
