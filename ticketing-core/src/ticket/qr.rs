//! The string in a ticket's QR code, signed with Ed25519 and checked without asking anybody.
//!
//! `TKT1.<payload>.<signature>`, both base64url. The payload is version, key id, ticket, session
//! and the seat's label; nothing about a person.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    ids::{SessionId, TicketId},
    seat::SeatId,
    ticket::Ticket,
};

const PREFIX: &str = "TKT1";
const VERSION: u8 = 1;
const FIXED_LEN: usize = 1 + KeyId::LEN + 16 + 16;

/// Names a public key: the first eight bytes of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; Self::LEN]);

impl KeyId {
    const LEN: usize = 8;

    fn of(key: &VerifyingKey) -> Self {
        let mut id = [0; Self::LEN];
        id.copy_from_slice(&Sha256::digest(key.as_bytes())[..Self::LEN]);
        Self(id)
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Signs tickets.
pub struct TicketSigner {
    key: SigningKey,
    id: KeyId,
}

impl std::fmt::Debug for TicketSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TicketSigner({})", self.id)
    }
}

/// What a genuine code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrClaims {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The session it admits to.
    pub session_id: SessionId,
    /// Its seat, if it has one.
    pub seat_id: Option<SeatId>,
}

/// Why a code is not genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// Not of the form this engine prints.
    #[error("this is not a ticket code")]
    Malformed,
    /// Signed with a key that is not ours, or altered.
    #[error("the ticket code's signature does not hold")]
    Forged,
}

impl TicketSigner {
    /// A signer with the private key `seed`.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let id = KeyId::of(&key.verifying_key());
        Self { key, id }
    }

    /// The key's name.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// The public key, 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The code of `ticket`.
    pub fn sign(&self, ticket: &Ticket) -> String {
        let seat = ticket.seat_id.as_ref().map_or("", SeatId::as_str);
        let mut payload = Vec::with_capacity(FIXED_LEN + seat.len());
        payload.push(VERSION);
        payload.extend_from_slice(&self.id.0);
        payload.extend_from_slice(ticket.id.uuid().as_bytes());
        payload.extend_from_slice(ticket.session_id.uuid().as_bytes());
        payload.extend_from_slice(seat.as_bytes());
        let signature = self.key.sign(&payload);
        format!("{PREFIX}.{}.{}", URL_SAFE_NO_PAD.encode(&payload), URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// Checks a code against this signer's own public key.
    ///
    /// # Errors
    /// [`QrError`] when it is not a code, or not one of ours.
    pub fn verify(&self, code: &str) -> Result<QrClaims, QrError> {
        verify(code, &self.public_key())
    }
}

/// The public key `public_key` and its name; `None`: the bytes are no Ed25519 public key.
pub fn key_id_of(public_key: &[u8; 32]) -> Option<KeyId> {
    VerifyingKey::from_bytes(public_key).ok().map(|key| KeyId::of(&key))
}

/// Checks a code with whichever of `public_keys` it names: for as long as tickets of an older key are
/// about, that key is among them.
///
/// # Errors
/// [`QrError`] when it is not a code, or was signed with none of them.
pub fn verify_with<'a>(code: &str, public_keys: impl IntoIterator<Item = &'a [u8; 32]>) -> Result<QrClaims, QrError> {
    let named = named_key(code).ok_or(QrError::Malformed)?;
    let key = public_keys.into_iter().find(|key| key_id_of(key) == Some(named));
    verify(code, key.ok_or(QrError::Forged)?)
}

/// The name of the key that a code says it was signed with.
fn named_key(code: &str) -> Option<KeyId> {
    let payload = URL_SAFE_NO_PAD.decode(code.split('.').nth(1)?).ok()?;
    let id = payload.get(1..1 + KeyId::LEN)?;
    Some(KeyId(id.try_into().ok()?))
}

