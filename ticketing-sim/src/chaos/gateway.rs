//! The payment gateway that the servers ask, behind HTTP as `docs/gateway.md` has it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use axum::{
    Json, Router,
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use ticketing_core::{
    clock::{SystemClock, Timestamp},
    ids::PaymentId,
    money::{Currency, Money},
    payment::{
        GatewayPaymentId, PaymentMethod,
        gateway::{Capture, GatewayError, OpenPayment, PaymentGateway, Refund},
    },
};
use ticketing_store::testing::proxy::Proxy;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{error::SimError, load::shop::SimGateway};

/// A gateway with books of its own, and the only way to it.
#[derive(Debug)]
pub struct Gateway {
    /// What it was asked, and did.
    pub books: Arc<SimGateway>,
    /// The way.
    pub way: Proxy,
    replies: Arc<Replies>,
    server: JoinHandle<()>,
}

/// Whether its answers arrive.
#[derive(Debug, Default)]
struct Replies {
    are_lost: AtomicBool,
    lost: AtomicU64,
}

#[derive(Debug, Clone)]
struct Counter {
    books: Arc<SimGateway>,
    replies: Arc<Replies>,
    token: SecretString,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenBody {
    reference: PaymentId,
    amount: i64,
    currency: Currency,
    method: PaymentMethod,
    expires_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    pg_payment_id: GatewayPaymentId,
    payment_session_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundBody {
    pg_payment_id: GatewayPaymentId,
    amount: i64,
    currency: Currency,
}

#[derive(Deserialize)]
struct CapturesQuery {
    since: Timestamp,
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Captures {
    items: Vec<Captured>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Captured {
    pg_payment_id: GatewayPaymentId,
    reference: Option<PaymentId>,
    amount: i64,
    currency: Currency,
    captured_at: Timestamp,
    given_back: bool,
}

impl From<Capture> for Captured {
    fn from(capture: Capture) -> Self {
        Self {
            pg_payment_id: capture.pg_payment_id,
            reference: capture.reference,
            amount: capture.amount.minor,
            currency: capture.amount.currency,
            captured_at: capture.captured_at,
            given_back: capture.given_back,
        }
    }
}

impl Gateway {
    /// Starts one that serves whoever knows `token`.
    ///
    /// # Errors
    /// [`SimError::Usage`] when the machine has no port left.
    pub async fn start(token: &SecretString) -> Result<Self, SimError> {
        let failed = |error| SimError::Usage(format!("no port for the payment gateway: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let books = Arc::new(SimGateway::new(Arc::new(SystemClock::new())));
        let replies = Arc::new(Replies::default());
        let counter = Counter { books: Arc::clone(&books), replies: Arc::clone(&replies), token: token.clone() };
        let router = Router::new()
            .route("/payments", post(open))
            .route("/refunds", post(refund))
            .route("/captures", get(captures))
            .layer(middleware::from_fn_with_state(counter.clone(), known))
            .with_state(counter);
        // It ends with this, and no sooner.
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap_or_default() });
        Ok(Self { books, way: Proxy::start(address), replies, server })
    }

    /// Its URL for the servers.
    pub fn url(&self) -> String {
        format!("http://{}", self.way.address())
    }

    /// Whether what it has done is answered as if nobody was there.
    pub fn lose_replies(&self, are_lost: bool) {
        self.replies.are_lost.store(are_lost, Relaxed);
    }

    /// How many answers were lost.
    pub fn lost(&self) -> u64 {
        self.replies.lost.load(Relaxed)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves whoever knows the token, and loses what is to be lost.
async fn known(State(counter): State<Counter>, request: Request, next: Next) -> Response {
    let expected = format!("Bearer {}", counter.token.expose_secret());
    if request.headers().get(header::AUTHORIZATION).is_none_or(|told| told.as_bytes() != expected.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let answer = next.run(request).await;
    if counter.replies.are_lost.load(Relaxed) {
        counter.replies.lost.fetch_add(1, Relaxed);
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    answer
}

async fn open(State(counter): State<Counter>, Json(body): Json<OpenBody>) -> Result<Json<Opened>, Refused> {
    let OpenBody { reference, amount, currency, method, expires_at } = body;
    let request = OpenPayment { reference, amount: Money::new(amount, currency), method, expires_at };
    let session = counter.books.open(request).await?;
    Ok(Json(Opened { pg_payment_id: session.pg_payment_id, payment_session_url: session.url }))
}

async fn refund(
    State(counter): State<Counter>,
    headers: HeaderMap,
    Json(body): Json<RefundBody>,
) -> Result<StatusCode, Refused> {
    let RefundBody { pg_payment_id, amount, currency } = body;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let key = key.ok_or_else(|| Refused("a refund has no key".to_owned()))?.to_owned();
    counter.books.refund(Refund { key, pg_payment_id, amount: Money::new(amount, currency) }).await?;
    Ok(StatusCode::OK)
}

async fn captures(
    State(counter): State<Counter>,
    Query(CapturesQuery { since, cursor }): Query<CapturesQuery>,
) -> Result<Json<Captures>, Refused> {
    let page = counter.books.captured(since, cursor).await?;
    Ok(Json(Captures { items: page.items.into_iter().map(Captured::from).collect(), next_cursor: page.next }))
}

/// What no repetition changes.
struct Refused(String);

impl From<GatewayError> for Refused {
    fn from(error: GatewayError) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::UNPROCESSABLE_ENTITY, self.0).into_response()
    }
}
