//! The names of the latest batches, so that one whose reply was lost can be looked up.
//!
//! Every writer has a ring of slots of its own: the table does not grow, and neighbouring slots share
//! a page, so that a commit costs no more than that page.

use rusqlite::{Connection, params};
use ticketing_core::{clock::Timestamp, ids::BatchId};

/// Batches remembered of every writer.
pub(super) const SLOTS: u64 = 4_096;
/// Writers remembered: those that wrote last.
const WRITERS_MAX: u32 = 64;

pub(super) const PUT: &str = "INSERT INTO batches (writer, slot, id, at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (writer, slot) DO UPDATE SET id = excluded.id, at = excluded.at";
const FORGET: &str = "DELETE FROM batches WHERE writer NOT IN \
     (SELECT writer FROM batches GROUP BY writer ORDER BY max(at) DESC LIMIT ?1)";
const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM batches WHERE id = ?1)";

/// Where this writer is in its ring.
#[derive(Debug, Default)]
pub(super) struct Ring {
    writer: Option<i64>,
    written: u64,
}

impl Ring {
    /// Writes down the batch within its own transaction.
    pub(super) fn put(&mut self, connection: &Connection, id: &[u8; 16], at: Timestamp) -> rusqlite::Result<()> {
        let writer = match self.writer {
            Some(writer) => writer,
            None => self.enter(connection)?,
        };
        let slot = (self.written % SLOTS).cast_signed();
        connection.prepare_cached(PUT)?.execute(params![writer, slot, id, at.micros()])?;
        self.written += 1;
        Ok(())
    }

    /// Takes a number that no other writer has, and makes room for its ring.
    fn enter(&mut self, connection: &Connection) -> rusqlite::Result<i64> {
        connection.execute(FORGET, [WRITERS_MAX - 1])?;
        let writer = connection.query_row("SELECT random()", [], |row| row.get(0))?;
        self.writer = Some(writer);
        Ok(writer)
    }
}

/// Overwrites whatever an earlier, failed commit may have left in the log: a name that no batch has.
pub(super) const VOID: [u8; 16] = [0; 16];

/// Whether the batch was written.
pub(super) fn is_known(connection: &Connection, id: BatchId) -> rusqlite::Result<bool> {
    connection.query_row(KNOWN, [id.uuid().into_bytes()], |row| row.get(0))
}
