//! What an operator should know about a store's setting.

use crate::{UrlError, url::StoreUrl};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and should be looked at.
    Warn,
    /// It loses data, or does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub level: Level,
    /// What was found, and what to do about it.
    pub detail: String,
}

impl Finding {
    /// A finding.
    pub fn new(check: &'static str, level: Level, detail: impl Into<String>) -> Self {
        Self { check, level, detail: detail.into() }
    }
}

/// Looks at the settings around the store at `url` that decide whether an acknowledged write survives, and
/// whether there will be room for the next.
///
/// # Errors
/// [`UrlError`] when the URL names no store. What cannot be looked at is a finding.
pub async fn diagnose(url: &str) -> Result<Vec<Finding>, UrlError> {
    Ok(match url.parse()? {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => crate::sqlite::diagnose::look_at(&path),
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite(_) => return Err(UrlError::NotBuiltIn("sqlite".to_owned())),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => crate::postgres::diagnose::look_at(&url).await,
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => return Err(UrlError::NotBuiltIn("postgres".to_owned())),
        #[cfg(feature = "redis")]
        StoreUrl::Redis(url) => crate::redis::diagnose::look_at(&url).await,
        #[cfg(not(feature = "redis"))]
        StoreUrl::Redis(_) => return Err(UrlError::NotBuiltIn("redis".to_owned())),
        StoreUrl::Memory => vec![Finding::new("durability", Level::Warn, "nothing outlives the process")],
    })
}

/// Looks at the settings of the Redis at `url`, which keeps waiting rooms in a store of their own. What cannot be
/// looked at is a finding.
#[cfg(feature = "redis")]
pub async fn diagnose_rooms(url: &str) -> Vec<Finding> {
    crate::redis::diagnose::look_at_rooms(url).await
}
