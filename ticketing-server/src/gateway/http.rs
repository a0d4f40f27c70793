//! A payment gateway behind HTTP: a small service of the operator's that speaks three calls on one side and
//! its payment provider's own interface on the other. The three calls stand in `docs/gateway.md`.

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;
use http::{Method, StatusCode};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ticketing_core::{
    clock::Timestamp,
    ids::PaymentId,
    money::{Currency, Money},
    payment::{
        GatewayPaymentId, GatewaySession, PaymentMethod,
        gateway::{Capture, GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    store::Page,
};

/// Longest time for one call; the engine gives up by itself a moment later.
const CALL_TIME_MAX: Duration = Duration::from_secs(9);
/// Most of a refusal's text that is repeated in the log.
const REFUSAL_CHARS_MAX: usize = 200;
/// Names a call that may come twice.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// A gateway behind HTTP.
pub struct HttpGateway {
    client: Client,
    url: String,
    token: SecretString,
}

impl fmt::Debug for HttpGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpGateway")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenBody {
    reference: PaymentId,
    amount: i64,
    currency: Currency,
    method: PaymentMethod,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    pg_payment_id: GatewayPaymentId,
    payment_session_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefundBody<'a> {
    pg_payment_id: &'a GatewayPaymentId,
    amount: i64,
    currency: Currency,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Captures {
    items: Vec<Captured>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Captured {
    pg_payment_id: GatewayPaymentId,
    /// What the capture was opened under, whoever opened it.
    reference: Option<String>,
    amount: i64,
    currency: Currency,
    captured_at: Timestamp,
    given_back: bool,
}

impl From<Captured> for Capture {
    fn from(captured: Captured) -> Self {
        Self {
            pg_payment_id: captured.pg_payment_id,
            reference: captured.reference.and_then(|reference| reference.parse().ok()),
            amount: Money::new(captured.amount, captured.currency),
            captured_at: captured.captured_at,
            given_back: captured.given_back,
        }
    }
}

impl HttpGateway {
    /// The gateway at `url`, which knows this server by `token`.
    ///
    /// # Errors
    /// What keeps the machine from making TLS connections.
    pub fn new(url: &str, token: SecretString) -> Result<Self, reqwest::Error> {
        // A second one finds the first, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder().timeout(CALL_TIME_MAX).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), token })
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let call = self.client.request(method, format!("{}{path}", self.url));
        call.bearer_auth(self.token.expose_secret())
    }

    async fn open_session(&self, request: OpenPayment) -> Result<GatewaySession, GatewayError> {
        let body = OpenBody {
            reference: request.reference,
            amount: request.amount.minor,
            currency: request.amount.currency,
            method: request.method,
            expires_at: request.expires_at,
        };
        let call = self.call(Method::POST, "/payments").header(IDEMPOTENCY_KEY, request.reference.to_string());
        let opened: Opened = answer(call.json(&body)).await?;
        Ok(GatewaySession { pg_payment_id: opened.pg_payment_id, url: opened.payment_session_url })
    }

    async fn give_back(&self, refund: Refund) -> Result<(), GatewayError> {
        let Refund { key, pg_payment_id, amount } = refund;
        let body = RefundBody { pg_payment_id: &pg_payment_id, amount: amount.minor, currency: amount.currency };
        let call = self.call(Method::POST, "/refunds").header(IDEMPOTENCY_KEY, key);
        accepted(call.json(&body)).await.map(drop)
    }

    async fn captures(&self, since: Timestamp, after: Option<String>) -> Result<Page<Capture>, GatewayError> {
        let mut query = vec![("since", since.to_string())];
        query.extend(after.map(|after| ("cursor", after)));
        let page: Captures = answer(self.call(Method::GET, "/captures").query(&query)).await?;
        let items = page.items.into_iter().map(Capture::from).collect();
        Ok(Page { items, next: page.next_cursor })
    }
}

impl PaymentGateway for HttpGateway {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(self.open_session(request))
    }

    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(self.give_back(request))
    }

    fn captured(&self, since: Timestamp, after: Option<String>) -> BoxFuture<'_, Result<Page<Capture>, GatewayError>> {
        Box::pin(self.captures(since, after))
    }
}

async fn answer<T: DeserializeOwned>(call: RequestBuilder) -> Result<T, GatewayError> {
    let body = accepted(call).await?.bytes().await.map_err(|error| unavailable(&error))?;
    // Asked again, it may know better: what it did under this name it has done.
    serde_json::from_slice(&body)
        .map_err(|error| GatewayError::Unavailable(format!("its answer is not what was agreed: {error}")))
}

/// The answer of a gateway that did what was asked. One that is busy, or broken, may do so later.
async fn accepted(call: RequestBuilder) -> Result<reqwest::Response, GatewayError> {
    let answer = call.send().await.map_err(|error| unavailable(&error))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let again = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS)
        || status.is_server_error()
        || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if again {
        return Err(GatewayError::Unavailable(format!("it answered {status}")));
    }
    let text = answer.text().await.unwrap_or_default();
    let told: String = text.chars().filter(|c| !c.is_control()).take(REFUSAL_CHARS_MAX).collect();
    Err(GatewayError::Refused(format!("it answered {status}: {told}")))
}

/// The driver's errors name the address, which may hold a secret.
fn unavailable(error: &reqwest::Error) -> GatewayError {
    let what = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "cannot connect".to_owned()
    } else {
        "the exchange broke off".to_owned()
    };
    GatewayError::Unavailable(what)
}
