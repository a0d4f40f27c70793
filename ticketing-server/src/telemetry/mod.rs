//! What the server tells about itself: log lines, trace ids and metrics.

mod actions;
mod cors;
pub mod described;
pub mod front;
mod ledger;
pub mod logs;
pub mod metrics;
mod otlp;
pub(crate) mod spans;
mod trace;

pub(crate) use self::{cors::Cors, ledger::LedgerGauges, trace::TraceIds};
