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
    file: File,
}

impl Drop for ServerLock {
    fn drop(&mut self) {
        // To close it is not enough: a child process that is just being started has the same file open until it runs
        // its own program. Should this fail, the closing is left.
        let _ = self.file.unlock();
    }
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
        Ok(()) => Ok(ServerLock { file }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_holder_though_a_child_has_the_file_still() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("shop.db");
        let lock = server(&database).unwrap();
        assert!(matches!(server(&database), Err(LockError::Held)));
        // As a child has it between its start and its program.
        let inherited = lock.file.try_clone().unwrap();
        drop(lock);
        server(&database).unwrap();
        drop(inherited);
    }
}
