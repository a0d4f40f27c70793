//! Passwords: the policy, and Argon2id at OWASP's parameters (19 MiB, 2 passes, 1 lane).
//!
//! Hashing takes tens of milliseconds of one core by design: run it where blocking is allowed, and
//! bound how many run at once.

use std::fmt;

use argon2::{
    Algorithm, Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};
use serde::{Deserialize, Serialize};

/// What a password lacks. Every lack is told at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a password needs {}", .0.join(", "))]
pub struct WeakPassword(pub Vec<String>);

/// What a new password must have. Letters and digits of any script count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub chars_min: usize,
    /// Most characters.
    pub chars_max: usize,
    /// An upper-case letter.
    pub upper: bool,
    /// A lower-case letter.
    pub lower: bool,
    /// A digit.
    pub digit: bool,
}

impl Default for PasswordPolicy {
    /// 8–128 characters with an upper-case letter, a lower-case letter and a digit.
    fn default() -> Self {
        Self { chars_min: 8, chars_max: 128, upper: true, lower: true, digit: true }
    }
}

impl PasswordPolicy {
    /// Checks a password.
    ///
    /// # Errors
    /// [`WeakPassword`] names all that is missing.
    pub fn check(&self, password: &str) -> Result<(), WeakPassword> {
        let chars = password.chars().count();
        let rules = [
            ((self.chars_min..=self.chars_max).contains(&chars), self.length()),
            (!self.upper || password.chars().any(char::is_uppercase), "an upper-case letter".to_owned()),
            (!self.lower || password.chars().any(char::is_lowercase), "a lower-case letter".to_owned()),
            (!self.digit || password.chars().any(char::is_numeric), "a digit".to_owned()),
        ];
        let missing: Vec<_> = rules.into_iter().filter(|(met, _)| !met).map(|(_, rule)| rule).collect();
        if missing.is_empty() { Ok(()) } else { Err(WeakPassword(missing)) }
    }

    fn length(&self) -> String {
        format!("{} to {} characters", self.chars_min, self.chars_max)
    }
}

/// Checks a password against the usual policy.
///
/// # Errors
/// [`WeakPassword`] names all that is missing.
pub fn check(password: &str) -> Result<(), WeakPassword> {
    PasswordPolicy::default().check(password)
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

    /// Whether it was made with other parameters than a new one would be: time to hash again, when its
    /// password is at hand.
    pub fn needs_rehash(&self) -> bool {
        let parameters = |hash: &phc::PasswordHash| {
            let params = Params::try_from(hash).ok()?;
            Some((hash.algorithm.to_string(), params.m_cost(), params.t_cost(), params.p_cost()))
        };
        let usual = Params::default();
        let expected = (Algorithm::Argon2id.to_string(), usual.m_cost(), usual.t_cost(), usual.p_cost());
        phc::PasswordHash::new(&self.0).ok().as_ref().and_then(parameters) != Some(expected)
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
    fn a_hash_made_with_other_parameters_is_still_known_and_to_be_made_again() {
        assert!(!PasswordHash::of("Secret123").needs_rehash());
        let cheap = Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let cheap = PasswordHash(cheap.hash_password(b"Secret123").unwrap().to_string());
        assert!(cheap.matches("Secret123") && !cheap.matches("Secret124"));
        assert!(cheap.needs_rehash());
        assert!(PasswordHash::from_stored("no hash".to_owned()).needs_rehash());
    }

    #[test]
    fn a_weak_password_is_told_everything_it_lacks() {
        assert_eq!(check("Secret123"), Ok(()));
        assert_eq!(check("Ünïcode9"), Ok(()));
        let relaxed = PasswordPolicy { chars_min: 3, upper: false, digit: false, ..PasswordPolicy::default() };
        assert_eq!(relaxed.check("abc"), Ok(()));
        assert_eq!(relaxed.check("AB").unwrap_err().0, ["3 to 128 characters", "a lower-case letter"]);
        assert_eq!(check("abc").unwrap_err().0, ["8 to 128 characters", "an upper-case letter", "a digit"]);
        assert!(check(&format!("Aa1{}", "x".repeat(126))).is_err());
    }
}
