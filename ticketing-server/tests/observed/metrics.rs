//! What `/metrics` shows is what docs/metrics.md explains, and the other way round.

use std::collections::{BTreeMap, BTreeSet};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{flow, process::Server, store::Store};

const TABLE: &str = include_str!("../../../docs/metrics.md");
/// What the list of those that no flow brings about begins with.
const FAULTS: &str = "Seen only after a fault:";

/// What is known of a metric: its type and its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    kind: String,
    labels: BTreeSet<String>,
}

/// The metrics that are shown.
fn shown(text: &str) -> BTreeMap<String, Shape> {
    let mut found = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not explained in {text}");
        let series = text.lines().filter(|line| !line.starts_with('#')).filter(|line| {
            let rest = line.strip_prefix(name).unwrap_or("x");
            let rest = ["_bucket", "_sum", "_count"].iter().find_map(|end| rest.strip_prefix(end)).unwrap_or(rest);
            rest.starts_with(['{', ' '])
        });
        let labels = series.filter_map(|line| line.split_once('{')).flat_map(|(_, rest)| {
            let labels = rest.rsplit_once('}').unwrap().0.split("\",").filter_map(|label| label.split_once('='));
            labels.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        });
        let labels = labels.filter(|label| label != "le").collect();
        found.insert(name.to_owned(), Shape { kind: kind.to_owned(), labels });
    }
    found
}

/// The metrics of the table.
fn explained() -> BTreeMap<String, Shape> {
    let mut found = BTreeMap::new();
    for line in TABLE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, _] = cells[..] else { panic!("four cells: {line}") };
        let labels = labels.split(',').map(|label| label.trim().trim_matches('`').to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        let known = found.insert(name.trim_matches('`').to_owned(), Shape { kind: kind.to_owned(), labels });
        assert!(known.is_none(), "{name} stands in the table twice");
    }
    assert!(found.len() > 30, "only {} in the table", found.len());
    found
}

/// Those that are said to appear only when something goes wrong.
fn of_faults() -> BTreeSet<&'static str> {
    let (_, text) = TABLE.split_once(FAULTS).expect("a sentence about faults");
    let text = text.split("\n\n").next().unwrap_or_default();
    text.split('`').skip(1).step_by(2).collect()
}

async fn scrape(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    text.to_owned()
}

async fn check(store: &Store) {
    let server = Server::start(&store.url());
    flow::everything(server.address).await;
    let (shown, explained, faults) = (shown(&scrape(&server).await), explained(), of_faults());
    let unexplained: Vec<_> = shown.keys().filter(|name| !explained.contains_key(*name)).collect();
    assert!(unexplained.is_empty(), "docs/metrics.md says nothing of {unexplained:?}");
    for (name, shape) in &explained {
        match shown.get(name) {
            Some(found) => assert_eq!(found, shape, "{name}: shown, and explained"),
            None => assert!(faults.contains(name.as_str()), "{name} is explained and not shown"),
        }
    }
    let unknown: Vec<_> = faults.iter().filter(|name| !explained.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "there is no {unknown:?}");
}

#[tokio::test]
async fn what_is_shown_is_explained_and_what_is_explained_is_shown_on_sqlite() {
    check(&Store::sqlite().await.unwrap()).await;
}

#[tokio::test]
async fn what_is_shown_is_explained_and_what_is_explained_is_shown_on_postgres() {
    if let Some(store) = Store::postgres().await {
        check(&store).await;
    }
}

#[tokio::test]
async fn stock_the_outbox_and_the_door_are_counted_as_they_are() {
    let store = Store::sqlite().await.unwrap();
    let server = Server::start(&store.url());
    flow::everything(server.address).await;
    let text = scrape(&server).await;
    let value = |series: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    };
    // Sold: one that was used, one on the sandbox's page; one was given back.
    let left: Vec<_> = text.lines().filter(|line| line.starts_with("ticketing_inventory_remaining{")).collect();
    assert!(left.iter().any(|line| line.ends_with(" 98")), "{left:?}");
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(value("ticketing_outbox_pending").to_bits(), 0.0_f64.to_bits());
    for (series, count) in [
        ("ticketing_hold_success_total", 6.0),
        ("ticketing_hold_fail_total", 3.0),
        ("ticketing_payment_succeed_total", 3.0),
        ("ticketing_payment_fail_total", 1.0),
        ("ticketing_refund_completed_total", 2.0),
        ("ticketing_refund_requested_total{reason=\"organiser\"}", 1.0),
        ("ticketing_ticket_scan_total{result=\"admitted\"}", 1.0),
        ("ticketing_ticket_scan_total{result=\"replayed\"}", 1.0),
        ("ticketing_login_refused_total", 2.0),
        ("ticketing_login_started_total", 3.0),
    ] {
        assert!((value(series) - count).abs() < f64::EPSILON, "{series} is {}, not {count}", value(series));
    }
}
