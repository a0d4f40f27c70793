//! The writer when the disk or the commit fails. What a real disk does is tested from outside.

use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use ticketing_core::{
    ids::{BatchId, HoldId},
    store::{BatchHeader, BatchOutcome, Decide, Decision, StoreError},
    testing::{SimClock, records},
};
use uuid::Uuid;

use super::{connection, schema, writer::Worker};

struct Bench {
    folder: TempDir,
    worker: Worker,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ticketing.db");
        schema::admit(&path).unwrap();
        let mut worker = Worker::new(path, Arc::new(SimClock::new()));
        worker.migrate().unwrap();
        Self { folder, worker }
    }

    /// The writer's connection, to be broken.
    fn connection(&mut self) -> &mut Connection {
        let path = self.folder.path().join("ticketing.db");
        self.worker.connection.get_or_insert_with(|| connection::writer(&path).unwrap())
    }

    fn write(&mut self, batch: u128, holds: std::ops::Range<u32>) -> Result<(), StoreError> {
        let header = BatchHeader { id: id(batch), locks: vec![], reads: vec![] };
        let mut decide: Decide = Box::new(move |snapshot, _| {
            holds.clone().for_each(|n| snapshot.add_hold(records::hold(n, 1)));
            Decision::Commit(snapshot.take_changes())
        });
        self.worker.transact(&header, &mut decide).map(drop)
    }

    fn holds(&self) -> Vec<HoldId> {
        let connection = connection::reader(&self.folder.path().join("ticketing.db")).unwrap();
        let mut found = connection.prepare("SELECT id FROM holds ORDER BY id").unwrap();
        let ids =
            found.query_map([], |row| row.get(0).map(|bytes| HoldId::from_uuid(Uuid::from_bytes(bytes)))).unwrap();
        ids.map(Result::unwrap).collect()
    }
}

fn id(batch: u128) -> BatchId {
    BatchId::from_uuid(Uuid::from_u128(batch))
}

#[test]
fn a_full_disk_refuses_the_whole_batch_and_is_forgotten_when_there_is_room() {
    let mut bench = Bench::new();
    bench.write(1, 1..2).unwrap();
    let pages: i64 = bench.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    bench.connection().pragma_update(None, "max_page_count", pages + 4).unwrap();

    let refused = bench.write(2, 2..2_000).unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
    assert_eq!(bench.holds(), [records::hold(1, 1).id]);
    assert_eq!(bench.worker.outcome(id(2)).unwrap(), BatchOutcome::NotCommitted);

    bench.connection().pragma_update(None, "max_page_count", 1_000_000).unwrap();
    bench.write(3, 2..2_000).unwrap();
    assert_eq!(bench.holds().len(), 1_999);
}

#[test]
fn a_failed_commit_is_looked_up_before_it_is_answered() {
    let mut bench = Bench::new();
    bench.connection().commit_hook(Some(|| true)).unwrap();
    bench.write(1, 1..2).unwrap_err();
    assert!(bench.holds().is_empty());
    assert_eq!(bench.worker.outcome(id(1)).unwrap(), BatchOutcome::NotCommitted);
    // The connection that failed is gone, its hook with it.
    bench.write(2, 1..2).unwrap();
    assert_eq!(bench.worker.outcome(id(2)).unwrap(), BatchOutcome::Committed);
}

#[test]
fn a_commit_whose_end_nobody_saw_is_found_when_it_is_there() {
    let mut bench = Bench::new();
    bench.write(1, 1..2).unwrap();
    bench.worker.unsettled = true;
    assert_eq!(bench.worker.outcome(id(1)).unwrap(), BatchOutcome::Committed);
    assert!(!bench.worker.unsettled);
    assert_eq!(bench.worker.outcome(id(2)).unwrap(), BatchOutcome::NotCommitted);
}

#[test]
fn the_outcome_is_unknown_while_the_file_cannot_be_written() {
    let mut bench = Bench::new();
    bench.write(1, 1..2).unwrap();
    bench.worker.unsettled = true;
    let elsewhere = Connection::open(bench.folder.path().join("ticketing.db")).unwrap();
    elsewhere.execute_batch("BEGIN IMMEDIATE").unwrap();
    bench.connection().busy_timeout(std::time::Duration::ZERO).unwrap();
    assert!(matches!(bench.worker.outcome(id(1)), Err(StoreError::Unavailable { .. })));
    elsewhere.execute_batch("COMMIT").unwrap();
    assert_eq!(bench.worker.outcome(id(1)).unwrap(), BatchOutcome::Committed);
}

#[test]
fn a_busy_file_refuses_the_batch_without_a_trace() {
    let mut bench = Bench::new();
    let elsewhere = Connection::open(bench.folder.path().join("ticketing.db")).unwrap();
    elsewhere.execute_batch("BEGIN IMMEDIATE").unwrap();
    bench.connection().busy_timeout(std::time::Duration::ZERO).unwrap();
    let refused = bench.write(1, 1..2).unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
    elsewhere.execute_batch("COMMIT").unwrap();
    bench.write(2, 1..2).unwrap();
}

#[test]
fn the_names_of_old_writers_make_room_for_those_of_new_ones() {
    let bench = Bench::new();
    let path = bench.folder.path().join("ticketing.db");
    let clock = SimClock::new();
    for n in 0..70 {
        clock.advance(std::time::Duration::from_secs(1));
        let mut worker = Worker::new(path.clone(), Arc::new(SimClock::at(ticketing_core::clock::Clock::now(&clock))));
        let header = BatchHeader { id: id(1_000 + n), locks: vec![], reads: vec![] };
        let mut decide: Decide = Box::new(move |snapshot, _| {
            snapshot.add_user(records::user(u32::try_from(n).unwrap()));
            Decision::Commit(snapshot.take_changes())
        });
        worker.transact(&header, &mut decide).unwrap();
        assert_eq!(worker.outcome(id(1_000 + n)).unwrap(), BatchOutcome::Committed);
    }
    let connection = connection::reader(&path).unwrap();
    let writers: u32 =
        connection.query_row("SELECT count(DISTINCT writer) FROM batches", [], |row| row.get(0)).unwrap();
    assert_eq!(writers, 64);
}
