//! Health, readiness, metrics, and the end of a server.

use reqwest::StatusCode;
use serde_json::json;
use ticketing_server::telemetry::described::METRICS;
use ticketing_store::testing::redis::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    server::{PASSWORD, TestServer, expect, header},
    shop::Shop,
    store::Store,
};

pub async fn a_server_tells_how_it_is(store: &Store) {
    let server = TestServer::start(store).await;
    let healthy = expect(server.get("/healthz").send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(healthy, json!({ "status": "ok" }));
    let ready = expect(server.get("/readyz").send().await.unwrap(), StatusCode::OK).await;
    let checks = json!({ "store": "ok", "queue": "ok", "draining": false, "durability": store.durability() });
    assert_eq!(ready, json!({ "status": "ready", "checks": checks }));
}

pub async fn requests_are_counted_by_route_and_not_by_path(store: &Store) {
    let server = TestServer::start(store).await;
    server.get("/api/events/event_of_nobody_in_particular").send().await.unwrap();
    let response = server.get("/metrics").send().await.unwrap();
    assert!(header(&response, "content-type").starts_with("text/plain"));
    let text = response.text().await.unwrap();
    let counted = r#"http_requests_total{method="GET",route="/api/events/{event_id}",status="4xx"}"#;
    assert!(text.contains(counted), "{text}");
    assert!(text.contains("http_request_duration_seconds_bucket"), "{text}");
    assert!(!text.contains("nobody_in_particular"), "{text}");
}

pub async fn every_metric_is_explained_and_batches_are_counted_in_commands(store: &Store) {
    let server = TestServer::start(store).await;
    server.signup("a@example.com").await;
    let text = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not explained in {text}");
    }
    assert!(text.contains(r#"ticketing_batch_size_bucket{le="1"}"#), "{text}");
    assert!(text.contains(r#"ticketing_batch_size_bucket{le="1024"}"#), "{text}");
}

/// Buys, gives back, lets in, refuses and mistakes: afterwards only the names of faults may be missing.
pub async fn what_is_counted_is_what_is_documented(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 2})).await.success();
    let paid = json!({"pgPaymentId": checkout.text("pgPaymentId"), "status": "SUCCESS"});
    shop.callback(&paid).await.expect(200);
    shop.admin_post(&format!("/api/admin/orders/{}/refund", checkout.text("orderId")), json!({})).await.success();
    buyer.get("/api/me").await.expect(200);
    let email = json!({"email": "nobody@example.com", "password": PASSWORD});
    buyer.post("/api/auth/login", email).await.expect(401);
    let text = shop.server.get("/metrics").send().await.unwrap().text().await.unwrap();
    let left = format!("ticketing_inventory_remaining{{session_id=\"{session}\"}} 5");
    assert!(text.lines().any(|line| line == left), "{left} in {text}");
    let known = |name: &str| METRICS.iter().any(|(_, known, ..)| *known == name);
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(known(name), "{name} is not documented");
        let (told, ..) = METRICS.iter().find(|(_, known, ..)| *known == name).unwrap();
        assert_eq!(told.name(), kind, "{name}");
    }
    for name in [
        "queue_enqueue_total",
        "queue_allowed_total",
        "hold_success_total",
        "payment_succeed_total",
        "checkout_total",
        "refund_requested_total",
        "batch_size",
        "batch_duration_seconds",
        "outbox_pending",
        "outbox_oldest_seconds",
        "login_refused_total",
        "backlog",
        "lane_length",
    ] {
        assert!(text.contains(&format!("\n# TYPE ticketing_{name} ")), "{name} is not shown: {text}");
    }
}

pub async fn a_server_that_is_told_to_stop_is_not_ready_and_finishes_what_is_in_flight(store: &Store) {
    let mut server = TestServer::start(store).await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let body = json!({ "email": "late@example.com", "password": PASSWORD }).to_string();
    let head = format!(
        "POST /api/auth/signup HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request is in flight.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.begin_to_stop();
    server.app.lifecycle.drained().await;
    let looked = server.get("/readyz").header("connection", "close").send().await.unwrap();
    let told = expect(looked, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!((&told["reason"], &told["checks"]["draining"]), (&json!("not_ready"), &json!(true)));
    let asked = server.get("/api/events").header("connection", "close").send().await.unwrap();
    assert!(!header(&asked, "retry-after").is_empty());
    assert_eq!(expect(asked, StatusCode::SERVICE_UNAVAILABLE).await["reason"], "shutting_down");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    server.stop().await;
    assert!(TcpStream::connect(&address).await.is_err(), "a new connection was taken");
}

/// A client that sends all before it reads: the answer must not be lost with the connection.
pub async fn who_sends_too_much_gets_to_see_the_answer(store: &Store) {
    let server = TestServer::start(store).await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let body = vec![b' '; 1024 * 1024];
    let head = format!(
        "POST /api/auth/signup HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.expect("the server reads on");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

pub async fn a_draining_server_is_not_ready(store: &Store) {
    let server = TestServer::start(store).await;
    server.app.lifecycle.drain();
    let problem = expect(server.get("/readyz").send().await.unwrap(), StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!((&problem["reason"], &problem["checks"]["draining"]), (&json!("not_ready"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_ledger_has_lost_something_is_not_ready() {
    let Some(redis) = Server::start(&[]).await else { return };
    let server = TestServer::with(&Store::Memory, |config| config.store.url = redis.url("")).await;
    expect(server.get("/readyz").send().await.unwrap(), StatusCode::OK).await;
    redis.flush().await;
    let problem = expect(server.get("/readyz").send().await.unwrap(), StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!((&problem["reason"], &problem["checks"]["store"]), (&json!("not_ready"), &json!("halted")));
}
