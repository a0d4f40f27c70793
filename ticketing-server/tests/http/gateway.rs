//! A gateway behind HTTP, as `docs/gateway.md` describes it: the operator's side of it, on a real socket.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use ticketing_core::clock::Clock;
use ticketing_server::config::Config;

use crate::{
    server::WEBHOOK_SECRET,
    shop::{Shop, clock, eventually},
    store::Store,
};

const TOKEN: &str = "the token that the gateway knows the server by";

/// What an operator's gateway keeps.
#[derive(Default)]
struct Books {
    /// By the merchant reference.
    opened: BTreeMap<String, Value>,
    /// By the key.
    refunds: BTreeMap<String, Value>,
    captures: Vec<Value>,
    /// Answers to be given before anything is done; the last one first.
    refusals: Vec<StatusCode>,
    calls: usize,
}

type Gateway = Arc<Mutex<Books>>;

/// A gateway that runs until its test ends.
async fn gateway() -> (Gateway, SocketAddr) {
    let books = Gateway::default();
    let routes = Router::new()
        .route("/pay/payments", post(open))
        .route("/pay/refunds", post(refund))
        .route("/pay/captures", get(captures))
        .with_state(Arc::clone(&books));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (books, address)
}

/// Who may not ask, or is not to be answered now.
fn refused(books: &mut Books, headers: &HeaderMap) -> Option<Response> {
    books.calls += 1;
    let known = headers.get("authorization").is_some_and(|value| value == &format!("Bearer {TOKEN}"));
    if !known {
        return Some(StatusCode::UNAUTHORIZED.into_response());
    }
    books.refusals.pop().map(|status| (status, "the card network says no").into_response())
}

fn key(headers: &HeaderMap) -> String {
    headers["idempotency-key"].to_str().unwrap().to_owned()
}

async fn open(State(books): State<Gateway>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let mut books = books.lock().unwrap();
    if let Some(refused) = refused(&mut books, &headers) {
        return refused;
    }
    assert_eq!((&body["reference"], &body["method"]), (&json!(key(&headers)), &json!("CARD")));
    let name = format!("ext_{}", books.opened.len());
    let url = format!("https://pay.example.com/{name}");
    let new = json!({"pgPaymentId": name, "paymentSessionUrl": url, "body": body});
    Json(books.opened.entry(key(&headers)).or_insert(new).clone()).into_response()
}

async fn refund(State(books): State<Gateway>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let mut books = books.lock().unwrap();
    if let Some(refused) = refused(&mut books, &headers) {
        return refused;
    }
    books.refunds.insert(key(&headers), body);
    StatusCode::NO_CONTENT.into_response()
}

async fn captures(
    State(books): State<Gateway>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let mut books = books.lock().unwrap();
    if let Some(refused) = refused(&mut books, &headers) {
        return refused;
    }
    assert!(query["since"].ends_with('Z'), "{query:?}");
    // One on a page: whoever wants them all has to follow.
    let from: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let next = (from + 1 < books.captures.len()).then(|| (from + 1).to_string());
    let items: Vec<_> = books.captures.iter().skip(from).take(1).collect();
    Json(json!({"items": items, "nextCursor": next})).into_response()
}

fn behind(address: SocketAddr) -> impl FnOnce(&mut Config) {
    move |config| {
        config.payments.http.url = Some(format!("http://{address}/pay/"));
        config.payments.http.token = Some(TOKEN.into());
        config.payments.http.webhook_secret = Some(WEBHOOK_SECRET.into());
        config.payments.sandbox.webhook_secret = Some("nobody signs with the sandbox's secret here".into());
        config.payments.reconcile_every_seconds = 0;
    }
}

pub async fn a_gateway_behind_http_takes_and_gives_back_the_money(store: &Store) {
    let (books, address) = gateway().await;
    let shop = Shop::open_with(store, behind(address)).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 2})).await;
    assert_eq!(checkout.text("paymentSessionUrl"), "https://pay.example.com/ext_0");
    let again = buyer.checkout_hold(&checkout.text("orderId").replace("order_", "hold_")).await;
    assert_eq!(again.status, 404, "an order is no hold");
    {
        let books = books.lock().unwrap();
        let asked = &books.opened[&checkout.text("paymentId")]["body"];
        assert_eq!((&asked["amount"], &asked["currency"]), (&json!(110_000), &json!("KRW")));
        assert_eq!(asked["expiresAt"], checkout.body["expiresAt"]);
    }
    // The sandbox's pages are not there: nobody could pay on them.
    assert_eq!(shop.server.get("/sandbox/pay/ext_0").send().await.unwrap().status(), 404);
    let told = json!({"pgPaymentId": "ext_0", "status": "SUCCESS", "amount": 110_000, "currency": "KRW"});
    shop.callback(&told).await.expect(200);
    assert_eq!(buyer.tickets().await.len(), 2);

    books.lock().unwrap().refusals = vec![StatusCode::BAD_GATEWAY];
    let order = checkout.text("orderId");
    shop.admin_post(&format!("/api/admin/orders/{order}/refund"), json!({})).await.success();
    let payment = checkout.text("paymentId");
    eventually("the refund", || async { (buyer.payment(&payment).await == "REFUNDED").then_some(()) }).await;
    let refund = books.lock().unwrap().refunds[&format!("refund:{payment}")].clone();
    assert_eq!(refund, json!({"pgPaymentId": "ext_0", "amount": 110_000, "currency": "KRW"}));
    shop.verify().await;
}

pub async fn a_gateway_that_is_away_is_told_apart_from_one_that_refuses(store: &Store) {
    let (books, address) = gateway().await;
    let shop = Shop::open_with(store, behind(address)).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let hold = buyer.hold(&session, json!({"quantity": 1})).await.expect(201).text("holdId");
    let expected = [
        (StatusCode::SERVICE_UNAVAILABLE, 503, "gateway_unavailable"),
        (StatusCode::UNAUTHORIZED, 503, "gateway_unavailable"),
        (StatusCode::UNPROCESSABLE_ENTITY, 502, "gateway_refused"),
    ];
    for (given, status, reason) in expected {
        books.lock().unwrap().refusals = vec![given];
        let answer = buyer.checkout_hold(&hold).await.expect(status);
        assert_eq!(answer.text("reason"), reason, "{given}");
        assert!(!answer.body.to_string().contains("card network"), "{answer:?}");
    }
    buyer.checkout_hold(&hold).await.success();
    assert_eq!(books.lock().unwrap().calls, 4);
    shop.verify().await;
}

pub async fn a_capture_that_the_gateway_told_nobody_of_is_found_by_asking_it(store: &Store) {
    let (books, address) = gateway().await;
    let shop = Shop::open_with(store, behind(address)).await;
    let session = shop.session(5, json!({})).await;
    let mut buyers = Vec::new();
    for n in 0..2 {
        let buyer = shop.buyer().await;
        let checkout = buyer.checkout(&session, json!({"quantity": 1})).await;
        books.lock().unwrap().captures.push(json!({
            "pgPaymentId": format!("ext_{n}"), "reference": checkout.text("paymentId"), "amount": 55_000,
            "currency": "KRW", "capturedAt": clock().now(), "givenBack": false,
        }));
        buyers.push(buyer);
    }
    let body = json!({"since": "2020-01-01T00:00:00Z"});
    let report = shop.admin_post("/api/admin/payments/reconcile", body).await.expect(200);
    assert_eq!((&report.body["captured"], &report.body["sold"]), (&json!(2), &json!(2)), "{report:?}");
    for buyer in buyers {
        assert_eq!(buyer.tickets().await.len(), 1);
    }
    shop.verify().await;
}
