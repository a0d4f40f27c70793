//! Accounts, and the log that begins with theirs.

use crate::{
    audit::Caller,
    ids::UserId,
    user::{Email, Role, password::PasswordHash},
};

/// Begins the store's log, unless it has begun: of programs with different keys, one does.
#[derive(Debug, Clone, Copy)]
pub struct BeginLog;

/// Creates an account.
#[derive(Debug, Clone)]
pub struct CreateUser {
    /// Who asks.
    pub caller: Caller,
    /// The account's name.
    pub id: UserId,
    /// Its address.
    pub email: Email,
    /// Its password, hashed.
    pub password_hash: PasswordHash,
    /// What it may do.
    pub role: Role,
}

/// Why an account was not created or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserRefusal {
    /// There is one with this address.
    #[error("this e-mail address already has an account")]
    EmailTaken,
    /// There is none.
    #[error("there is no such user")]
    UserNotFound,
}

/// Sets an account's role.
#[derive(Debug, Clone)]
pub struct SetRole {
    /// Who asks.
    pub caller: Caller,
    /// Whose.
    pub user_id: UserId,
    /// To what.
    pub role: Role,
}
