//! What every handler shares.

use std::{ops::Deref, sync::Arc};

use ticketing_core::{Ticketing, clock::Clock};
use tokio::sync::watch;

use crate::{
    auth::{jwt::AccessTokens, passwords::Passwords},
    cache::Rendered,
    capacity::{Capacity, Streams},
    config::{AddressBlock, Config},
    gateway::{sandbox::Sandbox, signature::Verifier},
    limits::Limits,
    telemetry::{Cors, LedgerGauges, TraceIds, metrics::Metrics, spans::Spans},
};

/// The server's state. Cheap to clone; every clone is the same server.
#[derive(Debug, Clone)]
pub struct App(Arc<Shared>);

/// The parts of an [`App`].
#[derive(Debug)]
pub struct Shared {
    /// The engine.
    pub ticketing: Ticketing,
    /// What the server was told.
    pub config: Arc<Config>,
    /// The sandbox gateway, unless a real one takes the money.
    pub sandbox: Option<Arc<Sandbox>>,
    /// Checks the gateway's callbacks.
    pub callback_verifier: Verifier,
    /// What links that leave the server start with; no slash at the end.
    pub public_url: Arc<str>,
    /// The engine's clock.
    pub clock: Arc<dyn Clock>,
    /// Issues and checks access tokens.
    pub tokens: AccessTokens,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// How often who may ask.
    pub limits: Limits,
    /// How many requests are worked on at once.
    pub capacity: Capacity,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Whether the server is on its way out.
    pub lifecycle: Lifecycle,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: Vec<AddressBlock>,
    pub(crate) streams: Streams,
    pub(crate) spans: Option<Spans>,
    pub(crate) ledger: LedgerGauges,
    pub(crate) rendered: Rendered,
    pub(crate) trace_ids: TraceIds,
    pub(crate) cors: Cors,
}

impl App {
    /// A server of these parts.
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Whether the server takes requests, or finishes what it has.
#[derive(Debug)]
pub struct Lifecycle {
    draining: watch::Sender<bool>,
}

impl Lifecycle {
    /// A server that takes requests.
    pub fn new() -> Self {
        Self { draining: watch::Sender::new(false) }
    }

    /// From now on the server is not ready, and long answers come to their end.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Whether it finishes what it has.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Comes to its end as soon as the server is draining: for answers that would never end.
    pub async fn drained(&self) {
        // The sender lives as long as `self`.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}
