//! Backups of a store that is in use.

#[cfg(feature = "sqlite")]
use std::fs;
use std::{
    io,
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
/// The database takes its name last: where it is, the backup is whole.
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
        StoreUrl::Redis(_) => {
            let detail = "Redis has its own ways for this: a copy of its append-only files, or of what BGSAVE writes";
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
    let secrets = kept.is_file().then_some((&*kept, &*secrets_to));
    copy(&from, to, secrets)?;
    Ok(BackedUp { database: to.to_owned(), secrets: secrets.map(|(_, to)| to.to_owned()) })
}

/// Copies the database, and the secrets from the one place to the other.
#[cfg(feature = "sqlite")]
fn copy(from: &Path, to: &Path, secrets: Option<(&Path, &Path)>) -> Result<(), BackupError> {
    let database = crate::sqlite::backup::copy(from, to)?;
    let Some((kept, secrets_to)) = secrets else { return database.publish() };
    copy_secrets(kept, secrets_to)?;
    let published = database.publish();
    if published.is_err() {
        // Secrets without their store are no backup, and would be in the way of the next one.
        let _ = fs::remove_file(secrets_to);
    }
    published
}

#[cfg(not(feature = "sqlite"))]
fn copy(_: &Path, _: &Path, _: Option<(&Path, &Path)>) -> Result<(), BackupError> {
    Err(BackupError::OtherTool("this program was built without SQLite"))
}

/// Copies the secrets, for their owner alone to read.
#[cfg(feature = "sqlite")]
fn copy_secrets(kept: &Path, to: &Path) -> Result<(), BackupError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists { path: to.to_owned() },
        _ => BackupError::Io { path: to.to_owned(), source },
    };
    let mut secrets = fs::File::open(kept).map_err(io)?;
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut copy = options.open(to).map_err(io)?;
    let copied = io::copy(&mut secrets, &mut copy).and_then(|_| copy.sync_all());
    copied.map_err(|error| {
        let _ = fs::remove_file(to);
        io(error)
    })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::{OpenOptions, Role};

    #[tokio::test]
    async fn a_backup_without_its_secrets_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let in_folder = |name: &str| folder.path().join(name);
        let url = format!("sqlite://{}", in_folder("shop.db").display());
        let store = crate::open(&url, OpenOptions { create: true, ..OpenOptions::new(Role::Tool) }).unwrap();
        store.migrate().await.unwrap();
        let (to, secrets_to) = (in_folder("copy.db"), in_folder("copy.db.secrets.toml"));

        // They are there when the copy begins, and cannot be read when their turn comes.
        let failed = copy(&in_folder("shop.db"), &to, Some((&in_folder("gone"), &secrets_to))).unwrap_err();
        assert!(matches!(failed, BackupError::Io { .. }), "{failed:?}");
        let left = || fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(left().all(|name| !name.to_string_lossy().starts_with("copy")), "{:?}", left().collect::<Vec<_>>());

        // Nor do secrets stay behind when the database cannot take its name.
        let kept = in_folder("shop.db.secrets.toml");
        fs::write(&kept, "secrets").unwrap();
        fs::write(&to, "something else").unwrap();
        let failed = copy(&in_folder("shop.db"), &to, Some((&kept, &secrets_to))).unwrap_err();
        assert!(matches!(failed, BackupError::Exists { .. }), "{failed:?}");
        assert!(!secrets_to.exists() && !in_folder("copy.db.part").exists());
        assert_eq!(fs::read_to_string(&to).unwrap(), "something else");

        fs::remove_file(&to).unwrap();
        copy(&in_folder("shop.db"), &to, Some((&kept, &secrets_to))).unwrap();
        assert_eq!(fs::read_to_string(&secrets_to).unwrap(), "secrets");
        assert!(to.is_file() && !in_folder("copy.db.part").exists());
    }
}
