//! Postgres servers of the tests' own, from the binaries that are installed: see [`Database`] for one of
//! the databases on the server that all tests of a process share, and [`Cluster`] for a server to kill.
//!
//! Nothing outlives the test process, however it ends: a shell of its own stops the server and removes its
//! files as soon as the process is gone.

mod cluster;
mod database;
mod keeper;
mod programs;
mod server_url;

use std::{
    env,
    io::{self, Write},
    sync::Once,
};

use tokio_postgres::{Client, NoTls};

use self::programs::Programs;
pub use self::{cluster::Cluster, database::Database};
use super::blocking;

/// A client of the database at `url`. The connection ends with the client, or with the test's runtime.
///
/// # Panics
/// When nobody answers at `url`.
pub async fn connect(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.unwrap_or_else(|error| panic!("no connection to {url}: {error:?}"));
    tokio::spawn(async {
        // It fails when a test kills its server; the client then says so.
        let _ = connection.await;
    });
    client
}

/// The programs to make a server from, or a word about why tests are skipped and what would help: a
/// package, or the `alternative`.
fn programs(alternative: &str) -> Option<&'static Programs> {
    static SAID: Once = Once::new();
    match Programs::find() {
        Ok(programs) => Some(programs),
        Err(missing) => {
            let why = format!("no Postgres for the tests: {missing}; install the package `postgresql`{alternative}");
            assert!(env::var_os("CI").is_none(), "{why}");
            SAID.call_once(|| {
                // Not `eprintln!`, which the test runner keeps to itself when a test passes.
                let _ = writeln!(io::stderr(), "SKIPPED: {why}");
            });
            None
        }
    }
}

/// Runs `work` on a runtime of its own, which no test's end takes away from it.
fn on_own_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime for the equipment starts").block_on(work)
}
