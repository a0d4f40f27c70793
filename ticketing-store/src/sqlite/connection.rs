//! Connections, and how they are set up.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

/// How long a writer waits for another process's write to end.
const BUSY_TRIES_MAX: i32 = 5_000;
/// How long it waits between two tries: short, because a busy server leaves only short gaps.
const BUSY_WAIT: Duration = Duration::from_millis(1);
/// Prepared statements kept per connection: more than there are.
const STATEMENTS_MAX: usize = 128;
/// Page cache of the writer and of each reader, in KiB; taken only as it is needed.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
const READER_CACHE_KIB: i64 = 8 * 1024;
/// Bytes of a page in a new file. Half of SQLite's default: the index of holds by user and key is written
/// all over, a page for nearly every hold, and the log carries whole pages.
const PAGE_BYTES: i64 = 2_048;
/// Length of the log, in pages (32 MiB), at which it is copied into the database file. Longer, and a page
/// that changed often is copied once; shorter, and the log's file is sooner at its full length, where
/// appending to it costs least.
const CHECKPOINT_PAGES: i64 = 16_384;
/// Bytes the log file is cut back to once it was longer.
const LOG_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// Opens the file, making it if there is none, and puts it into the mode that stays with the file.
/// Callers hold the migration lock: SQLite does not wait for its turn here.
pub(super) fn prepare(path: &Path) -> rusqlite::Result<()> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    // Means nothing to a file that has its pages already.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")
}

/// A connection that writes.
pub(super) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::empty())?;
    // Every commit reaches the disk before it is acknowledged.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
    Ok(connection)
}

/// A connection that only reads. Not opened read-only: such a one cannot set up the log's index after
/// a crash.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::empty())?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// A connection that leaves no trace in the file.
pub(super) fn onlooker(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_handler(Some(wait_for_turn))?;
    Ok(connection)
}

fn open(path: &Path, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(wait_for_turn))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan must not depend on what is bound: a statement would be compiled anew whenever it is.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

fn wait_for_turn(tries: i32) -> bool {
    std::thread::sleep(BUSY_WAIT);
    tries < BUSY_TRIES_MAX
}
