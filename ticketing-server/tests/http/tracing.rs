//! Spans, as a collector receives them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    server::PASSWORD,
    shop::{Shop, eventually, hold_body},
    store::Store,
};

const GIVEN: &str = "0af7651916cd43dd8448eb211c80319c";

/// Receives spans as a real collector does: OTLP over HTTP, in protobuf.
#[derive(Clone, Default)]
struct Collector {
    received: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/traces", post(receive)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (collector, url)
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let scopes = received.iter().flat_map(|request| &request.resource_spans).flat_map(|of| &of.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The span of this name, once it is there.
    async fn span(&self, name: &str) -> Span {
        let found = || async { self.spans().into_iter().find(|span| span.name == name) };
        eventually(&format!("the span {name}"), found).await
    }
}

async fn receive(State(collector): State<Collector>, body: Bytes) {
    collector.received.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
}

async fn traced(store: &Store) -> (Shop, Collector) {
    let (collector, url) = Collector::start().await;
    let shop = Shop::open_with(store, |config| config.tracing.otlp_endpoint = Some(url)).await;
    (shop, collector)
}

pub async fn a_purchase_is_one_trace_from_its_hold_to_the_callback(store: &Store) {
    let (shop, collector) = traced(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 1})).await.success();
    let paid = json!({"pgPaymentId": checkout.text("pgPaymentId"), "status": "SUCCESS"});
    shop.callback(&paid).await.expect(200);

    let hold = collector.span("POST /api/reservations/hold").await;
    for (step, request) in
        [("payment.checkout", "POST /api/payments/checkout"), ("payment.callback", "POST /api/payments/callback")]
    {
        let (step, request) = (collector.span(step).await, collector.span(request).await);
        assert_eq!((&step.trace_id, &step.parent_span_id), (&hold.trace_id, &hold.span_id), "{}", step.name);
        assert_ne!(request.trace_id, hold.trace_id, "the client named no trace");
        let linked: Vec<_> = step.links.iter().map(|link| (&link.trace_id, &link.span_id)).collect();
        assert_eq!(linked, [(&request.trace_id, &request.span_id)]);
        assert!(hold.start_time_unix_nano <= step.start_time_unix_nano);
        assert!(step.start_time_unix_nano <= step.end_time_unix_nano);
    }
    let names: BTreeSet<_> = collector.spans().iter().map(|span| span.span_id.clone()).collect();
    assert_eq!(names.len(), collector.spans().len(), "each span has a name of its own");
}

pub async fn the_callers_trace_is_gone_on_with_and_its_word_on_recording_counts(store: &Store) {
    let (shop, collector) = traced(store).await;
    let buyer = shop.buyer().await;
    let given = format!("00-{GIVEN}-00f067aa0ba902b7-01");
    buyer.with_header("GET", "/api/me", ("traceparent", &given), None).await.expect(200);
    let span = collector.span("GET /api/me").await;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!((hex(&span.trace_id).as_str(), hex(&span.parent_span_id).as_str()), (GIVEN, "00f067aa0ba902b7"));

    let silent = format!("00-{GIVEN}-00f067aa0ba902b7-00");
    buyer.with_header("GET", "/api/me/orders", ("traceparent", &silent), None).await.expect(200);
    buyer.get("/api/me/tickets").await.expect(200);
    collector.span("GET /api/me/tickets").await;
    assert!(collector.spans().iter().all(|span| span.name != "GET /api/me/orders"));
}

pub async fn spans_tell_how_a_request_went_and_no_secret(store: &Store) {
    let (shop, collector) = traced(store).await;
    let session = shop.session(1, json!({})).await;
    let buyer = shop.buyer().await;
    let token = buyer.token(&session).await;
    let email = json!({"email": "canary@example.com", "password": PASSWORD});
    buyer.post("/api/auth/signup", email.clone()).await.expect(201);
    buyer.post("/api/auth/login", email).await.expect(200);
    buyer.get(&format!("/api/queue/status?token={token}")).await.expect(200);
    buyer.hold_with("k", hold_body(&session, json!({"quantity": 2}), &token)).await.refused(409, "sold_out");

    let hold = collector.span("POST /api/reservations/hold").await;
    let told = format!("{:?}", hold.attributes);
    for expected in ["http.response.status_code", "409", "ticketing.reason", "sold_out", "/api/reservations/hold"] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    collector.span("GET /api/queue/status").await;
    collector.span("POST /api/auth/login").await;
    let all = format!("{:?}", collector.received.lock().unwrap());
    for secret in [token.as_str(), "canary@example.com", PASSWORD, "Bearer"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("service.name") && all.contains("ticketing"));
}

pub async fn a_collector_that_never_answers_slows_nothing(store: &Store) {
    // It takes connections and says nothing.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let shop = Shop::open_with(store, |config| config.tracing.otlp_endpoint = Some(url)).await;
    let buyer = shop.buyer().await;
    let asked = async {
        for _ in 0..200 {
            buyer.get("/api/events").await.expect(200);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.expect("requests wait for no collector");
    let stopped = tokio::time::timeout(Duration::from_secs(60), shop.server.stop());
    stopped.await.expect("neither does the end");
}

pub async fn a_server_that_was_told_of_no_collector_records_nothing(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 1})).await.success();
    let order = checkout.text("orderId").parse().unwrap();
    let order = shop.server.app.ticketing.queries().order(order).await.unwrap().unwrap();
    assert_eq!(order.trace, None);
}
