//! The first administrator, made at the start of the server if the configuration names one.

use secrecy::{ExposeSecret, SecretString};
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    command::UserRefusal,
    engine::{EngineError, NewUser},
    user::{Email, Role, password::PasswordPolicy},
};

use super::passwords::Passwords;
use crate::startup::StartupError;

/// Makes the account `email` with role ADMIN. An account of that address is left as it is.
///
/// # Errors
/// [`StartupError`] when the address or the password will not do, or the store fails.
pub async fn first_administrator(
    ticketing: &Ticketing,
    passwords: &Passwords,
    policy: PasswordPolicy,
    email: &str,
    secret: &SecretString,
) -> Result<(), StartupError> {
    let wrong = |key: &str, message: String| StartupError::new(format!("bootstrap.{key}: {message}"));
    let email: Email = email.parse().map_err(|error| wrong("admin_email", format!("{error}")))?;
    let failed =
        |error: &dyn std::fmt::Display| StartupError::new(format!("cannot make the first administrator: {error}"));
    let existing = ticketing.queries().user_by_email(email.clone()).await.map_err(|error| failed(&error))?;
    if existing.is_some() {
        return Ok(());
    }
    policy.check(secret.expose_secret()).map_err(|error| wrong("admin_password", error.to_string()))?;
    let hash = passwords.hash(secret.expose_secret().to_owned()).await;
    let password_hash = hash.map_err(|error| failed(&error.reason()))?;
    let new = NewUser { email, password_hash, role: Role::Admin };
    match ticketing.create_user(Caller::of(Actor::Operator), new).await {
        // Another node made it a moment ago.
        Ok(_) | Err(EngineError::Refused(UserRefusal::EmailTaken)) => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}
