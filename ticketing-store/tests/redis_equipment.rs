//! The throw-away Redis servers do what tests on them rely on.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use ticketing_store::testing::redis::{Cluster, Namespace, Server};

async fn set(server: &Server, value: &str) {
    server.ask::<()>(&["SET", "key", value]).await;
}

async fn get(server: &Server) -> Option<String> {
    server.ask(&["GET", "key"]).await
}

#[tokio::test]
async fn a_server_that_keeps_a_log_has_its_writes_again_after_it_was_killed() {
    let Some(server) = Server::start(&[("appendonly", "yes"), ("appendfsync", "always")]).await else { return };
    set(&server, "1").await;
    server.kill().await;
    server.restart().await;
    assert_eq!(get(&server).await.as_deref(), Some("1"));
    server.flush().await;
    assert_eq!(get(&server).await, None);
}

#[tokio::test]
async fn a_server_without_a_log_has_nothing_after_it_was_killed() {
    let Some(server) = Server::start(&[]).await else { return };
    set(&server, "1").await;
    server.kill().await;
    server.restart().await;
    assert_eq!(get(&server).await, None);
}

#[tokio::test]
async fn a_replica_follows_until_it_is_promoted() {
    let Some(server) = Server::start(&[]).await else { return };
    set(&server, "1").await;
    let replica = server.replica(server.address()).await;
    assert_eq!(get(&replica).await.as_deref(), Some("1"));
    replica.promote().await;
    set(&replica, "2").await;
    assert_eq!(get(&server).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn the_nodes_of_a_cluster_serve_every_key_between_them() {
    let Some(cluster) = Cluster::start().await else { return };
    let mut served = Vec::new();
    for node in cluster.nodes() {
        let info: String = node.ask(&["CLUSTER", "INFO"]).await;
        served.push(info.contains("cluster_slots_ok:16384"));
    }
    assert_eq!(served, [true; 3]);
}

#[tokio::test]
async fn two_tests_have_two_prefixes() {
    let (Some(one), Some(other)) = (Namespace::create().await, Namespace::create().await) else { return };
    assert_ne!(one.prefix(), other.prefix());
    assert!(one.url().contains(one.prefix()));
}

/// Set for the copy of this test that is killed.
const VICTIM: &str = "TICKETING_TEST_REDIS_VICTIM";

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the copy of this test says where its server is")]
async fn a_server_does_not_outlive_the_process_that_started_it() {
    if std::env::var_os(VICTIM).is_some() {
        let server = Server::start(&[]).await.expect("the test that started this one has found Redis");
        println!("at {} in {}", server.address(), server.folder().display());
        std::future::pending::<()>().await;
    }
    let Some(_probe) = Server::start(&[]).await else { return };
    let mut victim = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--exact", "a_server_does_not_outlive_the_process_that_started_it", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a test starts itself");
    let output = std::io::BufReader::new(victim.stdout.take().expect("its output is piped"));
    let line = std::io::BufRead::lines(output).map_while(Result::ok).find(|line| line.contains("at 127"));
    let line = line.expect("it says where its server is");
    let (address, folder) = line[line.find("at ").unwrap() + 3..].split_once(" in ").expect("it says both");
    victim.kill().expect("it is killed");
    victim.wait().expect("it ends");
    let mut gone = false;
    for _ in 0..1_000 {
        gone = std::net::TcpStream::connect(address).is_err() && !std::path::Path::new(folder).exists();
        if gone {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(gone, "the server or its files outlive their test");
}
