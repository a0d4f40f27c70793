//! Servers and what they stand on, started here to be broken.

mod fault;
mod gateway;
mod ground;
mod node;
mod probe;
mod queue;
mod report;
mod site;
mod way;

use clap::ValueEnum;

pub use self::{
    fault::{Fault, Kind},
    report::{FaultReport, KindReport},
    site::Site,
};

/// What the servers stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Setup {
    /// One server on a file
    Sqlite,
    /// Several servers on a database server of their own
    Postgres,
    /// The same, with their waiting rooms on a Redis server of their own
    #[value(name = "postgres+redis")]
    PostgresRedis,
}