/// Checks a code with a public key alone.
///
/// # Errors
/// [`QrError`] when it is not a code, or was not signed with that key.
pub fn verify(code: &str, public_key: &[u8; 32]) -> Result<QrClaims, QrError> {
    let mut parts = code.split('.');
    let (Some(PREFIX), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(QrError::Malformed);
    };
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| QrError::Malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| QrError::Malformed)?;
    let signature = Signature::from_slice(&signature).map_err(|_| QrError::Malformed)?;
    let key = VerifyingKey::from_bytes(public_key).map_err(|_| QrError::Forged)?;
    key.verify(&payload, &signature).map_err(|_| QrError::Forged)?;
    read(&payload).ok_or(QrError::Malformed)
}

fn read(payload: &[u8]) -> Option<QrClaims> {
    let (fixed, seat) = payload.split_at_checked(FIXED_LEN)?;
    if fixed[0] != VERSION {
        return None;
    }
    let id = |from: usize| Uuid::from_slice(&fixed[from..from + 16]).ok();
    let seat_id = match std::str::from_utf8(seat).ok()? {
        "" => None,
        label => Some(label.parse().ok()?),
    };
    Some(QrClaims {
        ticket_id: TicketId::from_uuid(id(1 + KeyId::LEN)?),
        session_id: SessionId::from_uuid(id(1 + KeyId::LEN + 16)?),
        seat_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, ids::*, ticket::TicketStatus};

    fn ticket(seat: Option<&str>) -> Ticket {
        Ticket {
            id: TicketId::from_uuid(Uuid::from_u128(1)),
            order_id: OrderId::from_uuid(Uuid::from_u128(2)),
            event_id: EventId::from_uuid(Uuid::from_u128(3)),
            session_id: SessionId::from_uuid(Uuid::from_u128(4)),
            user_id: UserId::from_uuid(Uuid::from_u128(5)),
            seat_id: seat.map(|label| label.parse().unwrap()),
            status: TicketStatus::Valid,
            issued_at: Timestamp::from_micros(0),
            redemption: None,
        }
    }

    #[test]
    fn a_code_is_checked_with_the_public_key_alone() {
        let signer = TicketSigner::from_seed(&[7; 32]);
        for seat in [None, Some("A1")] {
            let ticket = ticket(seat);
            let claims = verify(&signer.sign(&ticket), &signer.public_key()).unwrap();
            assert_eq!(
                (claims.ticket_id, claims.session_id, claims.seat_id),
                (ticket.id, ticket.session_id, ticket.seat_id)
            );
        }
    }

    #[test]
    fn a_code_is_checked_with_the_key_it_names_among_several() {
        let (old, new) = (TicketSigner::from_seed(&[7; 32]), TicketSigner::from_seed(&[8; 32]));
        let both = [new.public_key(), old.public_key()];
        for signer in [&old, &new] {
            assert!(verify_with(&signer.sign(&ticket(Some("A1"))), &both).is_ok());
        }
        let foreign = TicketSigner::from_seed(&[9; 32]).sign(&ticket(None));
        assert_eq!(verify_with(&foreign, &both), Err(QrError::Forged));
        for bad in ["", "TKT1", "TKT1.a.b", "TKT1.AAAA.AAAA"] {
            assert_eq!(verify_with(bad, &both), Err(QrError::Malformed), "{bad}");
        }
    }

    #[test]
    fn an_altered_or_foreign_code_is_refused() {
        let signer = TicketSigner::from_seed(&[7; 32]);
        let code = signer.sign(&ticket(Some("A1")));
        let other = signer.sign(&ticket(Some("A2")));
        let spliced = format!("{}.{}", other.rsplit_once('.').unwrap().0, code.rsplit_once('.').unwrap().1);
        assert_eq!(signer.verify(&spliced), Err(QrError::Forged));
        assert_eq!(TicketSigner::from_seed(&[8; 32]).verify(&code), Err(QrError::Forged));
        for bad in ["", "TKT1", "TKT1.a.b", "TKT2.AA.AA", &format!("{code}.x")] {
            assert_eq!(signer.verify(bad), Err(QrError::Malformed), "{bad}");
        }
    }
}
