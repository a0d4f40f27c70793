//! What tests on real servers and real sockets are made of: throw-away [`postgres`] and [`redis`](self::redis)
//! servers, and a [`proxy`] in front of them that loses replies on demand.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use ticketing_store::testing::postgres::{Database, connect};
//!
//! // `None` on a desk without Postgres, with a word about it on stderr; under CI that is a failure.
//! let Some(database) = Database::create().await else { return };
//! let client = connect(database.url()).await;
//! client.batch_execute("CREATE TABLE notes (text text)").await.expect("an empty database takes a table");
//! # }
//! ```

pub mod postgres;
pub mod proxy;
pub mod redis;

use std::{env, panic, path::PathBuf, process::Command};

/// Runs what blocks without stopping the other tasks of the test.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|failed| panic::resume_unwind(failed.into_panic()))
}

/// Where servers that wait for no disk have their folders: in memory, if there is a lot of it, where making
/// a database takes a tenth of the time; unless `TMPDIR` says otherwise.
fn fast_place() -> PathBuf {
    const MEMORY: &str = "/dev/shm";
    const NEEDED_KIB: u64 = 2 << 20;
    let roomy = env::var_os("TMPDIR").is_none() && free_kib(MEMORY).is_some_and(|free| free >= NEEDED_KIB);
    if roomy { MEMORY.into() } else { env::temp_dir() }
}

fn free_kib(folder: &str) -> Option<u64> {
    let output = Command::new("df").args(["-Pk", folder]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}
