//! What the benchmarks are made of: the engine on a real disk, the ways it is compared with, and a
//! load client.

pub mod disk;
pub mod engine;
pub mod http;
pub mod pairs;
pub mod postgres;
pub mod redis;
pub mod reference;
pub mod report;
pub mod server;
pub mod shop;

/// Why a benchmark could not be run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
