//! Accounts.

pub mod login;
pub mod password;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::UserId, state_enum};

state_enum! {
    /// What an account may do.
    pub enum Role {
        /// Buys.
        User = "USER",
        /// Checks tickets at the door.
        Staff = "STAFF",
        /// Runs the shop.
        Admin = "ADMIN",
    }
}

/// An e-mail address, trimmed and lower-cased, so that one address is one account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// The text cannot be an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address: expected something like name@example.com, at most 254 bytes")]
pub struct EmailError;

impl Email {
    /// Longest address (RFC 5321, path without its brackets).
    pub const BYTES_MAX: usize = 254;
    /// Longest part before the `@` (RFC 5321).
    pub const LOCAL_BYTES_MAX: usize = 64;

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let address = text.trim().to_lowercase();
        let (local, domain) = address.rsplit_once('@').ok_or(EmailError)?;
        let local_fits = (1..=Self::LOCAL_BYTES_MAX).contains(&local.len())
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
        let label_fits = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let domain_fits = domain.contains('.') && domain.split('.').all(label_fits);
        if address.len() <= Self::BYTES_MAX && local_fits && domain_fits { Ok(Self(address)) } else { Err(EmailError) }
    }
}

impl TryFrom<String> for Email {
    type Error = EmailError;

    fn try_from(text: String) -> Result<Self, EmailError> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Debug for Email {
    /// Never the address itself: debug output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its name.
    pub id: UserId,
    /// Its address; unique.
    pub email: Email,
    /// Its password, hashed.
    pub password_hash: password::PasswordHash,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(text.parse::<Email>().ok().as_ref().map(Email::as_str), expected, "{text}");
    }

    #[test]
    fn an_address_is_one_whatever_its_case_and_surrounding_space() {
        check("  A@B.com ", Some("a@b.com"));
        check("first.last+tag@sub.example.co.kr", Some("first.last+tag@sub.example.co.kr"));
        check("이름@예시.한국", Some("이름@예시.한국"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "a",
            "a@b",
            "@b.com",
            "a@",
            "a b@c.com",
            "a@b..com",
            "a..b@c.com",
            "a@-b.com",
            "a@b.com\n@",
            "a@b@c.com ",
        ] {
            check(bad, None);
        }
        check(&format!("{}@b.com", "a".repeat(65)), None);
    }
}
