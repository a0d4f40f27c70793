//! Reading beside the writer: a few threads, each with a connection of its own.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use ticketing_core::store::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::{
    connection,
    error::{Fault, loses_connection, store_error},
};

/// Threads that read. They share the machine with the writer, and most reads take microseconds.
const READERS: usize = 3;
/// Reads that wait for one of them; more are refused.
const READS_QUEUED_MAX: usize = 4_096;

/// A read: takes the connection, or what happened when it was opened, and tells whether it is lost.
type Job = Box<dyn FnOnce(Result<&Connection, rusqlite::Error>) -> bool + Send>;

/// The way to the readers. Dropped, it waits until they have answered all they were asked.
#[derive(Debug)]
pub(super) struct Readers {
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

/// Why a read was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{READS_QUEUED_MAX} reads wait already, or the readers have stopped")]
struct Refused;

impl Readers {
    pub(super) fn start(path: &Path) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(READS_QUEUED_MAX);
        let queue = Arc::new(Mutex::new(queue));
        let start = |n| {
            let (path, queue) = (path.to_owned(), Arc::clone(&queue));
            thread::Builder::new().name(format!("ticketing-sqlite-reader-{n}")).spawn(move || serve(&path, &queue))
        };
        let threads = (0..READERS).map(start).collect::<Result<_, _>>()?;
        Ok(Self { jobs: Some(jobs), threads })
    }

    /// Runs `read` in one read transaction: all it sees is of one instant.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let found = connection.and_then(|connection| in_one_view(connection, read));
            let lost = found.as_ref().err().is_some_and(loses_connection);
            // Whoever asked may have gone away.
            let _ = reply.send(found.map_err(|error| Fault::of(what, error).error));
            lost
        });
        let jobs = self.jobs.as_ref().expect("the queue is closed only when the store is dropped");
        jobs.try_send(job).map_err(|_| StoreError::unavailable(what, Refused))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::unavailable(what, Refused)))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("a SQLite reader ended in a panic");
            }
        }
    }
}

fn serve(path: &Path, queue: &Mutex<mpsc::Receiver<Job>>) {
    let mut connection: Option<Connection> = None;
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        let opened = match connection.take() {
            Some(connection) => Ok(connection),
            None => connection::reader(path),
        };
        match opened {
            Ok(open) => {
                let lost = job(Ok(&open));
                connection = (!lost).then_some(open);
            }
            Err(error) => {
                job(Err(error));
            }
        }
    }
}

fn in_one_view<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let found = read(connection);
    let ended = connection.prepare_cached("COMMIT")?.execute([]);
    let found = found?;
    ended.map(|_| found)
}

/// Counts the commits that anybody made: SQLite's `data_version`, carried on over reconnections.
pub(super) struct Revision {
    path: PathBuf,
    state: Mutex<RevisionState>,
}

struct RevisionState {
    connection: Option<Connection>,
    seen: Option<i64>,
    revision: u64,
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revision").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Revision {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, state: Mutex::new(RevisionState { connection: None, seen: None, revision: 0 }) }
    }

    /// The present number. Takes microseconds: one look at the log's index in shared memory.
    pub(super) fn now(&self) -> Result<u64, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let version = state.version(&self.path);
        let version = version.map_err(|error| {
            (state.connection, state.seen) = (None, None);
            store_error("reading the data version", error)
        })?;
        if state.seen != Some(version) {
            state.seen = Some(version);
            state.revision += 1;
        }
        Ok(state.revision)
    }
}

impl RevisionState {
    fn version(&mut self, path: &Path) -> rusqlite::Result<i64> {
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self.connection.insert(connection::reader(path)?),
        };
        connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
    }
}
