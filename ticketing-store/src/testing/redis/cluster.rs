//! A cluster of three nodes.

use std::{sync::OnceLock, thread, time::Duration};

use super::{
    installed,
    server::{Server, ask, command},
};
use crate::testing::blocking;

const NODES: u16 = 3;
const SLOTS: u16 = 16_384;
/// How long the nodes may take to agree.
const AGREE_WITHIN: Duration = Duration::from_secs(30);
const ASKED_EVERY: Duration = Duration::from_millis(20);

/// Three nodes that share the slots between them.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// The one that all tests of this process share. `None` where there is no Redis and the test is to be
    /// skipped.
    ///
    /// # Panics
    /// When it does not start; under CI when there is no Redis.
    pub async fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        if !installed("") {
            return None;
        }
        Some(blocking(|| SHARED.get_or_init(Self::form)).await)
    }

    /// A new one.
    ///
    /// # Panics
    /// As [`Self::shared`].
    pub async fn start() -> Option<Self> {
        if !installed("") {
            return None;
        }
        Some(blocking(Self::form).await)
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Its URL, for [`open`](crate::open), with `parameters` such as `prefix=shop`.
    pub fn url(&self, parameters: &str) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| node.address().to_string()).collect();
        format!("redis+cluster://{}?{parameters}", nodes.join(","))
    }

    fn form() -> Self {
        let settings = [("cluster-enabled", "yes"), ("cluster-node-timeout", "2000")];
        let settings: Vec<_> = settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let nodes: Vec<Server> = (0..NODES).map(|_| Server::start_blocking(&settings)).collect();
        let ports: Vec<u16> = nodes.iter().map(|node| node.address().port()).collect();
        let tell = |port: u16, words: &[&str]| {
            let told = ask::<()>(port, &command(words));
            told.unwrap_or_else(|error| panic!("{}: {error}", words.join(" ")));
        };
        for (n, port) in (0..NODES).zip(&ports) {
            let (first, last) = (SLOTS / NODES * n, if n + 1 == NODES { SLOTS } else { SLOTS / NODES * (n + 1) } - 1);
            tell(*port, &["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
            tell(*port, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        for port in &ports[1..] {
            tell(ports[0], &["CLUSTER", "MEET", "127.0.0.1", &port.to_string()]);
        }
        let agreed = |port: u16| {
            let info: String = ask(port, &command(&["CLUSTER", "INFO"])).unwrap_or_default();
            info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{NODES}"))
        };
        for _ in 0..AGREE_WITHIN.as_millis() / ASKED_EVERY.as_millis() {
            if ports.iter().all(|port| agreed(*port)) {
                return Self { nodes };
            }
            thread::sleep(ASKED_EVERY);
        }
        panic!("the nodes of a cluster did not agree in {AGREE_WITHIN:?}");
    }
}
