//! Servers behind HTTP, as their clients see them.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use ticketing_core::{
    clock::{Clock, SystemClock, Timestamp},
    ids::{HoldId, OrderId, PaymentId, SessionId, UserId},
    payment::{CallbackStatus, PaymentStatus},
};

use super::{
    Delivered, Heard, Page, Told, Turn, Wish,
    accounts::{AccessToken, Accounts},
    gateway::SimGateway,
    office::Administrator,
    wire::{self, Reply, Wire, bearer},
};
use crate::{error::SimError, load::story::Answer};

/// Most tickets of one page.
const PAGE_MAX: usize = 200;

/// Everything that a shop behind HTTP is entered with.
#[derive(Debug)]
pub struct Entrance {
    /// The way there.
    pub wire: Wire,
    /// Buyers' tokens.
    pub accounts: Accounts,
    /// How payments are reported.
    pub till: Till,
    /// The gateway that the servers ask, if it is one of this process.
    pub gateway: Option<Arc<SimGateway>>,
    /// Address and password of an administrator, or an access token.
    pub administrator: Credentials,
}

/// Who administers.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// An account.
    Account {
        /// Its address.
        email: String,
        /// Its password.
        password: SecretString,
    },
    /// An access token.
    Token(SecretString),
}

/// How payments are reported.
pub enum Till {
    /// Callbacks signed here, as the gateway would.
    Signed(Hmac<Sha256>, SystemClock),
    /// Buyers press a button on the sandbox gateway's page.
    Page,
}

impl Till {
    /// By the sandbox gateway's secret, if it is known.
    pub fn new(webhook_secret: Option<&SecretString>) -> Self {
        webhook_secret.map_or(Self::Page, |secret| {
            let mac = Hmac::new_from_slice(secret.expose_secret().as_bytes());
            Self::Signed(mac.expect("HMAC takes keys of any length"), SystemClock::new())
        })
    }

    /// Whether callbacks are signed here.
    pub fn signs(&self) -> bool {
        matches!(self, Self::Signed(..))
    }
}

impl fmt::Debug for Till {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.signs() { "Till::Signed(…)" } else { "Till::Page" })
    }
}

/// Servers of one store.
#[derive(Debug)]
pub struct HttpShop {
    pub(super) wire: Wire,
    accounts: Accounts,
    till: Till,
    gateway: Option<Arc<SimGateway>>,
    pub(super) administrator: Administrator,
}

