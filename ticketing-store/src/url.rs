//! Store URLs.

use std::path::{Path, PathBuf};

/// Why a text names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is not of the form `scheme://…`. Repeats it unless it may hold a password.
    #[error(
        "a store URL looks like sqlite://PATH, postgres://USER@HOST/DATABASE, redis://HOST or memory://, {0} has no `://`"
    )]
    NoScheme(String),
    /// Nothing is known by this scheme.
    #[error(
        "`{0}://` is no kind of store: use sqlite://PATH, postgres://USER@HOST/DATABASE, redis://HOST or memory://"
    )]
    UnknownScheme(String),
    /// The scheme is known; the store is not part of this program.
    #[error(
        "`{0}://` stores are not built into this program: use sqlite://PATH, postgres://USER@HOST/DATABASE, redis://HOST or memory://"
    )]
    NotBuiltIn(String),
    /// `sqlite://` without a file.
    #[error("`sqlite://` names no file: write sqlite://PATH, such as sqlite://ticketing.db")]
    NoPath,
    /// `sqlite://` with something that is no path.
    #[error("a `sqlite://` URL takes a path and no parameters, this one has a `{0}`")]
    Parameters(char),
    /// `postgres://` with something that cannot be: names the part, and repeats no value.
    #[error("in the `postgres://` URL: {0}")]
    Postgres(String),
    /// `redis://` or one of its like with something that cannot be: names the part, and repeats no value.
    #[error("in the `redis://` URL: {0}")]
    Redis(String),
    /// `memory://` with something behind it.
    #[error("`memory://` takes nothing behind it")]
    NotEmpty,
}

/// What a store URL names. Errors never repeat what stands behind `://`: it may be a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    Sqlite(PathBuf),
    /// The whole URL.
    Postgres(String),
    /// The whole URL.
    Redis(String),
    Memory,
}

impl std::str::FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| UrlError::NoScheme(shown(url)))?;
        match scheme {
            "sqlite" if rest.is_empty() => Err(UrlError::NoPath),
            "sqlite" => match rest.chars().find(|c| matches!(c, '?' | '#')) {
                Some(found) => Err(UrlError::Parameters(found)),
                None => Ok(Self::Sqlite(Path::new(rest).to_owned())),
            },
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err(UrlError::NotEmpty),
            "postgres" | "postgresql" => Ok(Self::Postgres(url.to_owned())),
            "redis" | "rediss" | "redis+cluster" | "rediss+cluster" | "redis+unix" => Ok(Self::Redis(url.to_owned())),
            unknown => Err(UrlError::UnknownScheme(unknown.chars().take(32).collect())),
        }
    }
}

/// A text that is no URL, as an error names it.
fn shown(text: &str) -> String {
    let is_harmless = text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    if is_harmless && !text.is_empty() { format!("`{text}`") } else { "this one".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<StoreUrl, &str>) {
        let found = url.parse::<StoreUrl>();
        match expected {
            Ok(expected) => assert_eq!(found, Ok(expected), "{url}"),
            Err(part) => {
                let message = found.unwrap_err().to_string();
                assert!(message.contains(part) && !message.contains("secret"), "{url}: {message}");
            }
        }
    }

    #[test]
    fn a_url_names_a_file_or_memory_and_an_error_names_what_is_wrong() {
        check("sqlite://ticketing.db", Ok(StoreUrl::Sqlite("ticketing.db".into())));
        check("sqlite:///var/lib/t.db", Ok(StoreUrl::Sqlite("/var/lib/t.db".into())));
        check("memory://", Ok(StoreUrl::Memory));
        check("", Err("no `://`"));
        check("ticketing.db", Err("`ticketing.db` has no `://`"));
        check("shop:secret@db", Err("this one has no `://`"));
        check("sqlite://", Err("names no file"));
        check("sqlite://a.db?mode=ro", Err("`?`"));
        check("memory://x", Err("takes nothing"));
        check("mysql://root:secret@db", Err("`mysql://` is no kind of store"));
        check("postgres://u:p@db/t", Ok(StoreUrl::Postgres("postgres://u:p@db/t".to_owned())));
        check("redis://:secret@db", Ok(StoreUrl::Redis("redis://:secret@db".to_owned())));
        check("redis+cluster://a,b", Ok(StoreUrl::Redis("redis+cluster://a,b".to_owned())));
    }
}
