//! What the server tells about itself: log lines, trace ids and metrics.

mod actions;
mod cors;
pub mod front;
pub mod logs;
pub mod metrics;
mod trace;

pub(crate) use self::{cors::Cors, trace::TraceIds};
