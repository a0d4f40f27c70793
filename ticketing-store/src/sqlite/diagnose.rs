//! The file's settings, and the room beside it.

use std::path::Path;

use super::connection;
use crate::{Finding, Level};

/// Free room below which a sale may come to a halt: the log alone may take 64 MiB, and a backup the file once
/// more.
const ROOM_BYTES_MIN: u64 = 1 << 30;

pub(crate) fn look_at(path: &Path) -> Vec<Finding> {
    vec![journal(path), room(path)]
}

fn journal(path: &Path) -> Finding {
    let mode = connection::onlooker(path)
        .and_then(|file| file.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0)));
    match mode {
        Ok(mode) if mode == "wal" => Finding::new(
            "durability",
            Level::Ok,
            "a write is on disk before it is acknowledged (WAL, synchronous=FULL)",
        ),
        Ok(mode) => Finding::new(
            "durability",
            Level::Warn,
            format!("the journal mode is {mode}, not wal: somebody changed it; the next server puts it back"),
        ),
        Err(error) => Finding::new("durability", Level::Fail, format!("the file cannot be read: {error}")),
    }
}

fn room(path: &Path) -> Finding {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let stat = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat,
        Err(error) => return Finding::new("disk", Level::Warn, format!("free room is unknown: {error}")),
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let (level, advice) = if free < ROOM_BYTES_MIN { (Level::Warn, ": make room") } else { (Level::Ok, "") };
    Finding::new("disk", level, format!("{} MiB free beside the file{advice}", free >> 20))
}
