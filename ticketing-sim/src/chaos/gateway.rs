//! The payment gateway that the servers ask, behind HTTP as `docs/gateway.md` has it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use fastrand::Rng;
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

use super::{fault::GatewayFault, way};
use crate::{
    error::SimError,
    load::shop::{Breach, SimGateway},
};

/// A gateway with books of its own, and the only way to it.
#[derive(Debug)]
pub struct Gateway {
    /// What it was asked, and did.
    pub books: Arc<SimGateway>,
    way: Proxy,
    replies: Arc<Replies>,
    server: JoinHandle<()>,
}

/// Whether its answers arrive.
#[derive(Debug, Default)]
struct Replies {
    are_lost: AtomicBool,
    lost: AtomicU64,
}

/// Where the servers ask.
#[derive(Debug, Clone)]
struct Desk {
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
        let desk = Desk { books: Arc::clone(&books), replies: Arc::clone(&replies), token: token.clone() };
        let router = Router::new()
            .route("/payments", post(open))
            .route("/refunds", post(refund))
            .route("/captures", get(captures))
            .layer(middleware::from_fn_with_state(desk.clone(), check_token_and_lose_replies))
            .with_state(desk);
        // It ends with this, and no sooner.
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap_or_default() });
        Ok(Self { books, way: Proxy::start(address), replies, server })
    }

    /// Its URL for the servers.
    pub fn url(&self) -> String {
        format!("http://{}", self.way.address())
    }

    /// Breaks for about so long; whether anybody can have noticed.
    pub async fn suffer(&self, fault: GatewayFault, lasting: Duration, rng: &mut Rng) -> bool {
        match fault {
            GatewayFault::Cut => {
                way::cut(&self.way, lasting / 2).await;
                true
            }
            GatewayFault::Delay => way::slow_down(&self.way, lasting, rng).await,
            GatewayFault::Pause => way::silence(&self.way, lasting).await,
            GatewayFault::LoseReplies => self.lose_replies(lasting / 2).await,
        }
    }

    /// Does what it is asked, and answers as if nobody was there; whether it was asked anything.
    async fn lose_replies(&self, lasting: Duration) -> bool {
        let before = self.replies.lost.load(Relaxed);
        self.replies.are_lost.store(true, Relaxed);
        tokio::time::sleep(lasting).await;
        self.replies.are_lost.store(false, Relaxed);
        self.replies.lost.load(Relaxed) > before
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves whoever knows the token, and loses the replies that are to be lost.
async fn check_token_and_lose_replies(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let expected = format!("Bearer {}", desk.token.expose_secret());
    if request.headers().get(header::AUTHORIZATION).is_none_or(|told| told.as_bytes() != expected.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let answer = next.run(request).await;
    if desk.replies.are_lost.load(Relaxed) {
        desk.replies.lost.fetch_add(1, Relaxed);
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    answer
}

async fn open(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Json(body): Json<OpenBody>,
) -> Result<Json<Opened>, Refused> {
    let OpenBody { reference, amount, currency, method, expires_at } = body;
    let told = idempotency_key(&headers);
    if told != Some(reference.to_string().as_str()) {
        let key = told.unwrap_or("none");
        let wrong = format!("{reference} was to be opened, and the call's key was {key}");
        return Err(desk.books.refuse(Breach::Terms, wrong).into());
    }
    let request = OpenPayment { reference, amount: Money::new(amount, currency), method, expires_at };
    let session = desk.books.open(request).await?;
    Ok(Json(Opened { pg_payment_id: session.pg_payment_id, payment_session_url: session.url }))
}

async fn refund(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Json(body): Json<RefundBody>,
) -> Result<StatusCode, Refused> {
    let RefundBody { pg_payment_id, amount, currency } = body;
    let Some(key) = idempotency_key(&headers) else {
        let wrong = format!("the money of {pg_payment_id} was to be given back, and the call had no key");
        return Err(desk.books.refuse(Breach::Refund, wrong).into());
    };
    let request = Refund { key: key.to_owned(), pg_payment_id, amount: Money::new(amount, currency) };
    desk.books.refund(request).await?;
    Ok(StatusCode::OK)
}

async fn captures(
    State(desk): State<Desk>,
    Query(CapturesQuery { since, cursor }): Query<CapturesQuery>,
) -> Result<Json<Captures>, Refused> {
    let page = desk.books.captured(since, cursor).await?;
    Ok(Json(Captures { items: page.items.into_iter().map(Captured::from).collect(), next_cursor: page.next }))
}

/// The name of a call that may come twice.
fn idempotency_key(headers: &HeaderMap) -> Option<&str> {
    headers.get("idempotency-key").and_then(|key| key.to_str().ok())
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const PAID: Money = Money::new(55_000, Currency::KRW);

    fn desk() -> Desk {
        let books = Arc::new(SimGateway::new(Arc::new(SystemClock::new())));
        Desk { books, replies: Arc::default(), token: "token".to_owned().into() }
    }

    fn keyed(key: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert("idempotency-key", key.parse().unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn a_payment_is_opened_under_its_reference_only() {
        let reference = PaymentId::from_uuid(Uuid::from_u128(1));
        let ask = async |desk: &Desk, key: Option<&str>| {
            let expires_at = Timestamp::from_micros(0);
            let Money { minor: amount, currency } = PAID;
            let body = OpenBody { reference, amount, currency, method: PaymentMethod::Card, expires_at };
            open(State(desk.clone()), keyed(key), Json(body)).await.is_ok()
        };
        let desk = desk();
        assert!(ask(&desk, Some(&reference.to_string())).await);
        assert!(desk.books.complaints().is_empty());
        assert!(!ask(&desk, None).await && !ask(&desk, Some("payment_2")).await);
        let breaches: Vec<_> = desk.books.complaints().iter().map(|complaint| complaint.breach).collect();
        assert_eq!(breaches, [Breach::Terms, Breach::Terms]);
    }

    #[tokio::test]
    async fn money_is_given_back_under_a_key_only() {
        let desk = desk();
        let body = || RefundBody { pg_payment_id: "sim_1".parse().unwrap(), amount: 1, currency: Currency::KRW };
        assert!(refund(State(desk.clone()), keyed(None), Json(body())).await.is_err());
        let breaches: Vec<_> = desk.books.complaints().iter().map(|complaint| complaint.breach).collect();
        assert_eq!(breaches, [Breach::Refund]);
    }
}