/// One buyer of theirs. When one server does not answer, the next is asked.
#[derive(Debug)]
pub struct HttpCounter {
    shop: Arc<HttpShop>,
    user_id: UserId,
    token: Mutex<AccessToken>,
    turn: AtomicUsize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlaceBody {
    queue_token: Option<String>,
    state: Option<String>,
    position: u64,
    allowed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HoldBody {
    hold_id: HoldId,
    quantity: u32,
    amount: i64,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckoutBody {
    payment_id: PaymentId,
    order_id: OrderId,
    pg_payment_id: String,
    payment_session_url: String,
    amount: i64,
    currency: String,
}

#[derive(Deserialize)]
struct PaymentBody {
    status: PaymentStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketBody {
    order_id: OrderId,
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketsBody {
    items: Vec<TicketBody>,
}

impl HttpShop {
    pub(super) async fn enter(entrance: Entrance) -> Result<Self, SimError> {
        let Entrance { wire, accounts, till, gateway, administrator } = entrance;
        let administrator = Administrator::enter(&wire, administrator).await?;
        Ok(Self { wire, accounts, till, gateway, administrator })
    }

    pub(super) fn gateway(&self) -> Option<&SimGateway> {
        self.gateway.as_deref()
    }

    pub(super) async fn visit(shop: &Arc<Self>, user_id: UserId) -> Result<HttpCounter, SimError> {
        let token = shop.accounts.token(&shop.wire, user_id).await?;
        Ok(HttpCounter {
            shop: Arc::clone(shop),
            user_id,
            token: Mutex::new(token),
            turn: AtomicUsize::new(shop.wire.next_turn()),
        })
    }
}

impl HttpCounter {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        self.shop.accounts.renew(self.user_id, &mut token);
        let (name, value) = bearer(&token.text);
        self.shop.wire.request(self.turn.load(Ordering::Relaxed), method, path).header(name, value)
    }

    async fn send(&self, request: RequestBuilder) -> Heard<Reply> {
        let heard = wire::send(request).await;
        if heard.as_ref().is_err_and(Answer::is_open) {
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
        heard
    }

    pub(super) async fn read(&self, session_id: SessionId) -> Heard<()> {
        // Every read is somebody else's, who may be anybody.
        let turn = self.shop.wire.next_turn();
        let request = self.shop.wire.request(turn, Method::GET, &format!("/api/sessions/{session_id}"));
        wire::send(request).await.map(|_| ())
    }

    pub(super) async fn join(&self, session_id: SessionId) -> Heard<Turn> {
        let request = self.request(Method::POST, "/api/queue/token").json(&json!({ "sessionId": session_id }));
        let body: PlaceBody = self.send(request).await?.json()?;
        let token = body.queue_token.clone().unwrap_or_default();
        Ok(body.turn(token))
    }

    pub(super) async fn poll(&self, token: &str) -> Heard<Turn> {
        let request = self.request(Method::GET, "/api/queue/status").header("queue-token", token);
        let body: PlaceBody = self.send(request).await?.json()?;
        Ok(body.turn(token.to_owned()))
    }

    pub(super) async fn leave_line(&self, token: &str) -> Heard<()> {
        let request = self.request(Method::DELETE, "/api/queue/token").header("queue-token", token);
        self.send(request).await.map(|_| ())
    }

    pub(super) async fn hold(&self, wish: &Wish) -> Heard<Told> {
        let mut body = json!({ "sessionId": wish.session_id, "quantity": wish.quantity });
        if let Some(token) = &wish.token {
            body["queueToken"] = Value::from(token.as_str());
        }
        let request = self.request(Method::POST, "/api/reservations/hold").header("idempotency-key", &wish.key);
        let reply = self.send(request.json(&body)).await?;
        let HoldBody { hold_id, quantity, amount, expires_at } = reply.json()?;
        Ok(Told { hold_id, quantity, amount, expires_at, replayed: reply.replayed })
    }

    pub(super) async fn has_hold(&self, hold_id: HoldId) -> Heard<bool> {
        match self.send(self.request(Method::GET, &format!("/api/reservations/hold/{hold_id}"))).await {
            Ok(_) => Ok(true),
            Err(answer) if answer.is_refusal_for("hold_not_found") => Ok(false),
            Err(answer) => Err(answer),
        }
    }

    pub(super) async fn release(&self, hold_id: HoldId) -> Heard<()> {
        let request = self.request(Method::DELETE, &format!("/api/reservations/hold/{hold_id}"));
        self.send(request).await.map(|_| ())
    }

    pub(super) async fn check_out(&self, hold_id: HoldId) -> Heard<Page> {
        let request = self.request(Method::POST, "/api/payments/checkout");
        let body: CheckoutBody =
            self.send(request.json(&json!({ "holdId": hold_id, "method": "CARD" }))).await?.json()?;
        let CheckoutBody { payment_id, order_id, pg_payment_id, payment_session_url, amount, currency } = body;
        Ok(Page { order_id, payment_id, pg_payment_id, url: payment_session_url, amount, currency })
    }

    pub(super) fn capture(&self, page: &Page) {
        if let Some(gateway) = self.shop.gateway() {
            gateway.capture(&page.pg_payment_id);
        }
    }

    pub(super) async fn report(&self, page: &Page, status: CallbackStatus) -> Heard<Delivered> {
        let reply = match &self.shop.till {
            Till::Signed(mac, clock) => {
                let body = json!({
                    "pgPaymentId": page.pg_payment_id, "status": status,
                    "amount": page.amount, "currency": page.currency,
                });
                let body = body.to_string();
                let seconds = clock.now().micros() / 1_000_000;
                let mut mac = mac.clone();
                mac.update(format!("{seconds}.{body}").as_bytes());
                let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
                let turn = self.turn.load(Ordering::Relaxed);
                let request = self.shop.wire.request(turn, Method::POST, "/api/payments/callback");
                let request = request
                    .header("ticketing-signature", format!("t={seconds},v1={hex}"))
                    .header(header::CONTENT_TYPE, "application/json");
                self.send(request.body(body)).await?
            }
            Till::Page => {
                let decision = if status == CallbackStatus::Success { "decision=pay" } else { "decision=decline" };
                let request = self.shop.wire.request_to(Method::POST, &page.url);
                let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                self.send(request.body(decision)).await?
            }
        };
        match reply.status {
            StatusCode::OK | StatusCode::SEE_OTHER => Ok(Delivered::Untold),
            status => Err(Answer::Failed { error: status.to_string() }),
        }
    }

    pub(super) async fn payment(&self, payment_id: PaymentId) -> Heard<PaymentStatus> {
        let reply = self.send(self.request(Method::GET, &format!("/api/payments/{payment_id}"))).await?;
        reply.json().map(|body: PaymentBody| body.status)
    }

    pub(super) async fn tickets(&self, order_id: OrderId) -> Heard<usize> {
        let path = format!("/api/me/tickets?limit={PAGE_MAX}");
        let body: TicketsBody = self.send(self.request(Method::GET, &path)).await?.json()?;
        let valid = body.items.iter().filter(|ticket| ticket.order_id == order_id && ticket.status == "VALID");
        Ok(valid.count())
    }
}

impl PlaceBody {
    fn turn(self, token: String) -> Turn {
        let sold_out = self.state.as_deref() == Some("SOLD_OUT");
        Turn { token, allowed: self.allowed, sold_out, position: self.position }
    }
}
