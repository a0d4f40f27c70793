//! Stores of the ticketing engine, behind one URL.
//!
//! ```
//! use ticketing_core::store::PageRequest;
//! use ticketing_store::{OpenOptions, Role, open};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}", folder.path().join("ticketing.db").display());
//! // let url = "sqlite://ticketing.db";
//! let server = open(&url, OpenOptions::new(Role::Server))?;
//! server.migrate().await?;
//!
//! // One server per file; tools may read and write beside it.
//! assert!(open(&url, OpenOptions::new(Role::Server)).is_err());
//! let tool = open(&url, OpenOptions::new(Role::Tool))?;
//! assert!(tool.events(None, PageRequest::first()).await?.items.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! What every store promises stands in [`ticketing_core::store`]; the SQLite store keeps it with one
//! writer thread and a few readers, see [`sqlite`], the Postgres store with row locks, for many nodes at
//! once, see [`postgres`], the Redis store with scripts over everything in memory, see [`redis`](self::redis).
//! [`Secrets`] keeps the keys of a local installation beside its store.

#![warn(missing_docs)]

mod backup;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod clock;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod decision;
mod diagnose;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
pub mod secrets;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod unanswered;
mod url;

use std::{fmt, io, path::PathBuf, sync::Arc};

use ticketing_core::{
    clock::{Clock, SystemClock},
    store::{Backend, StoreError},
};

#[cfg(feature = "redis")]
pub use self::diagnose::diagnose_rooms;
use self::url::StoreUrl;
pub use self::{
    backup::{BackedUp, BackupError, backup},
    diagnose::{Finding, Level, diagnose},
    secrets::Secrets,
    url::UrlError,
};

/// Who opens a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A server: at most one per SQLite file at a time, kept apart by the lock file `<path>.lock`.
    Server,
    /// A command line or another short-lived program: may write beside a server.
    Tool,
}

/// How to open a store.
#[derive(Clone)]
pub struct OpenOptions {
    /// Who tells the time. `None`: the store's own authority, which is this process's clock, carried on
    /// by the monotonic one, for a file and the server's for a database that several nodes share.
    pub clock: Option<Arc<dyn Clock>>,
    /// Who opens it.
    pub role: Role,
    /// Make the file when there is none. Its tables come with [`Schema::migrate`](ticketing_core::store::Schema::migrate).
    pub create: bool,
}

impl OpenOptions {
    /// The store's own clock; makes the file when there is none.
    pub fn new(role: Role) -> Self {
        Self { clock: None, role, create: true }
    }

    /// The clock of a store that has none of its own.
    fn local_clock(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new()))
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions").field("role", &self.role).field("create", &self.create).finish_non_exhaustive()
    }
}

/// Why a store was not opened. Each is one line for whoever started the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL names no store.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// There is no such file, and none was to be made.
    #[error("there is no store at {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Another server has it.
    #[error("another server runs on {} (it holds {})", path.display(), lock.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// The lock file.
        lock: PathBuf,
    },
    /// The file system refused.
    #[error("cannot open {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is there, and cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: StoreError,
    },
}

/// Whether `url` names a store that [`open`] knows, with options that it takes. Looks at nothing but the text.
///
/// # Errors
/// [`UrlError`] says what is wrong with it, and repeats nothing that stands behind `://`.
pub fn check_url(url: &str) -> Result<(), UrlError> {
    match url.parse()? {
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => postgres::check_url(&url).map_err(UrlError::Postgres),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(UrlError::NotBuiltIn("postgres".to_owned())),
        #[cfg(feature = "redis")]
        StoreUrl::Redis(url) => redis::check_url(&url).map_err(UrlError::Redis),
        #[cfg(not(feature = "redis"))]
        StoreUrl::Redis(_) => Err(UrlError::NotBuiltIn("redis".to_owned())),
        StoreUrl::Sqlite(_) | StoreUrl::Memory => Ok(()),
    }
}

/// Lets the store at `url` take writes again that refused them since it had lost some; `false`: it had not. To be
/// called by whoever has looked at what is there and at what the gateway knows.
///
/// # Errors
/// [`OpenError`] for what is no store; the store's own when it cannot be asked.
pub async fn resume(url: &str) -> Result<Result<bool, StoreError>, OpenError> {
    match url.parse()? {
        #[cfg(feature = "redis")]
        StoreUrl::Redis(url) => redis::resume(&url, OpenOptions::new(Role::Tool)).await,
        #[cfg(not(feature = "redis"))]
        StoreUrl::Redis(_) => Err(UrlError::NotBuiltIn("redis".to_owned()).into()),
        StoreUrl::Sqlite(_) | StoreUrl::Postgres(_) | StoreUrl::Memory => Ok(Ok(false)),
    }
}

/// Opens the store that `url` names: `sqlite://PATH`, `postgres://USER@HOST/DATABASE`, `redis://HOST` or
/// `memory://`.
///
/// Does not migrate. Blocks for as long as the file system takes; needs no async runtime. A server is
/// connected to when the store is first asked for something, and that needs the tokio runtime.
///
/// # Errors
/// [`OpenError`] says in one line what is wrong with the URL or the file.
pub fn open(url: &str, options: OpenOptions) -> Result<Arc<dyn Backend>, OpenError> {
    match url.parse()? {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => Ok(Arc::new(sqlite::SqliteStore::open(&path, options)?)),
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite(_) => Err(UrlError::NotBuiltIn("sqlite".to_owned()).into()),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Ok(Arc::new(postgres::PostgresStore::open(&url, options)?)),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(UrlError::NotBuiltIn("postgres".to_owned()).into()),
        #[cfg(feature = "redis")]
        StoreUrl::Redis(url) => Ok(Arc::new(redis::open(&url, options)?)),
        #[cfg(not(feature = "redis"))]
        StoreUrl::Redis(_) => Err(UrlError::NotBuiltIn("redis".to_owned()).into()),
        StoreUrl::Memory => Ok(Arc::new(ticketing_core::store::memory::MemoryStore::new(options.local_clock()))),
    }
}
