//! What holds on every route: bodies, methods, problems, traces, origins and time limits.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use ticketing_server::config::Profile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    client::RequestBuilder,
    server::{TestServer, expect, header},
    store::Store,
};

/// Longer than the server waits for a slow client.
const PATIENCE: Duration = Duration::from_secs(60);

async fn post_text(server: &TestServer, body: &str) -> reqwest::Response {
    let request = server.post("/api/auth/login").header("content-type", "application/json");
    request.body(body.to_owned()).send().await.unwrap()
}

pub async fn a_body_of_the_wrong_shape_is_refused_with_its_field_named(store: &Store) {
    let server = TestServer::start(store).await;
    let cases = [
        (r#"{"email":"a@b.com","password":"x","extra":1}"#, Some("extra")),
        (r#"{"email":"a@b.com"}"#, Some("password")),
        (r#"{"email":"a@b.com","email":"a@b.com","password":"x"}"#, Some("email")),
        (r#"{"email":1,"password":"x"}"#, Some("email")),
        (r#"{"email":null,"password":"x"}"#, Some("email")),
        (r#"{"email":"a@b.com","password":"x"} garbage"#, None),
        (r#"{"email":"a@b.com","password":"x"}{}"#, None),
        (r#"["a@b.com","x"]"#, None),
        (r#"{"email":"#, None),
        ("not json", None),
        ("", None),
    ];
    for (body, field) in cases {
        let problem = server.problem(post_text(&server, body).await, 400, "invalid_argument").await;
        assert_eq!(problem["errors"][0]["field"].as_str(), field, "{body}: {problem}");
        assert_eq!(problem["code"], "400_INVALID_ARGUMENT");
    }
}

pub async fn a_body_that_is_not_json_by_its_type_is_refused(store: &Store) {
    let server = TestServer::start(store).await;
    let body = r#"{"email":"a@b.com","password":"x"}"#;
    let send = |kind: Option<&str>| {
        let request = server.post("/api/auth/login").body(body);
        kind.map_or_else(|| server.post("/api/auth/login").body(body), |kind| request.header("content-type", kind))
            .send()
    };
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")] {
        server.problem(send(kind).await.unwrap(), 415, "unsupported_media_type").await;
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.ticketing+json"] {
        server.problem(send(Some(kind)).await.unwrap(), 401, "bad_credentials").await;
    }
}

pub async fn a_body_over_its_bound_is_refused_whether_or_not_it_tells_its_length(store: &Store) {
    let server = TestServer::start(store).await;
    let fill = |bytes: usize| format!(r#"{{"email":"a@b.com","password":"{}"}}"#, "x".repeat(bytes));
    let overhead = fill(0).len();
    server.problem(post_text(&server, &fill(16 * 1024 - overhead + 1)).await, 413, "body_too_large").await;
    server.problem(post_text(&server, &fill(16 * 1024 - overhead)).await, 401, "bad_credentials").await;
    let mut stream = connect(&server).await;
    let head = "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(format!("{head}4001\r\n{}\r\n0\r\n\r\n", "x".repeat(0x4001)).as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "body_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

pub async fn seats_may_come_in_a_larger_body_but_not_in_any(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let session = server.session(&admin, &event, json!({ "kind": "SEATED" })).await;
    let path = format!("/api/admin/sessions/{session}/seats");
    let seats: Vec<_> =
        (0..2000).map(|n| json!({ "id": format!("S{n}"), "section": "Stalls", "row": "A", "number": n })).collect();
    let response = server.post(&path).bearer_auth(&admin.token).json(&json!({ "seats": seats })).send().await.unwrap();
    assert_eq!(expect(response, StatusCode::CREATED).await["totalStock"], 2000);
    let huge = vec![b' '; 4 * 1024 * 1024 + 1];
    let request = server.post(&path).bearer_auth(&admin.token).header("content-type", "application/json");
    server.problem(request.body(huge).send().await.unwrap(), 413, "body_too_large").await;
}

pub async fn a_wrong_method_is_told_the_right_ones_and_an_unknown_address_is_not_found(store: &Store) {
    let server = TestServer::start(store).await;
    let response = server.delete("/api/auth/login").send().await.unwrap();
    assert_eq!(header(&response, "allow"), "POST");
    server.problem(response, 405, "method_not_allowed").await;
    let response = server.post("/api/events").send().await.unwrap();
    assert_eq!(header(&response, "allow"), "GET,HEAD");
    server.problem(response, 405, "method_not_allowed").await;
    for path in ["/", "/api", "/api/nothing", "/api/events/", "/problems/nothing"] {
        server.problem(server.get(path).send().await.unwrap(), 404, "route_not_found").await;
    }
}

pub async fn every_answer_names_its_trace_and_a_valid_traceparent_sets_it(store: &Store) {
    let server = TestServer::start(store).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = server.get("/healthz").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(header(&request.send().await.unwrap(), "x-trace-id"), trace);
    let request = server.get("/api/nothing").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(server.problem(request.send().await.unwrap(), 404, "route_not_found").await["traceId"], trace);
    let invalid = server.get("/healthz").header("traceparent", format!("00-{trace}-zz-01")).send().await.unwrap();
    let fresh = header(&invalid, "x-trace-id");
    assert!(fresh != trace && fresh.len() == 32, "{fresh}");
}

pub async fn a_page_of_a_named_origin_may_ask_and_no_other(store: &Store) {
    let preflight = |server: &TestServer, origin: &str| {
        let request = server.request(Method::OPTIONS, "/api/reservations/hold").header("origin", origin);
        request.header("access-control-request-method", "POST").send()
    };
    let server = TestServer::with(store, |config| {
        config.server.cors_origins = Some(vec!["https://shop.example".to_owned()]);
    })
    .await;
    let allowed = preflight(&server, "https://shop.example").await.unwrap();
    assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&allowed, "access-control-allow-origin"), "https://shop.example");
    for name in ["authorization", "idempotency-key", "queue-token", "traceparent"] {
        assert!(header(&allowed, "access-control-allow-headers").contains(name), "{name}");
    }
    let read = server.get("/healthz").header("origin", "https://shop.example").send().await.unwrap();
    assert_eq!(header(&read, "access-control-expose-headers"), "x-trace-id, retry-after, idempotent-replayed");
    assert_eq!(header(&read, "vary"), "origin");
    let other = preflight(&server, "https://evil.example").await.unwrap();
    assert_eq!(
        (other.status(), header(&other, "access-control-allow-origin")),
        (StatusCode::METHOD_NOT_ALLOWED, String::new())
    );
    let local = store.another().await;
    let local = TestServer::start(&local).await;
    let any = preflight(&local, "https://evil.example").await.unwrap();
    assert_eq!(header(&any, "access-control-allow-origin"), "*");
    let dev = store.another().await;
    let dev = TestServer::with(&dev, |config| config.profile = Profile::Dev).await;
    let none = preflight(&dev, "https://evil.example").await.unwrap();
    assert_eq!(header(&none, "access-control-allow-origin"), "");
}

pub async fn an_address_behind_a_trusted_proxy_is_believed_and_no_other(store: &Store) {
    let forwarded =
        |server: &TestServer, chain: &str| server.get("/api/events").header("x-forwarded-for", chain).send();
    let limited = |store, proxies: &'static [&'static str]| {
        TestServer::with(store, move |config| {
            config.server.trusted_proxies = proxies.iter().map(|proxy| (*proxy).to_owned()).collect();
            config.limits.requests_per_address_per_second = 1;
        })
    };
    let behind = limited(store, &["127.0.0.0/8", "10.0.0.1"]).await;
    for last in 1..=5 {
        let chain = format!("203.0.113.9, 192.0.2.{last}, 10.0.0.1");
        assert_eq!(forwarded(&behind, &chain).await.unwrap().status(), StatusCode::OK);
    }
    let beside = store.another().await;
    let open = limited(&beside, &[]).await;
    let mut answers = Vec::new();
    for last in 1..=5 {
        answers.push(forwarded(&open, &format!("192.0.2.{last}")).await.unwrap().status());
    }
    assert!(answers.contains(&StatusCode::TOO_MANY_REQUESTS), "{answers:?}");
}

pub async fn probes_and_callbacks_are_answered_however_often_their_address_asks(store: &Store) {
    let server = TestServer::with(store, |config| {
        config.limits.requests_per_address_per_second = 1;
    })
    .await;
    let status = async |request: RequestBuilder| request.send().await.unwrap().status();
    let limited = async { while status(server.get("/api/events")).await != StatusCode::TOO_MANY_REQUESTS {} };
    timeout(PATIENCE, limited).await.expect("the address is limited elsewhere");
    for _ in 0..20 {
        for probe in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(status(server.get(probe)).await, StatusCode::OK, "{probe}");
        }
        let unsigned = server.post("/api/payments/callback").json(&json!({}));
        assert_eq!(status(unsigned).await, StatusCode::UNAUTHORIZED);
    }
}

pub async fn a_header_block_that_never_ends_closes_the_connection(store: &Store) {
    let server = TestServer::start(store).await;
    let beginnings: [&[u8]; 3] = [b"", b"PRI ", b"GET /healthz HTTP/1.1\r\nhost: x\r\n"];
    let slow = beginnings.map(|beginning| async {
        let mut stream = connect(&server).await;
        stream.write_all(beginning).await.unwrap();
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        ended.unwrap_or_else(|_| panic!("still open after {:?}", String::from_utf8_lossy(beginning)))
    });
    futures_util::future::join_all(slow).await;
}

pub async fn a_body_that_never_ends_is_told_so(store: &Store) {
    let server = TestServer::start(store).await;
    let bodies = [
        ("/api/auth/login", "application/json", "{"),
        ("/sandbox/pay/pg_00000000000000000000000000000000", "application/x-www-form-urlencoded", "decision="),
    ];
    let slow = bodies.map(async |(path, kind, beginning)| {
        let mut stream = connect(&server).await;
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: 100\r\n\r\n");
        stream.write_all(format!("{head}{beginning}").as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "request_timeout").await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
    });
    futures_util::future::join_all(slow).await;
}

pub async fn a_refusal_that_needs_no_body_leaves_the_connection_to_the_next_request(store: &Store) {
    let server = TestServer::start(store).await;
    let refusals = [
        ("POST /api/reservations/hold", "401"),
        ("POST /api/nothing/here", "404"),
        ("PUT /api/events", "405"),
        ("DELETE /api/reservations/hold/hold_1", "401"),
        ("POST /api/payments/callback", "401"),
    ];
    for (line, status) in refusals {
        let mut stream = connect(&server).await;
        for _ in 0..3 {
            let head = format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 20");
            stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
            // The body comes in a packet of its own, as many clients send it.
            tokio::task::yield_now().await;
            stream.write_all(b"{\"quantity\":      1}").await.unwrap();
            let answer = read_until(&mut stream, "\"errors\":[]}").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
            assert!(!answer.to_ascii_lowercase().contains("connection: close"), "{line}: {answer}");
        }
    }
}

pub async fn a_refusal_says_that_the_connection_ends_when_the_body_is_not_waited_for(store: &Store) {
    let server = TestServer::start(store).await;
    let unwanted = ["expect: 100-continue\r\ncontent-length: 20", "expect: 100-continue\r\ncontent-length: 20000000"];
    for headers in unwanted {
        let mut stream = connect(&server).await;
        let head = "POST /api/auth/signup HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain";
        stream.write_all(format!("{head}\r\n{headers}\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "\"errors\":[]}").await;
        assert!(answer.starts_with("HTTP/1.1 415 "), "{headers}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{headers}: {answer}");
    }
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap()
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = String::new();
    let mut buffer = [0; 4096];
    while !answer.contains(end) {
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("an answer in time").unwrap();
        assert!(read > 0, "closed after {answer}");
        answer.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    answer
}
