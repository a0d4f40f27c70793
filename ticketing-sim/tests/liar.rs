//! A shop that lies is found out, over HTTP and from outside.

mod shop;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, patch, post},
};
use serde_json::{Value, json};
use shop::sim;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// How a shop lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// It does not.
    None,
    /// It holds tickets for everybody who asks.
    HoldsWithoutEnd,
    /// It says that it is sold out from the start.
    SoldOutFromTheStart,
    /// It has another hold each time the same key comes.
    ForgetsKeys,
    /// It sells, and gives no tickets.
    SellsNothing,
    /// It knows nothing of its holds when it is asked again.
    LosesHolds,
    /// It says itself what is wrong with it.
    Confesses,
    /// It fails whenever somebody wants to hold tickets.
    FailsAlways,
    /// It says that everybody has more than they may.
    RefusesWrongly,
    /// It knows nothing of the places that it gave.
    LosesPlaces,
    /// It tells who waits that all is sold, from the start.
    SoldOutInTheLine,
    /// It holds tickets at another price.
    CostsNothing,
}

/// What the simulator sells at.
const PRICE: i64 = 55_000;

#[derive(Clone)]
struct Liar {
    lie: Lie,
    stock: u64,
    next: Arc<AtomicU64>,
    /// By key, and who has which order.
    holds: Arc<Mutex<HashMap<String, u64>>>,
}

type Answer = (StatusCode, Json<Value>);

const fn ok(body: Value) -> Answer {
    (StatusCode::OK, Json(body))
}

fn refused(status: StatusCode, reason: &str) -> Answer {
    (status, Json(json!({ "reason": reason })))
}

fn id(kind: &str, number: u64) -> String {
    format!("{kind}_{number:032x}")
}

