//! The SQLite store: one file, one writer thread, a few readers.
//!
//! A batch is one `BEGIN IMMEDIATE` … `COMMIT` on the writer's connection, in WAL mode with
//! `synchronous=FULL`. Several processes may write to one file: each waits for the other's batch to
//! end. Nothing here needs an async runtime.

mod apply;
pub(crate) mod backup;
mod batches;
mod columns;
mod connection;
pub(crate) mod diagnose;
mod error;
mod load;
mod lock;
mod queries;
mod readers;
mod schema;
mod tables;
mod transaction;
mod writer;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod plans;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use ticketing_core::{
    clock::Clock,
    ids::BatchId,
    store::{BatchHeader, BatchOutcome, Decide, Durability, Receipt, Schema, SchemaVersion, Store, StoreError},
};

pub use self::schema::NEEDED as SCHEMA_VERSION;
use self::{
    lock::{LockError, ServerLock},
    readers::{Readers, Revision},
    writer::{Job, Writer},
};
use crate::{OpenError, OpenOptions, Role};

/// A store in one SQLite file.
///
/// Dropped, it waits until what was asked of it is done, then lets go of the file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    revision: Revision,
    clock: Arc<dyn Clock>,
    path: PathBuf,
    /// Last, so that the next server starts only when this one's threads have ended.
    _server: Option<ServerLock>,
}

impl SqliteStore {
    /// Opens the file at `path`. Does not migrate; blocks for as long as the file system takes.
    ///
    /// # Errors
    /// [`OpenError`] names the file and what is wrong with it. A file with a newer schema, or one that
    /// is no database, is left as it is.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        let path = locate(path, options.create)?;
        let server = match options.role {
            Role::Server => Some(lock_server(&path)?),
            Role::Tool => None,
        };
        schema::admit(&path).map_err(|source| OpenError::Store { path: path.clone(), source })?;
        let io = |source| OpenError::Io { path: path.clone(), source };
        let clock = options.local_clock();
        Ok(Self {
            writer: Writer::start(path.clone(), Arc::clone(&clock)).map_err(io)?,
            readers: Readers::start(&path).map_err(io)?,
            revision: Revision::new(path.clone()),
            clock,
            path,
            _server: server,
        })
    }

    /// The file, with all symbolic links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store for SqliteStore {
    fn transact(&self, batch: BatchHeader, decide: Decide) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        Box::pin(self.writer.ask(|reply| Job::Transact { batch, decide, reply }))
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        // By way of the writer, so that a batch still in the queue is decided by then.
        Box::pin(self.writer.ask(move |reply| Job::Outcome { batch, reply }))
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    fn lanes(&self) -> usize {
        1
    }
}

impl Schema for SqliteStore {
    fn migrate(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>> {
        Box::pin(self.writer.ask(|reply| Job::Migrate { reply }))
    }

    fn version(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>> {
        Box::pin(self.readers.ask("reading the schema's version", schema::version))
    }
}

/// The file's one true name: two names of one file must not get two lock files.
fn locate(path: &Path, create: bool) -> Result<PathBuf, OpenError> {
    let io = |source: io::Error| OpenError::Io { path: path.to_owned(), source };
    if path.try_exists().map_err(io)? {
        return fs::canonicalize(path).map_err(io);
    }
    if !create {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| io(io::ErrorKind::IsADirectory.into()))?;
    Ok(fs::canonicalize(folder).map_err(io)?.join(name))
}

fn lock_server(path: &Path) -> Result<ServerLock, OpenError> {
    lock::server(path).map_err(|error| match error {
        LockError::Held => OpenError::InUse { path: path.to_owned(), lock: lock::server_path(path) },
        LockError::Io(source) => OpenError::Io { path: lock::server_path(path), source },
    })
}
