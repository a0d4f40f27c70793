//! Redis servers of the tests' own, from the `redis-server` that is installed: see [`Namespace`] for a part of
//! the server, or cluster, that all tests of a process share, and [`Server`] for one to kill.
//!
//! Nothing outlives the test process, however it ends: a shell of its own kills the server and removes its
//! files as soon as the process is gone.

mod cluster;
mod keeper;
mod namespace;
mod server;

use std::{
    env,
    io::{self, Write},
    process::{Command, Stdio},
    sync::{Once, OnceLock},
};

pub use self::{cluster::Cluster, namespace::Namespace, server::Server};

/// Whether there is a `redis-server`; if not, a word about why tests are skipped and what would help: a package,
/// or the `alternative`.
fn installed(alternative: &str) -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    static SAID: Once = Once::new();
    let found = *FOUND.get_or_init(|| {
        let asked = Command::new("redis-server").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    });
    if !found {
        let why = format!("no Redis for the tests: install the package `redis-server`{alternative}");
        assert!(env::var_os("CI").is_none(), "{why}");
        SAID.call_once(|| {
            // Not `eprintln!`, which the test runner keeps to itself when a test passes.
            let _ = writeln!(io::stderr(), "SKIPPED: {why}");
        });
    }
    found
}
