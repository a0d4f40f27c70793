//! Reading beside the writer: a few threads, each with a connection of its own.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
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

/// Why a read has no answer.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{READS_QUEUED_MAX} reads wait already")]
    Full,
    #[error("the readers have stopped")]
    Stopped,
    #[error("the reader broke off without an answer")]
    BrokenOff,
}

impl Refused {
    fn of(error: &mpsc::error::TrySendError<Job>) -> Self {
        match error {
            mpsc::error::TrySendError::Full(_) => Self::Full,
            mpsc::error::TrySendError::Closed(_) => Self::Stopped,
        }
    }
}

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
        jobs.try_send(job).map_err(|error| StoreError::unavailable(what, Refused::of(&error)))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::unavailable(what, Refused::BrokenOff)))
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
                // A read that panics loses its own answer, and no other read its reader.
                let lost = catch_unwind(AssertUnwindSafe(|| job(Ok(&open)))).unwrap_or(true);
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

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs};

    use super::*;

    fn one(readers: &Readers) -> impl Future<Output = Result<i64, StoreError>> {
        readers.ask("counting", |connection| connection.query_row("SELECT 1", [], |row| row.get(0)))
    }

    fn readers() -> (tempfile::TempDir, PathBuf, Readers) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ticketing.db");
        connection::prepare(&path).unwrap();
        let readers = Readers::start(&path).unwrap();
        (folder, path, readers)
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_told_to_whoever_reads() {
        let (folder, path, readers) = readers();
        let away = folder.path().join("away.db");
        fs::rename(&path, &away).unwrap();
        for _ in 0..=READERS {
            let error = one(&readers).await.unwrap_err();
            let source = error.source().expect("the cause is kept").to_string();
            assert!(error.to_string().contains("counting") && source.contains("unable to open"), "{error}: {source}");
        }
        fs::rename(&away, &path).unwrap();
        assert_eq!(one(&readers).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_read_that_panics_costs_no_other_read_its_reader() {
        let (_folder, _path, readers) = readers();
        for _ in 0..=READERS {
            let panics = |_: &Connection| -> rusqlite::Result<()> { panic!("a test") };
            let error = readers.ask("panicking", panics).await.unwrap_err();
            let source = error.source().expect("the cause is kept").to_string();
            assert!(source.contains("broke off"), "{source}");
        }
        assert_eq!(one(&readers).await.unwrap(), 1);
    }
}
