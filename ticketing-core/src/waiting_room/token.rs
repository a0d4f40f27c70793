//! Queue tokens: a place's number, signed, so that a hold believes it without asking the queue.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{SessionId, UserId},
    waiting_room::Place,
};

const VERSION: u8 = 1;
const PAYLOAD_LEN: usize = 1 + 16 + 16 + 4 + 8 + 8 + 1;
const MAC_LEN: usize = 16;

/// What a genuine token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceClaim {
    /// Whose waiting room.
    pub session_id: SessionId,
    /// Whose place.
    pub user_id: UserId,
    /// The room's epoch when it was given.
    pub epoch: u32,
    /// The place.
    pub number: u64,
    /// When it was given.
    pub issued_at: Timestamp,
    /// It was admitted in that instant.
    pub admitted_at_once: bool,
}

impl PlaceClaim {
    /// What `place` claims in a room of `epoch`.
    pub fn of(place: &Place, epoch: u32) -> Self {
        Self {
            session_id: place.session_id,
            user_id: place.user_id,
            epoch,
            number: place.number,
            issued_at: place.issued_at,
            admitted_at_once: place.admitted_at_once,
        }
    }
}

/// Signs and checks queue tokens.
#[derive(Clone)]
pub struct TokenKey {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

impl TokenKey {
    /// A key from its bytes; any length, 32 recommended.
    pub fn new(bytes: &[u8]) -> Self {
        Self { keyed: Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length") }
    }

    /// The token of a place: URL-safe, and the same each time it is asked for.
    pub fn sign(&self, claim: &PlaceClaim) -> String {
        let mut bytes = Vec::with_capacity(PAYLOAD_LEN + MAC_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(claim.session_id.uuid().as_bytes());
        bytes.extend_from_slice(claim.user_id.uuid().as_bytes());
        bytes.extend_from_slice(&claim.epoch.to_be_bytes());
        bytes.extend_from_slice(&claim.number.to_be_bytes());
        bytes.extend_from_slice(&claim.issued_at.micros().to_be_bytes());
        bytes.push(u8::from(claim.admitted_at_once));
        let mac = self.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..MAC_LEN]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What `token` says; `None` when this key did not sign it.
    pub fn verify(&self, token: &str) -> Option<PlaceClaim> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (payload, mac) = bytes.split_at_checked(PAYLOAD_LEN)?;
        if payload[0] != VERSION || mac.len() != MAC_LEN {
            return None;
        }
        self.mac(payload).verify_truncated_left(mac).ok()?;
        let uuid = |from: usize| Uuid::from_slice(&payload[from..from + 16]).ok();
        let eight = |from: usize| <[u8; 8]>::try_from(&payload[from..from + 8]).ok();
        Some(PlaceClaim {
            session_id: SessionId::from_uuid(uuid(1)?),
            user_id: UserId::from_uuid(uuid(17)?),
            epoch: u32::from_be_bytes(payload[33..37].try_into().ok()?),
            number: u64::from_be_bytes(eight(37)?),
            issued_at: Timestamp::from_micros(i64::from_be_bytes(eight(45)?)),
            admitted_at_once: payload[53] == 1,
        })
    }

    fn mac(&self, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        mac.update(payload);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_believed_only_as_it_was_signed() {
        let key = TokenKey::new(b"key");
        let claim = PlaceClaim {
            session_id: SessionId::from_uuid(Uuid::from_u128(1)),
            user_id: UserId::from_uuid(Uuid::from_u128(2)),
            epoch: 3,
            number: 4,
            issued_at: Timestamp::from_micros(5),
            admitted_at_once: true,
        };
        let token = key.sign(&claim);
        assert_eq!(key.verify(&token), Some(claim));
        assert_eq!(key.sign(&claim), token);
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));

        assert_eq!(TokenKey::new(b"other").verify(&token), None);
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.verify(&String::from_utf8(forged).unwrap()), None, "changed at {at}");
        }
        assert_eq!(key.verify(""), None);
    }
}
