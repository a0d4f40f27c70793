//! How often who may ask, how much is worked on at once, and what happens to the rest.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use axum::{Router, routing::get};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use ticketing_server::telemetry::front;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    server::{PASSWORD, TestServer, expect, header},
    shop::{Answer, Shop},
    store::Store,
};

/// How often something is asked that is allowed once.
const TOO_OFTEN: usize = 20;

async fn ask(server: &TestServer, method: &str, path: &str, token: &str, body: Value) -> Answer {
    let request = server.request(method.parse().unwrap(), path).header("idempotency-key", "key");
    let request = if token.is_empty() { request } else { request.bearer_auth(token) };
    Answer::read(request.json(&body).send().await.unwrap()).await
}

pub async fn each_stage_refuses_beyond_its_own_limit_and_says_when_to_come_back(store: &Store) {
    let server = TestServer::with(store, |config| {
        config.limits.queue_per_user_per_second = 1;
        config.limits.hold_per_user_per_second = 1;
        config.limits.checkout_per_user_per_second = 1;
    })
    .await;
    let (eager, calm) = (server.buyer().await, server.buyer().await);
    for (method, path) in [
        ("GET", "/api/queue/status"),
        ("POST", "/api/queue/token"),
        ("POST", "/api/reservations/hold"),
        ("POST", "/api/payments/checkout"),
    ] {
        let all = join_all((0..TOO_OFTEN).map(|_| ask(&server, method, path, &eager.token, json!({})))).await;
        let refused: Vec<_> = all.into_iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).collect();
        assert!(!refused.is_empty(), "{method} {path}");
        refused.into_iter().for_each(|answer| _ = answer.refused(429, "rate_limited"));
    }
    // Neither another user's requests nor another stage's count.
    ask(&server, "POST", "/api/reservations/hold", &calm.token, json!({})).await.expect(400);
    ask(&server, "GET", "/api/me", &eager.token, json!({})).await.expect(200);
}

pub async fn each_stage_has_a_limit_per_address_whoever_asks(store: &Store) {
    let server = TestServer::with(store, |config| {
        config.limits.hold_per_address_per_second = 1;
        config.limits.callback_per_address_per_second = 1;
    })
    .await;
    for path in ["/api/reservations/hold", "/api/payments/callback"] {
        let all = join_all((0..TOO_OFTEN).map(|_| ask(&server, "POST", path, "", json!({})))).await;
        assert!(all.into_iter().any(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS), "{path}");
    }
    ask(&server, "POST", "/api/payments/checkout", "", json!({})).await.refused(401, "token_required");
}

pub async fn signing_up_with_one_address_has_a_limit_wherever_it_is_tried_from(store: &Store) {
    let server = TestServer::with(store, |config| config.limits.signup_per_account_per_minute = 1).await;
    expect(server.signup("kim@example.com").await, StatusCode::CREATED).await;
    server.problem(server.signup("KIM@example.com").await, 429, "rate_limited").await;
    expect(server.signup("lee@example.com").await, StatusCode::CREATED).await;
}

