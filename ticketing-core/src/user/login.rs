//! Logins: families of refresh tokens, each begun by one sign-in.
//!
//! A refresh token is the login's name and 256 bits that only its owner has; the store keeps their
//! hash. Using one brings its successor, derived from it, so that whoever repeats a lost request within
//! [`Login::REPEAT_WITHIN`] is answered the same. Any other second use tells that two have the token:
//! the login ends.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

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
