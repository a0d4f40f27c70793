//! Tickets: one admission each, and the signed string that proves it at the door.

pub mod qr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    audit::Actor,
    clock::Timestamp,
    ids::{EventId, OrderId, SessionId, TicketId, UserId},
    seat::SeatId,
    state_enum,
};

state_enum! {
    /// Whether a ticket admits.
    pub enum TicketStatus {
        /// It does.
        Valid = "VALID",
        /// It did.
        Used = "USED",
        /// Its order was refunded.
        Revoked = "REVOKED",
    }
}

/// One admission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its name.
    pub id: TicketId,
    /// The order that paid for it.
    pub order_id: OrderId,
    /// What it admits to.
    pub event_id: EventId,
    /// When.
    pub session_id: SessionId,
    /// Who bought it.
    pub user_id: UserId,
    /// Where its holder sits, in a seated session.
    pub seat_id: Option<SeatId>,
    /// Whether it admits.
    pub status: TicketStatus,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Its admission, once it is `USED`.
    pub redemption: Option<Redemption>,
}

/// How a ticket was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    /// When.
    pub at: Timestamp,
    /// Who let its holder in.
    pub by: Actor,
    /// The name that the scan had: the same scan, sent again, is answered the same.
    pub nonce: ScanNonce,
}

/// A scanner's own name for one scan: 1–255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScanNonce(String);

/// The text cannot be a scan's nonce.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a nonce is 1 to {max} visible ASCII characters", max = ScanNonce::CHARS_MAX)]
pub struct ScanNonceError;

impl ScanNonce {
    /// Longest nonce.
    pub const CHARS_MAX: usize = 255;

    /// The nonce.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ScanNonce {
    type Error = ScanNonceError;

    fn try_from(text: String) -> Result<Self, ScanNonceError> {
        let fits = (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err(ScanNonceError) }
    }
}

impl std::str::FromStr for ScanNonce {
    type Err = ScanNonceError;

    fn from_str(text: &str) -> Result<Self, ScanNonceError> {
        text.to_owned().try_into()
    }
}

impl From<ScanNonce> for String {
    fn from(nonce: ScanNonce) -> Self {
        nonce.0
    }
}

/// The id of an order's `ordinal`-th ticket, the first being 0: the same whenever it is asked.
pub fn ticket_id(order: OrderId, ordinal: u32) -> TicketId {
    let mut hasher = Sha256::new();
    hasher.update(b"ticketing ticket id v1");
    hasher.update(order.uuid().as_bytes());
    hasher.update(ordinal.to_be_bytes());
    let digest = hasher.finalize();
    let mut bytes = [0; 16];
    // The order's time in front keeps tickets in order of purchase, as UUIDv7 does.
    bytes[..6].copy_from_slice(&order.uuid().as_bytes()[..6]);
    bytes[6..].copy_from_slice(&digest[..10]);
    TicketId::from_uuid(Uuid::new_v8(bytes))
}
