//! Accounts in JSON.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use ticketing_core::{
    ids::UserId,
    user::{Email, Role},
};

/// An address and a password.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// As typed.
    pub email: String,
    /// As typed.
    pub password: SecretString,
}

/// A refresh token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RefreshBody {
    /// As it was given out.
    pub refresh_token: SecretString,
}

/// An account that was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedUp {
    /// Its name.
    pub user_id: UserId,
    /// Its address, as kept.
    pub email: Email,
}

/// Access for a while.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedIn {
    /// Goes into `Authorization: Bearer …`.
    pub access_token: String,
    /// Brings new ones, once.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Life of the token, in seconds.
    pub expires_in: u32,
}

/// The token's user.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The token's subject.
    pub user_id: UserId,
    /// The account's address; `null` for somebody else's users.
    pub email: Option<Email>,
    /// The account's role as it stands; without an account, the token's.
    pub role: Role,
}
