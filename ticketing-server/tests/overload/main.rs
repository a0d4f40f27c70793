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
