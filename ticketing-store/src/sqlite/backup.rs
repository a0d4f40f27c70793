//! A copy of the file while others write to it.

use std::{ffi::OsString, fs, io, path::Path};

use rusqlite::{Connection, OpenFlags, backup::Backup};

use super::{connection, schema};
use crate::BackupError;

/// Copies the database at `from` to `to`, as it is at one instant, and checks the copy.
///
/// The copy grows under another name and takes its own only when it is whole and on disk.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |error: rusqlite::Error| BackupError::Database { path: from.to_owned(), source: error.into() };
    let mut draft = OsString::from(to);
    draft.push(".part");
    let draft = Path::new(&draft);
    let io = |source| BackupError::Io { path: draft.to_owned(), source };
    make_private(draft).map_err(io)?;
    let copied = (|| {
        let source = connection::onlooker(from).map_err(failed)?;
        let mut copy = Connection::open_with_flags(draft, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        // In one step: then it is the file of one instant, however fast others write meanwhile.
        Backup::new(&source, &mut copy).and_then(|backup| backup.step(-1)).map_err(failed)?;
        drop(source);
        check(&copy, draft)?;
        copy.close().map_err(|(_, error)| failed(error))?;
        fs::File::open(draft).and_then(|file| file.sync_all()).map_err(io)
    })();
    let published = copied.and_then(|()| publish(draft, to));
    if published.is_err() {
        // What is left is no backup; that it could not be removed changes nothing about that.
        let _ = fs::remove_file(draft);
    }
    published
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

/// Gives the draft its name, unless something has it.
fn publish(draft: &Path, to: &Path) -> Result<(), BackupError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists { path: to.to_owned() },
        _ => BackupError::Io { path: to.to_owned(), source },
    };
    fs::hard_link(draft, to).map_err(io)?;
    fs::remove_file(draft).map_err(io)?;
    let folder = to.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}
