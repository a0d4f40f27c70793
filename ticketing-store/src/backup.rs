//! Backups of a store that is in use.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{secrets, url::StoreUrl};

/// What a backup consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// The database.
    pub database: PathBuf,
    /// The secrets that belong to it; `None`: the store has none beside it.
    pub secrets: Option<PathBuf>,
}

/// Why there is no backup. Nothing was left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The URL names no store.
    #[error(transparent)]
    Url(#[from] crate::UrlError),
    /// Only a SQLite file is backed up by this program.
    #[error("{0}")]
    OtherTool(&'static str),
    /// There is no such store.
    #[error("there is no store at {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Something has the backup's name.
    #[error("{} exists already: a backup overwrites nothing", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The store could not be read.
    #[error("cannot copy {}: {source}", path.display())]
    Database {
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The copy is not what it should be: the store itself may be damaged.
    #[error("the copy at {} is not sound: {detail}", path.display())]
    Unsound {
        /// The copy.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// Copies the SQLite store at `url` to the file `to`, as it is at one instant, while others write to it, and
/// the secrets beside it, if there are any, to `<to>.secrets.toml`. Blocks for as long as that takes.
///
/// # Errors
/// [`BackupError`]; then there is no file at `to`.
pub fn backup(url: &str, to: &Path) -> Result<BackedUp, BackupError> {
    let from = match url.parse()? {
        StoreUrl::Sqlite(path) => path,
        StoreUrl::Postgres(_) => {
            let detail = "Postgres has its own tools for this: pg_dump, or pg_basebackup with a WAL archive";
            return Err(BackupError::OtherTool(detail));
        }
        StoreUrl::Memory => return Err(BackupError::OtherTool("a store in memory ends with its process")),
    };
    if !from.is_file() {
        return Err(BackupError::Missing { path: from });
    }
    let kept = secrets::beside(&from);
    let secrets_to = secrets::beside(to);
    for path in [to, &secrets_to] {
        if path.exists() {
            return Err(BackupError::Exists { path: path.to_owned() });
        }
    }
    #[cfg(feature = "sqlite")]
    crate::sqlite::backup::copy(&from, to)?;
    if !kept.is_file() {
        return Ok(BackedUp { database: to.to_owned(), secrets: None });
    }
    // The mode is copied too: nobody but its owner may read it.
    let copied = fs::copy(&kept, &secrets_to).and_then(|_| fs::File::open(&secrets_to)?.sync_all());
    copied.map_err(|source| BackupError::Io { path: secrets_to.clone(), source })?;
    Ok(BackedUp { database: to.to_owned(), secrets: Some(secrets_to) })
}
