//! A Postgres server of the benchmarks' own, durable as one is that sells tickets.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;
use ticketing_store::testing::postgres::Cluster;

use crate::{Failure, disk};

/// As Postgres comes: what the tests' servers are spared is done here.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "128MB"),
    ("max_wal_size", "1GB"),
];
/// The database that every server has.
const FIRST: &str = "postgres";

/// A server on the benchmarks' disk, gone with its files when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
    databases: AtomicU32,
    _dir: TempDir,
}

/// An empty database of its own for one measurement.
#[derive(Debug)]
pub struct Database<'a> {
    server: &'a Postgres,
    name: String,
}

impl Postgres {
    /// Starts one; `None`, with a word on stderr, where Postgres is not installed.
    ///
    /// # Errors
    /// When there is no place for it.
    pub async fn start() -> Result<Option<Self>, Failure> {
        let dir = disk::scratch()?;
        // Root's servers run as somebody else.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let cluster = Cluster::start_in(dir.path(), SETTINGS).await;
        Ok(cluster.map(|cluster| Self { cluster, databases: AtomicU32::new(0), _dir: dir }))
    }

    /// Makes an empty database.
    pub async fn database(&self) -> Database<'_> {
        let name = format!("bench_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.cluster.execute(FIRST, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        // What the last measurement left to be written shall not be written during the next.
        self.cluster.execute(FIRST, "CHECKPOINT").await;
        Database { server: self, name }
    }
}

impl Database<'_> {
    /// What a store opens.
    pub fn url(&self) -> String {
        self.server.cluster.url(&self.name)
    }

    /// Removes it, whoever is connected: nobody cleans it up while the next one is measured.
    pub async fn remove(self) {
        self.server.cluster.execute(FIRST, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}
