//! The Redis server that the servers' waiting rooms stand in.

use std::time::Duration;

use fastrand::Rng;
use ticketing_store::testing::{proxy::Proxy, redis::Server};

use super::{fault::RedisFault, way};
use crate::error::SimError;

/// A Redis server of its own, and the only way to it.
#[derive(Debug)]
pub struct Queue {
    /// The server.
    pub server: Server,
    /// The way.
    pub way: Proxy,
}

impl Queue {
    /// Starts one that writes everything down before it answers.
    ///
    /// # Errors
    /// [`SimError::Usage`] when there is no Redis on this machine.
    pub async fn start() -> Result<Self, SimError> {
        let server = Server::start(&[("appendonly", "yes"), ("appendfsync", "always")]).await;
        let server = server.ok_or_else(|| {
            SimError::Usage("there is no Redis on this machine: install the package `redis-server`".to_owned())
        })?;
        let way = Proxy::start(server.address());
        Ok(Self { server, way })
    }

    /// Its URL for the servers.
    pub fn url(&self) -> String {
        self.server.url_through(self.way.address(), "")
    }

    /// Breaks for about so long; whether anybody can have noticed.
    pub async fn suffer(&self, fault: RedisFault, lasting: Duration, rng: &mut Rng) -> bool {
        match fault {
            RedisFault::Kill => {
                self.server.kill().await;
                tokio::time::sleep(lasting / 4).await;
                self.server.restart().await;
            }
            RedisFault::Pause => self.pause(lasting * 2).await,
            RedisFault::Flush => self.server.flush().await,
            RedisFault::Cut => way::cut(&self.way, lasting / 2).await,
            RedisFault::Delay => return way::slow_down(&self.way, lasting, rng).await,
        }
        true
    }

    /// It keeps its connections and says nothing for `time`.
    async fn pause(&self, time: Duration) {
        self.server.freeze().await;
        tokio::time::sleep(time).await;
        self.server.thaw().await;
    }
}
