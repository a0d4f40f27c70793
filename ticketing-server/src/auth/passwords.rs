//! Hashing passwords beside the requests, a bounded number at once.

use std::sync::Arc;

use http::StatusCode;
use ticketing_core::user::password::PasswordHash;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Seconds a refused client is told to wait.
const RETRY_AFTER_SECONDS: u32 = 2;
/// Most that wait for their turn; at some 30 ms each that is two seconds on two cores.
const WAITING_MAX: usize = 128;

/// Hashes and checks passwords on threads of their own: one per core at once, so that requests get their
/// share of the cores; a few more wait, and the rest are refused.
#[derive(Debug)]
pub struct Passwords {
    /// Those at work and those who wait.
    room: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
    /// Checked in place of an account that is not there, so that its absence takes as long.
    nobody: PasswordHash,
}

impl Passwords {
    /// One per core at once.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with_room(cores, WAITING_MAX)
    }

    fn with_room(at_once: usize, waiting: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(at_once + waiting)),
            at_work: Arc::new(Semaphore::new(at_once)),
            nobody: PasswordHash::of("nobody's password"),
        }
    }

    /// Hashes `password`.
    ///
    /// # Errors
    /// 503 when too many are being hashed.
    pub async fn hash(&self, password: String) -> Result<PasswordHash, ApiError> {
        self.run(move || PasswordHash::of(&password)).await
    }

    /// Whether `password` is the account's. Without an account it is not, and that takes as long.
    ///
    /// # Errors
    /// 503 when too many are being checked.
    pub async fn matches(&self, account: Option<PasswordHash>, password: String) -> Result<bool, ApiError> {
        let exists = account.is_some();
        let hash = account.unwrap_or_else(|| self.nobody.clone());
        let matches = self.run(move || hash.matches(&password)).await?;
        Ok(exists && matches)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let place = self.enter()?;
        let turn = Arc::clone(&self.at_work).acquire_owned().await.map_err(ApiError::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        done.await.map_err(ApiError::internal)
    }

    fn enter(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            let detail = "too many sign-ups and log-ins at once; try again soon";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(RETRY_AFTER_SECONDS)
        })
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_account_matches_no_password_not_even_the_stand_ins() {
        let passwords = Passwords::with_room(1, 0);
        let hash = passwords.hash("Secret123".to_owned()).await.unwrap();
        assert!(passwords.matches(Some(hash), "Secret123".to_owned()).await.unwrap());
        assert!(!passwords.matches(None, "nobody's password".to_owned()).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_house_refuses_at_once() {
        let passwords = Passwords::with_room(1, 0);
        let _taken = passwords.enter().unwrap();
        let refused = passwords.hash("Secret123".to_owned()).await.unwrap_err();
        assert_eq!((refused.status(), refused.reason()), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
    }
}
