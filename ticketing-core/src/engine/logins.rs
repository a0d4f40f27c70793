//! Logins and their refresh tokens.

use super::{EngineError, Ticketing};
use crate::{
    audit::Caller,
    clock::Timestamp,
    command::{EndLogin, LoginRefusal, Never, Rehash, RotateLogin, StartLogin, UserRefusal},
    ids::{LoginId, UserId},
    user::{User, login::RefreshToken, password::PasswordHash},
};

/// A refresh token, and how long its login lasts.
#[derive(Debug, Clone)]
pub struct LoginToken {
    /// The token.
    pub token: RefreshToken,
    /// The login's end, however often it is refreshed.
    pub expires_at: Timestamp,
}

/// What a refresh token brought.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// The account, with its role as it stands now.
    pub user: User,
    /// The token to be used next.
    pub next: LoginToken,
}

impl Ticketing {
    /// Begins a login of `user_id` that lasts `ttl_seconds`. `secret` is 256 bits of the operating
    /// system's randomness: the first token's.
    ///
    /// # Errors
    /// The engine's own.
    pub async fn start_login(
        &self,
        caller: Caller,
        user_id: UserId,
        secret: [u8; 32],
        ttl_seconds: u32,
    ) -> Result<LoginToken, EngineError<Never>> {
        let token = self.inner.keys.refresh.first(LoginId::from_uuid(self.uuid()), secret);
        let (id, current) = (token.login_id, token.hash());
        metrics::counter!("ticketing_login_started_total").increment(1);
        let login = self.ask(StartLogin { caller, id, user_id, current, ttl_seconds }).await?;
        Ok(LoginToken { token, expires_at: login.expires_at })
    }

    /// Uses a refresh token: its successor takes its place. Asked again within
    /// [`Login::REPEAT_WITHIN`](crate::user::login::Login::REPEAT_WITHIN), it answers the same; any other second use ends the
    /// login.
    ///
    /// # Errors
    /// [`LoginRefusal`], or the engine's own.
    pub async fn refresh(&self, caller: Caller, token: &str) -> Result<Refreshed, EngineError<LoginRefusal>> {
        let key = &self.inner.keys.refresh;
        let token = key.read(token).ok_or(EngineError::Refused(LoginRefusal::Unknown))?;
        let successor = key.successor(&token);
        let rotate = RotateLogin { caller, id: token.login_id, presented: token.hash(), successor: successor.hash() };
        let rotated = self.ask(rotate).await;
        if matches!(rotated, Err(EngineError::Refused(LoginRefusal::Reused))) {
            metrics::counter!("ticketing_login_reused_total").increment(1);
        }
        let rotated = rotated?;
        metrics::counter!("ticketing_login_refreshed_total").increment(1);
        Ok(Refreshed {
            user: rotated.user,
            next: LoginToken { token: successor, expires_at: rotated.login.expires_at },
        })
    }

    /// Ends the login that a refresh token belongs to, whether it may still be used or was used long ago. One
    /// that is none of ours, or of no login any more, changes nothing.
    ///
    /// # Errors
    /// The engine's own.
    pub async fn logout(&self, caller: Caller, token: &str) -> Result<(), EngineError<Never>> {
        match self.inner.keys.refresh.read(token) {
            Some(token) => self.ask(EndLogin { caller, id: token.login_id }).await,
            None => Ok(()),
        }
    }

    /// Replaces the hash `from` of an account's password by another of the same password.
    ///
    /// # Errors
    /// [`UserRefusal::UserNotFound`], or the engine's own.
    pub async fn rehash(
        &self,
        caller: Caller,
        user_id: UserId,
        from: PasswordHash,
        to: PasswordHash,
    ) -> Result<(), EngineError<UserRefusal>> {
        self.ask(Rehash { caller, user_id, from, to }).await
    }
}
