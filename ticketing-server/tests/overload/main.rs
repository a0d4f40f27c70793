//! More than a server can do, and clients that only cost it: everybody else is served.

mod connection;
mod crowd;
mod latencies;
mod overload;
#[path = "../process/mod.rs"]
mod process;
mod shop;
mod slow_headers;
#[path = "../store/mod.rs"]
mod store;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Mutex;

/// Each of these tests wants the cores for itself.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Sees to it that this process may have so many files open: often it may by default have 1,024.
fn may_open(files: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < files) {
        let raised = Rlimit { current: Some(files), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).unwrap_or_else(|error| panic!("{files} open files are needed: {error}"));
    }
}
