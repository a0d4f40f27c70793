//! A copy of the file while others write to it.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{connection, schema};
use crate::BackupError;

/// A copy that is whole, checked and on disk, and has not taken its name yet. Unless it does, it is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    to: PathBuf,
}

/// Copies the database at `from`, as it is at one instant, to where `to` is to be, and checks the copy.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<Draft, BackupError> {
    let failed = |error: rusqlite::Error| BackupError::Database { path: from.to_owned(), source: error.into() };
    let mut path = OsString::from(to);
    path.push(".part");
    let draft = Draft { path: path.into(), to: to.to_owned() };
    let io = |source| BackupError::Io { path: draft.path.clone(), source };
    make_private(&draft.path).map_err(io)?;
    let source = connection::onlooker(from).map_err(failed)?;
    let mut copy = Connection::open_with_flags(&draft.path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    // In one step: then it is the file of one instant, however fast others write meanwhile.
    let step = Backup::new(&source, &mut copy).and_then(|backup| backup.step(-1)).map_err(failed)?;
    if step != StepResult::Done {
        let source = "another process has locked it: try again".into();
        return Err(BackupError::Database { path: from.to_owned(), source });
    }
    drop(source);
    check(&copy, &draft.path)?;
    copy.close().map_err(|(_, error)| failed(error))?;
    fs::File::open(&draft.path).and_then(|file| file.sync_all()).map_err(io)?;
    Ok(draft)
}

impl Draft {
    /// Gives the copy its name, unless something has it.
    pub(crate) fn publish(self) -> Result<(), BackupError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists { path: self.to.clone() },
            _ => BackupError::Io { path: self.to.clone(), source },
        };
        fs::hard_link(&self.path, &self.to).map_err(io)?;
        let folder = self.to.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| {
            let _ = fs::remove_file(&self.to);
            io(error)
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What is left is no backup; that it could not be removed changes nothing about that.
        let _ = fs::remove_file(&self.path);
    }
}

fn make_private(draft: &Path) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(draft).map(drop)
}

/// The copy is a sound database with the schema of this program.
fn check(copy: &Connection, draft: &Path) -> Result<(), BackupError> {
    let unsound = |detail: String| BackupError::Unsound { path: draft.to_owned(), detail };
    let verdict: String = copy
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| unsound(error.to_string()))?;
    if verdict != "ok" {
        return Err(unsound(verdict));
    }
    let version = schema::version(copy).map_err(|error| unsound(error.to_string()))?;
    if version.found == version.needed {
        return Ok(());
    }
    Err(unsound(format!("its schema is version {}, this program knows {}", version.found, version.needed)))
}
