//! The world that the engine runs in: its time, its threads, its network, its store and its gateway.

pub mod bank;
pub mod executor;
pub mod faults;
pub mod nodes;
pub mod store;
pub mod time;
pub mod trace;
