//! What a server tells about itself while a shop does all that it does: its log and its metrics.

mod canary;
mod flow;
mod metrics;
#[path = "../process/mod.rs"]
mod process;
#[path = "../store/mod.rs"]
mod store;
