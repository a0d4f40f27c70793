//! The one thread that writes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, ErrorCode};
use ticketing_core::{
    clock::Clock,
    ids::BatchId,
    store::{BatchHeader, BatchOutcome, Decide, Receipt, SchemaVersion, StoreError},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    batches::{self, Ring},
    connection,
    error::{Fault, store_error},
    schema, transaction,
};

/// Jobs that wait for the writer; more are refused.
const JOBS_QUEUED_MAX: usize = 256;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked.
pub(super) enum Job {
    Transact { batch: BatchHeader, decide: Decide, reply: Reply<Receipt> },
    Outcome { batch: BatchId, reply: Reply<BatchOutcome> },
    Migrate { reply: Reply<SchemaVersion> },
}

/// The way to the writer. Dropped, it waits until the writer has done all it was asked.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; it opens its connection when it is first asked for something.
    pub(super) fn start(path: PathBuf, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(JOBS_QUEUED_MAX);
        let worker = Worker::new(path, clock);
        let thread = thread::Builder::new().name("ticketing-sqlite-writer".into()).spawn(|| worker.serve(queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has a job done; once queued it runs to its end, whether or not anybody waits for the answer.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().expect("the queue is closed only when the store is dropped");
        jobs.try_send(job(reply))
            .map_err(|error| StoreError::unavailable("queueing for the writer", Refused::of(&error)))?;
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::OutcomeUnknown { detail: "the writer broke off without an answer".into() })
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        // A decision may own the last reference to its store; a thread cannot wait for itself.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!("the SQLite writer ended in a panic");
        }
    }
}

/// Why a job was not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{JOBS_QUEUED_MAX} jobs wait already")]
    Full,
    #[error("the writer has stopped")]
    Stopped,
}

impl Refused {
    fn of(error: &mpsc::error::TrySendError<Job>) -> Self {
        match error {
            mpsc::error::TrySendError::Full(_) => Self::Full,
            mpsc::error::TrySendError::Closed(_) => Self::Stopped,
        }
    }
}

pub(super) struct Worker {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    /// `None` until it is needed, and after it failed.
    pub(super) connection: Option<Connection>,
    ring: Ring,
    /// A commit failed in such a way that it may still be in the log.
    pub(super) unsettled: bool,
}

impl Worker {
    pub(super) fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { path, clock, connection: None, ring: Ring::default(), unsettled: false }
    }

    fn serve(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(job) = queue.blocking_recv() {
            if catch_unwind(AssertUnwindSafe(|| self.run(job))).is_err() {
                // Whatever was open is rolled back with the connection; the caller learns it from the
                // reply that never comes.
                self.connection = None;
                self.unsettled = true;
            }
        }
    }

    fn run(&mut self, job: Job) {
        match job {
            Job::Transact { batch, mut decide, reply } => {
                // Nobody may be waiting any more; the batch is written all the same.
                let _ = reply.send(self.transact(&batch, &mut decide));
            }
            Job::Outcome { batch, reply } => {
                let _ = reply.send(self.outcome(batch));
            }
            Job::Migrate { reply } => {
                let _ = reply.send(self.migrate());
            }
        }
    }

    pub(super) fn transact(&mut self, batch: &BatchHeader, decide: &mut Decide) -> Result<Receipt, StoreError> {
        let connection = open(&mut self.connection, &self.path)?;
        let decided = transaction::begin(connection)
            .and_then(|()| transaction::run(connection, &mut self.ring, &*self.clock, batch, decide));
        match decided {
            Ok(decided) if decided.written => self.commit(batch.id).map(|()| decided.receipt),
            Ok(decided) => {
                self.undo();
                Ok(decided.receipt)
            }
            Err(Fault { error, connection_lost }) => {
                self.undo();
                if connection_lost {
                    self.connection = None;
                }
                Err(error)
            }
        }
    }

    fn undo(&mut self) {
        let undone = self.connection.as_ref().map(transaction::roll_back);
        if let Some(Err(error)) = undone {
            tracing::warn!(%error, "a rollback failed: the connection is opened anew");
            self.connection = None;
        }
    }

    fn commit(&mut self, batch: BatchId) -> Result<(), StoreError> {
        let connection = open(&mut self.connection, &self.path)?;
        let Err(error) = transaction::commit(connection) else {
            // What a failed commit may have left in the log was just overwritten.
            self.unsettled = false;
            return Ok(());
        };
        self.undo();
        let sure = matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy));
        if sure {
            return Err(store_error("committing", error));
        }
        tracing::warn!(%error, %batch, "a commit failed: looking whether it was written all the same");
        self.connection = None;
        self.unsettled = true;
        match self.settle(batch) {
            Ok(true) => Ok(()),
            Ok(false) => Err(store_error("committing", error)),
            Err(unsettled) => Err(StoreError::OutcomeUnknown { detail: format!("committing: {error}; {unsettled}") }),
        }
    }

    pub(super) fn outcome(&mut self, batch: BatchId) -> Result<BatchOutcome, StoreError> {
        let known = if self.unsettled {
            self.settle(batch)?
        } else {
            let connection = open(&mut self.connection, &self.path)?;
            batches::is_known(connection, batch).map_err(|error| store_error("looking a batch up", error))?
        };
        Ok(if known { BatchOutcome::Committed } else { BatchOutcome::NotCommitted })
    }

    /// Tells whether a batch whose commit failed is there, once that can no longer change.
    ///
    /// Its pages may stand at the log's end, to be found again after a crash. A commit of its own
    /// overwrites them if no one has seen them; if they were seen, a checkpoint carries them into the
    /// database file with an `fsync` that has not failed.
    fn settle(&mut self, batch: BatchId) -> Result<bool, StoreError> {
        let settled = self.try_settle(batch);
        settled.map_err(|Fault { error, .. }| {
            self.connection = None;
            error
        })
    }

    fn try_settle(&mut self, batch: BatchId) -> Result<bool, Fault> {
        let connection = open(&mut self.connection, &self.path).map_err(Fault::refused)?;
        let fault = |error| Fault::of("settling a failed commit", error);
        transaction::begin(connection)?;
        let known = batches::is_known(connection, batch).map_err(fault)?;
        self.ring.put(connection, &batches::VOID, self.clock.now()).map_err(fault)?;
        transaction::commit(connection).map_err(fault)?;
        if known {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(fault)?;
        }
        self.unsettled = false;
        Ok(known)
    }

    pub(super) fn migrate(&mut self) -> Result<SchemaVersion, StoreError> {
        let connection = open(&mut self.connection, &self.path)?;
        let migrated = schema::migrate(&self.path, connection);
        // Its behaviour on `BEGIN` and its statements were the migration's.
        self.connection = None;
        migrated
    }
}

/// The connection, opened if there is none.
fn open<'a>(connection: &'a mut Option<Connection>, path: &std::path::Path) -> Result<&'a mut Connection, StoreError> {
    match connection {
        Some(open) => Ok(open),
        None => {
            let fresh = connection::writer(path).map_err(|error| store_error("opening the file to write", error))?;
            Ok(connection.insert(fresh))
        }
    }
}
