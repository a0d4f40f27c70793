//! The file system that everything durable is measured on, and what it can do.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use ticketing_core::clock::{Clock, SystemClock};

use crate::Failure;

/// Where benchmarks write: `TICKETING_BENCH_DIR`, or `target/bench` of the workspace. Not the
/// system's temporary directory, which often is memory.
///
/// # Errors
/// When it cannot be made.
pub fn bench_dir() -> Result<PathBuf, Failure> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("bench");
    let dir = env::var_os("TICKETING_BENCH_DIR").map_or_else(usual, PathBuf::from);
    fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(dir)
}

/// A directory of its own for one measurement, gone when it is dropped.
///
/// # Errors
/// When it cannot be made.
pub fn scratch() -> Result<TempDir, Failure> {
    Ok(tempfile::Builder::new().prefix("run-").tempdir_in(bench_dir()?)?)
}

/// A SQLite file of its own for one measurement, gone when it is dropped.
#[derive(Debug)]
pub struct StoreFile {
    dir: TempDir,
}

impl StoreFile {
    /// Room for one on the benchmarks' disk.
    ///
    /// # Errors
    /// When there is none.
    pub fn new() -> Result<Self, Failure> {
        Ok(Self { dir: scratch()? })
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("ticketing.db")
    }

    /// What a store opens.
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }
}

/// How long each of `count` small appends to a file took to become durable.
///
/// # Errors
/// When the file cannot be written.
pub fn fdatasync_times(count: usize) -> Result<Vec<Duration>, Failure> {
    let (dir, clock) = (scratch()?, SystemClock::new());
    let mut file = fs::File::create(dir.path().join("appended"))?;
    let page = [7_u8; 4_096];
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        file.write_all(&page)?;
        let begun = clock.now();
        file.sync_data()?;
        times.push(clock.now().since(begun));
    }
    Ok(times)
}
