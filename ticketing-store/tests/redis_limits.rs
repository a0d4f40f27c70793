//! Limits that nodes share, on a server and on a cluster.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use ticketing_store::{
    redis::{RedisLimits, Share},
    testing::redis::{Namespace, Server},
};

fn share(name: &'static str, most: u32, seconds: u64) -> Share {
    Share { name, most, per: Duration::from_secs(seconds) }
}

async fn two_nodes(namespace: &Namespace) -> [RedisLimits; 2] {
    [(); 2].map(|()| RedisLimits::open(namespace.url()).expect("the URL of a test is sound"))
}

async fn nodes_count_together(namespace: Option<Namespace>) {
    let Some(namespace) = namespace else { return };
    let nodes = two_nodes(&namespace).await;
    let limit = [share("hold_per_user", 20, 3_600)];
    let asked = (0..60).map(|n| nodes[n % 2].take("alice", &limit));
    let answers: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 20);
    let waits: BTreeSet<_> = answers.iter().flatten().map(|exceeded| exceeded.wait.as_secs()).collect();
    assert!(waits.iter().all(|wait| (100..=180).contains(wait)), "an hour's twentieth is three minutes: {waits:?}");
    assert_eq!(nodes[0].take("bob", &limit).await.unwrap(), None, "somebody else's are untouched");
    assert_eq!(nodes[1].take("alice", &[share("checkout_per_user", 1, 60)]).await.unwrap(), None);
}

#[tokio::test]
async fn nodes_count_together_on_a_server() {
    nodes_count_together(Namespace::create().await).await;
}

#[tokio::test]
async fn nodes_count_together_on_a_cluster() {
    nodes_count_together(Namespace::on_cluster().await).await;
}

#[tokio::test]
async fn one_limit_that_is_exceeded_leaves_the_others_as_they_are() {
    let Some(namespace) = Namespace::create().await else { return };
    let [node, _] = two_nodes(&namespace).await;
    let (wide, narrow) = (share("wide", 3, 3_600), share("narrow", 1, 3_600));
    assert_eq!(node.take("alice", &[wide, narrow]).await.unwrap(), None);
    for _ in 0..5 {
        assert_eq!(node.take("alice", &[wide, narrow]).await.unwrap().map(|exceeded| exceeded.index), Some(1));
    }
    for room in [true, true, false] {
        assert_eq!(node.take("alice", &[wide]).await.unwrap().is_none(), room);
    }
}

#[tokio::test]
async fn there_is_room_again_once_its_time_has_passed_and_nothing_is_kept() {
    let Some(server) = Server::start(&[]).await else { return };
    let node = RedisLimits::open(&server.url("")).expect("the URL of a test is sound");
    let limit = [Share { name: "quick", most: 1, per: Duration::from_millis(50) }];
    assert_eq!(node.take("alice", &limit).await.unwrap(), None);
    let wait = node.take("alice", &limit).await.unwrap().expect("it is exceeded").wait;
    assert!(wait <= Duration::from_millis(50), "{wait:?}");
    tokio::time::sleep(wait + Duration::from_millis(5)).await;
    assert_eq!(node.take("alice", &limit).await.unwrap(), None);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(server.ask::<Vec<String>>(&["KEYS", "*"]).await, Vec::<String>::new());
}
