//! A Redis server of the benchmarks' own, with a log as one has that sells tickets.

use std::sync::atomic::{AtomicU32, Ordering};

use ticketing_store::testing::redis::Server;

/// How its log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// To disk every second.
    EverySecond,
    /// To disk before anything is acknowledged.
    Always,
}

/// A server, gone with its files when it is dropped.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    shops: AtomicU32,
}

impl Redis {
    /// Starts one; `None`, with a word on stderr, where Redis is not installed.
    pub async fn start(log: Log) -> Option<Self> {
        let appendfsync = match log {
            Log::EverySecond => "everysec",
            Log::Always => "always",
        };
        // A log is rewritten when it has doubled; that is not what is measured.
        let settings = [("appendonly", "yes"), ("appendfsync", appendfsync), ("auto-aof-rewrite-percentage", "0")];
        let server = Server::start(&settings).await?;
        Some(Self { server, shops: AtomicU32::new(0) })
    }

    /// What a store opens: an empty part of it.
    pub fn url(&self) -> String {
        let shop = self.shops.fetch_add(1, Ordering::Relaxed);
        self.server.url(&format!("prefix=bench{shop}"))
    }

    /// Removes everything, so that nothing grows from one measurement to the next.
    pub async fn empty(&self) {
        self.server.flush().await;
    }
}
