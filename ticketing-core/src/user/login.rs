//! Logins: families of refresh tokens, each begun by one sign-in.
//!
//! A refresh token is the login's name and 256 bits that only its owner has; the store keeps their
//! hash. Using one brings its successor, derived from it, so that whoever repeats a lost request within
//! [`Login::REPEAT_WITHIN`] is answered the same. Any other second use tells that two have the token:
//! the login ends.

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

/// A refresh token: a login's name, and 256 bits that only its owner has.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The login it belongs to.
    pub login_id: LoginId,
    secret: [u8; 32],
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

impl RefreshToken {
    /// The first token of a login, of 256 bits that nobody can guess.
    pub const fn new(login_id: LoginId, secret: [u8; 32]) -> Self {
        Self { login_id, secret }
    }

    /// Reads a token; `None`: it is none of ours.
    pub fn read(text: &str) -> Option<Self> {
        let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (id, secret) = bytes.split_at(16);
        let login_id = LoginId::from_uuid(Uuid::from_slice(id).ok()?);
        Some(Self { login_id, secret: secret.try_into().ok()? })
    }

    /// The token as it is given out: URL-safe.
    pub fn text(&self) -> String {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend_from_slice(self.login_id.uuid().as_bytes());
        bytes.extend_from_slice(&self.secret);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What the store keeps of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.secret).into())
    }
}

/// Derives the tokens that follow a login's first one.
#[derive(Clone)]
pub struct RefreshKey {
    keyed: Hmac<Sha256>,
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
        let mut of = Hmac::<Sha256>::new_from_slice(bytes).expect("HMAC takes keys of any length");
        of.update(b"ticketing refresh tokens v1");
        let key = of.finalize().into_bytes();
        Self { keyed: Hmac::new_from_slice(&key).expect("HMAC takes keys of any length") }
    }

    /// The token that takes the place of `token`: the same each time it is asked for.
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let mut mac = self.keyed.clone();
        mac.update(token.login_id.uuid().as_bytes());
        mac.update(&token.secret);
        RefreshToken { login_id: token.login_id, secret: mac.finalize().into_bytes().into() }
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
        let token = RefreshToken::new(LoginId::from_uuid(Uuid::from_u128(7)), [3; 32]);
        assert_eq!(RefreshToken::read(&token.text()), Some(token.clone()));
        let key = RefreshKey::derived_from(b"a secret");
        assert_eq!(key.successor(&token), key.successor(&token));
        assert_ne!(key.successor(&token).hash(), token.hash());
        assert_ne!(RefreshKey::derived_from(b"another").successor(&token), key.successor(&token));
        for bad in ["", "x", "AAAA", &format!("{}A", token.text())] {
            assert_eq!(RefreshToken::read(bad), None, "{bad}");
        }
    }
}
