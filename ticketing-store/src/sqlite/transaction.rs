//! One batch: read, decide, write.

use rusqlite::Connection;
use ticketing_core::{
    clock::{Clock, Timestamp},
    store::{BatchHeader, Changes, Decide, Decision, ROUNDS_MAX, Receipt, Snapshot},
};

use super::{apply::apply, batches::Ring, error::Fault, load::load};
use crate::decision;

/// What the decision came to, inside the transaction that is open.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) receipt: Receipt,
    /// There is something to commit.
    pub(super) written: bool,
}

/// Takes the write lock, waiting for another process's write to end.
pub(super) fn begin(connection: &Connection) -> Result<(), Fault> {
    execute(connection, "BEGIN IMMEDIATE").map_err(|error| Fault::of("waiting to write", error))
}

/// Undoes what is open; does nothing when SQLite has done so itself.
pub(super) fn roll_back(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() { Ok(()) } else { execute(connection, "ROLLBACK") }
}

/// Makes what is open durable.
pub(super) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    execute(connection, "COMMIT")
}

/// Loads, asks `decide` until it commits, and writes its changes, all behind the write lock.
pub(super) fn run(
    connection: &Connection,
    ring: &mut Ring,
    clock: &dyn Clock,
    batch: &BatchHeader,
    decide: &mut Decide,
) -> Result<Decided, Fault> {
    let mut snapshot = Snapshot::default();
    let mut reads = batch.reads.clone();
    for rounds in 1..=ROUNDS_MAX {
        load(connection, &mut snapshot, &reads).map_err(|error| Fault::of("loading", error))?;
        snapshot.reset();
        let at = clock.now();
        match decision::ask(decide, &mut snapshot, at).map_err(Fault::refused)? {
            Decision::NeedMore(more) => reads = more,
            Decision::Commit(changes) => {
                let written = write(connection, ring, batch, &changes, at)?;
                return Ok(Decided { receipt: Receipt { at, rounds }, written });
            }
        }
    }
    Err(Fault::refused(decision::never_enough()))
}

fn write(
    connection: &Connection,
    ring: &mut Ring,
    batch: &BatchHeader,
    changes: &Changes,
    at: Timestamp,
) -> Result<bool, Fault> {
    if changes.is_empty() {
        return Ok(false);
    }
    apply(connection, changes)?;
    let noted = ring.put(connection, batch.id.uuid().as_bytes(), at);
    noted.map_err(|error| Fault::of("writing the batch's name", error))?;
    Ok(true)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