pub async fn a_rush_for_holds_is_refused_at_once_and_takes_no_room_from_anything_else(store: &Store) {
    let shop = Shop::open_with(store, |config| config.concurrency.hold_max = 1).await;
    let session = shop.session(1_000, json!({ "queue": { "mode": "OFF" } })).await;
    let buyers = join_all((0..100).map(|_| shop.buyer())).await;
    let log = Log::default();
    let logging = log.start();
    let rush = join_all(buyers.iter().map(|buyer| {
        let body = json!({ "sessionId": session, "quantity": 1 });
        buyer.hold_with("key", body)
    }));
    let others = join_all((0..50).map(async |turn: usize| match turn % 3 {
        0 => shop.raw_callback(None, "{}".to_owned()).await.refused(401, "bad_signature"),
        1 => Answer::read(shop.server.get("/api/events").send().await.unwrap()).await.expect(200),
        _ => Answer::read(shop.server.get("/healthz").send().await.unwrap()).await.expect(200),
    }));
    let (answers, _) = tokio::join!(rush, others);
    let (held, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert!(!held.is_empty() && !refused.is_empty(), "{} held, {} refused", held.len(), refused.len());
    refused.into_iter().for_each(|answer| _ = answer.refused(503, "overloaded"));
    drop(logging);
    // Whoever floods the server does not flood its log.
    let lines: Vec<_> = log.lines().into_iter().filter(|line| line["outcome"] == "overloaded").collect();
    assert!(lines.is_empty(), "{lines:?}");
    let metrics = shop.server.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"http_requests_shed_total{class="hold"}"#), "{metrics}");
    shop.verify().await;
}

pub async fn whoever_sends_a_hold_slowly_takes_nobodys_place(store: &Store) {
    let server = TestServer::with(store, |config| config.concurrency.hold_max = 1).await;
    let (slow, buyer) = (server.buyer().await, server.buyer().await);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let slow = join_all((0..8).map(async |_| {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST /api/reservations/hold HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: k\r\n\
             content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n",
            slow.token
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server asks for the body: the handler has the request.
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(b"{").await.unwrap();
        stream
    }))
    .await;
    let answer = ask(&server, "POST", "/api/reservations/hold", &buyer.token, json!({})).await;
    answer.refused(400, "invalid_argument");
    drop(slow);
}

/// Requests that say they are going to send a body that nobody reads.
pub async fn whoever_announces_a_body_that_nobody_reads_has_a_place_all_the_same(store: &Store) {
    let shop = Shop::open_with(store, |config| config.concurrency.checkout_max = 1).await;
    let session = shop.session(5, json!({ "queue": { "mode": "OFF" } })).await;
    let buyer = shop.buyer().await;
    let hold = buyer.hold_with("key", json!({ "sessionId": session, "quantity": 1 })).await.expect(201).text("holdId");
    let address = shop.server.url.strip_prefix("http://").unwrap().to_owned();
    let ask = async || {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "DELETE /api/reservations/hold/{hold} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             connection: close\r\ncontent-length: 1\r\n\r\n",
            buyer.access_token()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer[9..12].to_owned()
    };
    let answers = join_all((0..50).map(|_| ask())).await;
    assert!(answers.iter().all(|status| ["204", "503"].contains(&status.as_str())), "{answers:?}");
    for status in ["204", "503"] {
        assert!(answers.iter().any(|answer| answer == status), "no {status}: {answers:?}");
    }
}

pub async fn a_handler_that_panics_is_answered_500_and_the_server_lives(store: &Store) {
    let server = TestServer::start(store).await;
    let routes = Router::new()
        .route("/broken", get(async || -> &'static str { panic!("the secret invariant is broken") }))
        .route("/fine", get(async || "fine"));
    let routes = front::wrap(routes, &server.app).with_state(server.app.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let running = tokio::spawn(axum::serve(listener, routes).into_future());

    let log = Log::default();
    let _logging = log.start();
    for _ in 0..3 {
        let response = crate::server::client().get(format!("{url}/broken")).send().await.unwrap();
        let trace_id = header(&response, "x-trace-id");
        let answer = Answer::read(response).await.refused(500, "internal");
        assert_eq!(answer.body["traceId"], json!(trace_id));
        assert!(!answer.body.to_string().contains("invariant"), "{answer:?}");
        let told = log.lines().into_iter().find(|line| line["traceId"] == json!(trace_id)).expect("a line of the log");
        assert!(told["cause"].as_str().is_some_and(|cause| cause.contains("the secret invariant is broken")), "{told}");
    }
    let fine = crate::server::client().get(format!("{url}/fine")).send().await.unwrap();
    assert_eq!(fine.text().await.unwrap(), "fine");
    let metrics = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    let counted = metrics.lines().find_map(|line| line.strip_prefix("http_panics_total ")).unwrap();
    assert!(counted.parse::<f64>().unwrap() >= 3.0, "{counted}");
    running.abort();
}

pub async fn the_password_policy_is_the_configured_one(store: &Store) {
    let server = TestServer::with(store, |config| {
        config.auth.password_min_chars = 12;
        config.auth.password_max_chars = 16;
        config.auth.password_require_upper = false;
        config.auth.password_require_digit = false;
    })
    .await;
    let signup = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        Answer::read(server.post("/api/auth/signup").json(&body).send().await.unwrap()).await
    };
    signup("a@example.com", "all lower case").await.expect(201);
    for weak in [PASSWORD, "ALL UPPER CASE", "more than sixteen characters"] {
        signup("b@example.com", weak).await.refused(400, "weak_password");
    }
}

pub async fn links_that_leave_the_server_start_with_its_public_address(store: &Store) {
    let shop = Shop::open_with(store, |config| {
        config.server.public_url = Some("https://tickets.example.com/".to_owned());
    })
    .await;
    let session = shop.session(10, json!({})).await;
    let opened = shop.buyer().await.checkout(&session, json!({ "quantity": 1 })).await;
    let url = opened.text("paymentSessionUrl");
    assert_eq!(url, format!("https://tickets.example.com/sandbox/pay/{}", opened.text("pgPaymentId")));
}

/// Lines of a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Has it tell what this thread logs, at the usual level.
    fn start(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || log.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
