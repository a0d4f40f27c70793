//! Logins: families of refresh tokens, each begun by one sign-in.
//!
//! A refresh token is the login's name, 256 bits that only its owner has, and a proof that they came from
//! here; the store keeps the hash of the 256 bits. Using one brings its successor, derived from it, so that
//! whoever repeats a lost request within [`Login::REPEAT_WITHIN`] is answered the same. Any other second use
//! tells that two have the token: the login ends. A token without the proof was never given to anybody, and
//! ends nothing.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{LoginId, UserId},
};

/// SHA-256 of a refresh token's secret.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A refresh token of ours: a login's name, and 256 bits that only its owner has.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The login it belongs to.
    pub login_id: LoginId,
    secret: [u8; 32],
    proof: [u8; PROOF_LEN],
}

const ID_LEN: usize = 16;
const SECRET_LEN: usize = 32;
const PROOF_LEN: usize = 16;
const TOKEN_LEN: usize = ID_LEN + SECRET_LEN + PROOF_LEN;

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

impl RefreshToken {
    /// The token as it is given out: URL-safe.
    pub fn text(&self) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_LEN);
        bytes.extend_from_slice(self.login_id.uuid().as_bytes());
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.proof);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What the store keeps of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.secret).into())
    }
}

/// Makes refresh tokens, tells its own from others, and derives those that follow a login's first one.
#[derive(Clone)]
pub struct RefreshKey {
    successors: Hmac<Sha256>,
    proofs: Hmac<Sha256>,
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshKey(…)")
    }
}

impl RefreshKey {
    /// The key that belongs to the secret `bytes`; whatever else the secret is used for tells nothing
    /// about it.
    pub fn derived_from(bytes: &[u8]) -> Self {
        let keyed = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        let derived = |purpose: &[u8]| {
            let mut of = keyed(bytes);
            of.update(purpose);
            keyed(&of.finalize().into_bytes())
        };
        Self {
            successors: derived(b"ticketing refresh tokens v1"),
            proofs: derived(b"ticketing refresh token proofs v1"),
        }
    }

    /// The first token of a login; `secret` is 256 bits that nobody can guess.
    pub fn first(&self, login_id: LoginId, secret: [u8; 32]) -> RefreshToken {
        let proof = self.proof(login_id, &secret).finalize().into_bytes();
        let proof = std::array::from_fn(|byte| proof[byte]);
        RefreshToken { login_id, secret, proof }
    }

    /// Reads a token; `None`: this key never made it.
    pub fn read(&self, text: &str) -> Option<RefreshToken> {
        let bytes: [u8; TOKEN_LEN] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (id, rest) = bytes.split_at(ID_LEN);
        let (secret, proof) = rest.split_at(SECRET_LEN);
        let login_id = LoginId::from_uuid(Uuid::from_slice(id).ok()?);
        let secret: [u8; SECRET_LEN] = secret.try_into().ok()?;
        self.proof(login_id, &secret).verify_truncated_left(proof).ok()?;
        Some(RefreshToken { login_id, secret, proof: proof.try_into().ok()? })
    }

    /// The token that takes the place of `token`: the same each time it is asked for.
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let mut mac = self.successors.clone();
        mac.update(token.login_id.uuid().as_bytes());
        mac.update(&token.secret);
        self.first(token.login_id, mac.finalize().into_bytes().into())
    }

    fn proof(&self, login_id: LoginId, secret: &[u8; SECRET_LEN]) -> Hmac<Sha256> {
        let mut mac = self.proofs.clone();
        mac.update(login_id.uuid().as_bytes());
        mac.update(secret);
        mac
    }
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Its name.
    pub id: LoginId,
    /// Who signed in.
    pub user_id: UserId,
    /// The token that may be used next.
    pub current: TokenHash,
    /// The one before.
    pub previous: Option<TokenHash>,
    /// When the one before was used; when the login began, as long as there is none.
    pub rotated_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// Its end, however often it is refreshed.
    pub expires_at: Timestamp,
    /// When it ended before that: its owner signed out, or a token was used again.
    pub ended_at: Option<Timestamp>,
}

impl Login {
    /// How long a used token is answered with the successor it had.
    pub const REPEAT_WITHIN: Duration = Duration::from_secs(10);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_its_successor_is_always_the_same() {
        let key = RefreshKey::derived_from(b"a secret");
        let token = key.first(LoginId::from_uuid(Uuid::from_u128(7)), [3; 32]);
        assert_eq!(key.read(&token.text()), Some(token.clone()));
        let next = key.successor(&token);
        assert_eq!(key.successor(&token), next);
        assert_eq!(key.read(&next.text()), Some(next.clone()));
        assert_ne!(next.hash(), token.hash());
        assert_ne!(RefreshKey::derived_from(b"another").successor(&token).hash(), next.hash());
    }

    #[test]
    fn a_token_is_read_only_as_it_was_given() {
        let key = RefreshKey::derived_from(b"a secret");
        let token = key.first(LoginId::from_uuid(Uuid::from_u128(7)), [3; 32]).text();
        assert_eq!(RefreshKey::derived_from(b"another").read(&token), None);
        for bad in ["", "x", "AAAA", &format!("{token}A"), &token[..64]] {
            assert_eq!(key.read(bad), None, "{bad}");
        }
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.read(&String::from_utf8(forged).unwrap()), None, "changed at {at}");
        }
    }
}
