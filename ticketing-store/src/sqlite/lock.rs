//! Lock files beside the database: one server at a time, one migration at a time.
//!
//! The database file itself is never opened here: closing any handle on it would drop the locks that
//! SQLite holds on it in this process.

use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use ticketing_core::store::StoreError;

/// Held while a server runs; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct ServerLock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub(super) enum LockError {
    Held,
    Io(io::Error),
}

/// The server's lock file.
pub(super) fn server_path(database: &Path) -> PathBuf {
    beside(database, ".lock")
}

/// Takes the server's lock, or tells at once who has it.
pub(super) fn server(database: &Path) -> Result<ServerLock, LockError> {
    let file = open(&server_path(database)).map_err(LockError::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(ServerLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(LockError::Held),
        Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
    }
}

/// Waits until no other process migrates; until the file is dropped, none does.
pub(super) fn migration(database: &Path) -> Result<File, StoreError> {
    let path = beside(database, ".migrate.lock");
    let locked = open(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| StoreError::unavailable(format!("locking {}", path.display()), error))
}

fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(path)
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}
