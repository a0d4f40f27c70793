//! Logins and their refresh tokens.

use crate::{
    audit::Caller,
    ids::{LoginId, UserId},
    user::{
        User,
        login::{Login, TokenHash},
        password::PasswordHash,
    },
};

/// Begins a login.
#[derive(Debug, Clone)]
pub struct StartLogin {
    /// Who asks.
    pub caller: Caller,
    /// The login's name.
    pub id: LoginId,
    /// Who signed in.
    pub user_id: UserId,
    /// Its first token.
    pub current: TokenHash,
    /// How long it lasts, however often it is refreshed.
    pub ttl_seconds: u32,
}

/// Uses a refresh token.
#[derive(Debug, Clone)]
pub struct RotateLogin {
    /// Who asks.
    pub caller: Caller,
    /// Which login.
    pub id: LoginId,
    /// The token that was presented: one of ours, so that it is a used one unless it is the newest.
    pub presented: TokenHash,
    /// The one that takes its place.
    pub successor: TokenHash,
}

/// A refresh token was used; its successor is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The account, as it stands now.
    pub user: User,
    /// The login.
    pub login: Login,
}

/// Why a refresh token brought nothing, in order of precedence. Whoever presents one is told no more
/// than that it is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginRefusal {
    /// The token is none of ours, or there is no such login, or no such account any more.
    #[error("there is no such login")]
    Unknown,
    /// The login has ended.
    #[error("the login has ended")]
    Ended,
    /// The token was used before: the login has ended with this.
    #[error("the token was used before; the login ends")]
    Reused,
}

/// Ends a login, for whoever has one of its tokens: the next one to be used, or any before.
#[derive(Debug, Clone)]
pub struct EndLogin {
    /// Who asks.
    pub caller: Caller,
    /// Which login, by a token that is verified.
    pub id: LoginId,
}

/// Replaces a password's hash by another hash of the same password.
#[derive(Debug, Clone)]
pub struct Rehash {
    /// Who asks.
    pub caller: Caller,
    /// Whose.
    pub user_id: UserId,
    /// The hash it takes the place of; with another there by now, nothing changes.
    pub from: PasswordHash,
    /// The new one.
    pub to: PasswordHash,
}
