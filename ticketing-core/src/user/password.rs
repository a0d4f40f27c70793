//! Passwords: the policy, and Argon2id at OWASP's parameters (19 MiB, 2 passes, 1 lane).
//!
//! Hashing takes tens of milliseconds of one core by design: run it where blocking is allowed, and
//! bound how many run at once.

use std::fmt;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};
use serde::{Deserialize, Serialize};

/// Shortest and longest password, in characters.
pub const CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// What a password lacks. Every lack is told at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a password needs {}", .0.join(", "))]
pub struct WeakPassword(pub Vec<&'static str>);

/// Checks a password against the policy: 8–128 characters with an upper-case letter, a lower-case
/// letter and a digit. Any script counts.
///
/// # Errors
/// [`WeakPassword`] names all that is missing.
pub fn check(password: &str) -> Result<(), WeakPassword> {
    let rules = [
        (CHARS.contains(&password.chars().count()), "8 to 128 characters"),
        (password.chars().any(char::is_uppercase), "an upper-case letter"),
        (password.chars().any(char::is_lowercase), "a lower-case letter"),
        (password.chars().any(char::is_numeric), "a digit"),
    ];
    let missing: Vec<_> = rules.iter().filter(|(met, _)| !met).map(|(_, rule)| *rule).collect();
    if missing.is_empty() { Ok(()) } else { Err(WeakPassword(missing)) }
}

/// A password's hash in PHC string form, parameters and salt included.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a stored hash at its word.
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// Hashes `password` with a fresh salt from the operating system. Blocks for tens of milliseconds.
    pub fn of(password: &str) -> Self {
        let hash = Argon2::default().hash_password(password.as_bytes());
        Self(hash.expect("the built-in parameters and a random salt are always accepted").to_string())
    }

    /// Whether `password` is the one. Blocks for tens of milliseconds.
    pub fn matches(&self, password: &str) -> bool {
        phc::PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }

    /// The PHC string, to be stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::of("Secret123");
        assert!(hash.matches("Secret123"));
        assert!(!hash.matches("Secret124"));
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
    }

    #[test]
    fn a_weak_password_is_told_everything_it_lacks() {
        assert_eq!(check("Secret123"), Ok(()));
        assert_eq!(check("Ünïcode9"), Ok(()));
        assert_eq!(check("abc").unwrap_err().0, ["8 to 128 characters", "an upper-case letter", "a digit"]);
        assert!(check(&format!("Aa1{}", "x".repeat(126))).is_err());
    }
}