impl Liar {
    fn next(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    fn held(&self) -> usize {
        self.holds.lock().unwrap().len()
    }

    fn router(self) -> Router {
        let hold = "/api/reservations/hold";
        Router::new()
            .route(
                "/api/admin/events",
                post(async |State(liar): State<Self>| ok(json!({ "id": id("event", liar.next()) }))),
            )
            .route("/api/admin/events/{id}", patch(async || ok(json!({}))))
            .route(
                "/api/admin/events/{id}/sessions",
                post(async |State(liar): State<Self>| ok(json!({ "id": id("session", liar.next()) }))),
            )
            .route("/api/admin/sessions/{id}/stats", get(Self::stats))
            .route("/api/admin/verify", get(Self::verify))
            .route(
                "/api/queue/token",
                post(async |State(liar): State<Self>| {
                    let waits = matches!(liar.lie, Lie::LosesPlaces | Lie::SoldOutInTheLine);
                    ok(json!({ "queueToken": "token", "position": u32::from(waits), "allowed": !waits }))
                }),
            )
            .route("/api/queue/status", get(Self::status))
            .route(hold, post(Self::hold))
            .route(&format!("{hold}/{{id}}"), get(Self::has_hold))
            .route("/api/payments/checkout", post(Self::check_out))
            .route("/api/payments/callback", post(async || ok(json!({}))))
            .route("/api/payments/{id}", get(async || ok(json!({ "status": "SUCCEEDED" }))))
            .route("/api/me/tickets", get(Self::tickets))
            .with_state(self)
    }

    async fn stats(State(liar): State<Self>) -> Answer {
        let sold = liar.held() as u64;
        let left = liar.stock.saturating_sub(sold);
        ok(json!({
            "totalStock": left + sold, "available": left, "held": 0, "sold": sold, "waiting": 0, "active": 0,
        }))
    }

    async fn verify(State(liar): State<Self>) -> Answer {
        let wrong = json!([{ "invariant": "I2", "target": "seat", "detail": "two sit on it" }]);
        let violations = if liar.lie == Lie::Confesses { wrong } else { json!([]) };
        ok(json!({
            "ok": true, "sessions": 1, "holds": 0, "orders": 0, "tickets": 0, "auditRecords": 0, "violations": violations,
        }))
    }

    async fn status(State(liar): State<Self>) -> Answer {
        if liar.lie == Lie::LosesPlaces {
            return refused(StatusCode::NOT_FOUND, "queue_token_not_found");
        }
        ok(json!({ "state": "SOLD_OUT", "position": 1, "allowed": false }))
    }

    async fn hold(State(liar): State<Self>, headers: HeaderMap) -> Answer {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        let next = liar.next();
        match liar.lie {
            Lie::FailsAlways => return refused(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Lie::RefusesWrongly => return refused(StatusCode::CONFLICT, "limit_exceeded"),
            _ => {}
        }
        let mut holds = liar.holds.lock().unwrap();
        let full = holds.len() as u64 >= liar.stock && liar.lie != Lie::HoldsWithoutEnd;
        if (full && !holds.contains_key(&key)) || liar.lie == Lie::SoldOutFromTheStart {
            return refused(StatusCode::CONFLICT, "sold_out");
        }
        let number = *holds.entry(key).or_insert(next);
        let number = if liar.lie == Lie::ForgetsKeys { next } else { number };
        let expires = "2040-01-01T00:00:00Z";
        let amount = if liar.lie == Lie::CostsNothing { 0 } else { PRICE };
        (
            StatusCode::CREATED,
            Json(json!({ "holdId": id("hold", number), "quantity": 1, "amount": amount, "expiresAt": expires })),
        )
    }

    async fn has_hold(State(liar): State<Self>) -> Answer {
        if liar.lie == Lie::LosesHolds {
            return refused(StatusCode::NOT_FOUND, "hold_not_found");
        }
        ok(json!({}))
    }

    async fn check_out(Json(body): Json<Value>) -> Answer {
        let number = body["holdId"].as_str().unwrap().trim_start_matches("hold_");
        ok(json!({
            "paymentId": format!("payment_{number}"), "orderId": format!("order_{number}"), "pgPaymentId": number,
            "paymentSessionUrl": "http://nowhere", "amount": PRICE, "currency": "KRW",
        }))
    }

    /// Everybody has all tickets there are; each looks for those of one order.
    async fn tickets(State(liar): State<Self>) -> Answer {
        let holds = liar.holds.lock().unwrap();
        let tickets = holds.values().map(|number| json!({ "orderId": id("order", *number), "status": "VALID" }));
        let items: Vec<_> = if liar.lie == Lie::SellsNothing { Vec::new() } else { tickets.collect() };
        ok(json!({ "items": items }))
    }
}

async fn check(lie: Lie, args: &str, expected: Option<&str>) {
    let liar = Liar { lie, stock: 5, next: Arc::new(AtomicU64::new(1)), holds: Arc::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let serving = tokio::spawn(async { axum::serve(listener, liar.router()).await.unwrap() });
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("secret"), "a secret of the test, more than 32 bytes long").unwrap();
    let access = "--token admin --jwt-secret-file secret --webhook-secret-file secret";
    let args = format!(
        "--target http://{target} {access} --seed 1 --buyers 20 --stock 5 --decline 0 --abandon 0 --duplicate-callbacks 0 {args}"
    );
    let output = shop::output(sim(dir.path(), &args)).await;
    serving.abort();
    let stderr = String::from_utf8_lossy(&output.stderr);
    match expected {
        None => assert_eq!(output.status.code(), Some(0), "{lie:?}: {stderr}"),
        Some(invariant) => {
            assert_eq!(output.status.code(), Some(3), "{lie:?}: {stderr}");
            assert!(stderr.lines().any(|line| line.starts_with(invariant)), "{lie:?}: no {invariant} in {stderr}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_is_found_out_and_the_truth_is_believed() {
    check(Lie::None, "--retry 0", None).await;
    check(Lie::HoldsWithoutEnd, "--retry 0", Some("I1")).await;
    check(Lie::SoldOutFromTheStart, "--retry 0", Some("I13")).await;
    check(Lie::ForgetsKeys, "--retry 100", Some("I7")).await;
    check(Lie::SellsNothing, "--retry 0", Some("I5")).await;
    check(Lie::LosesHolds, "--retry 0", Some("I16")).await;
    check(Lie::Confesses, "--retry 0", Some("I2")).await;
    check(Lie::FailsAlways, "--retry 0", Some("defect")).await;
    check(Lie::RefusesWrongly, "--retry 0", Some("refused")).await;
    check(Lie::LosesPlaces, "--retry 0", Some("refused")).await;
    check(Lie::SoldOutInTheLine, "--retry 0", Some("I13")).await;
    check(Lie::CostsNothing, "--retry 0", Some("I4")).await;
}
