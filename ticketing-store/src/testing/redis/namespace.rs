//! A part of a server, for one test alone.

use std::{env, net::SocketAddr, sync::OnceLock};

use super::{cluster::Cluster, installed, server::Server};
use crate::testing::blocking;

/// Names a server to use instead of one of the process's own, as `redis://HOST:PORT`. What a test writes there
/// has a prefix of its own, and is removed again.
const SERVER_VARIABLE: &str = "TICKETING_TEST_REDIS_URL";

/// A prefix of its own on the server, or the cluster, that all tests of this process share.
#[derive(Debug)]
pub struct Namespace {
    url: String,
    prefix: String,
    /// Where the server listens.
    address: Option<SocketAddr>,
    /// The server that was there before, which must not keep anything.
    given: Option<String>,
}

impl Namespace {
    /// One on a server. `None` where there is no Redis and the test is to be skipped.
    ///
    /// # Panics
    /// When the server does not start; under CI when there is no Redis.
    pub async fn create() -> Option<Self> {
        let prefix = unique();
        if let Ok(given) = env::var(SERVER_VARIABLE) {
            let url = format!("{given}{}prefix={prefix}", if given.contains('?') { '&' } else { '?' });
            return Some(Self { url, prefix, address: None, given: Some(given) });
        }
        static SHARED: OnceLock<Server> = OnceLock::new();
        if !installed(&format!(" or set {SERVER_VARIABLE}")) {
            return None;
        }
        let server = blocking(|| SHARED.get_or_init(|| Server::start_blocking(&[]))).await;
        let url = server.url(&format!("prefix={prefix}"));
        Some(Self { url, prefix, address: Some(server.address()), given: None })
    }

    /// One on a cluster of three nodes. `None` where there is no Redis and the test is to be skipped.
    ///
    /// # Panics
    /// When the cluster does not start; under CI when there is no Redis.
    pub async fn on_cluster() -> Option<Self> {
        let prefix = unique();
        let url = Cluster::shared().await?.url(&format!("prefix={prefix}"));
        Some(Self { url, prefix, address: None, given: None })
    }

    /// Its URL, for [`open`](crate::open).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What its keys begin with, in braces.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where its server listens, if the process has started it.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let Some(given) = &self.given else { return };
        let pattern = format!("{{{}*", self.prefix);
        let removed = ::redis::Client::open(given.as_str()).and_then(|client| {
            let mut connection = client.get_connection()?;
            let keys: Vec<Vec<u8>> = ::redis::cmd("KEYS").arg(pattern).query(&mut connection)?;
            for keys in keys.chunks(1_000) {
                ::redis::cmd("UNLINK").arg(keys).exec(&mut connection)?;
            }
            Ok(())
        });
        if let Err(error) = removed {
            assert!(std::thread::panicking(), "{}: {error}", self.prefix);
        }
    }
}

fn unique() -> String {
    format!("t{:016x}", getrandom::u64().expect("the system gives random numbers"))
}
