//! The Redis store keeps every promise of the storage traits, and the engine its own on it; on one server and on
//! a cluster.

use std::sync::Arc;

use ticketing_core::{clock::Clock, testing::Fixture};
use ticketing_store::{OpenOptions, Role, open, testing::redis::Namespace};

fn fixture(namespace: Namespace, clock: Arc<dyn Clock>) -> Fixture {
    let options = OpenOptions { clock: Some(clock), ..OpenOptions::new(Role::Server) };
    let store = open(namespace.url(), options).expect("a test's URL is read");
    Fixture::of(store).keeping(namespace)
}

async fn redis(clock: Arc<dyn Clock>) -> Option<Fixture> {
    Some(fixture(Namespace::create().await?, clock))
}

async fn redis_cluster(clock: Arc<dyn Clock>) -> Option<Fixture> {
    Some(fixture(Namespace::on_cluster().await?, clock))
}

mod server {
    use super::redis;
    ticketing_core::conformance!(redis);
}

mod cluster {
    use super::redis_cluster;
    ticketing_core::conformance!(redis_cluster);
}
