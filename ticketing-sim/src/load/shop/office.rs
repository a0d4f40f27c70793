//! What an administrator does over HTTP.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use ticketing_core::{
    clock::{Clock, SystemClock},
    ids::{EventId, SessionId},
    session::{Stock, limits},
};

use super::{
    Heard, Numbers, Sale, Verified, Violation,
    accounts::log_in,
    engine::PRICE,
    http::{Credentials, HttpShop},
    wire::{self, Wire, bearer},
};
use crate::{
    error::SimError,
    load::{scene::Scene, story::Answer},
};

/// How long the check of every invariant may take.
const VERIFY_TIME_MAX: Duration = Duration::from_secs(600);
/// How often what found nobody is tried again, and when.
const TRIES_MAX: u32 = 40;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Somebody who may administer, and is let in again when the access token has ended.
#[derive(Debug)]
pub(super) struct Administrator {
    credentials: Credentials,
    token: Mutex<SecretString>,
}

impl Administrator {
    pub(super) async fn enter(wire: &Wire, credentials: Credentials) -> Result<Self, SimError> {
        let token = token(wire, &credentials).await?;
        Ok(Self { credentials, token: Mutex::new(token) })
    }

    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, value) = bearer(token.expose_secret());
        request.header(name, value)
    }

    async fn enter_again(&self, wire: &Wire) -> Result<(), SimError> {
        let token = token(wire, &self.credentials).await?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }
}

async fn token(wire: &Wire, credentials: &Credentials) -> Result<SecretString, SimError> {
    match credentials {
        Credentials::Token(token) => Ok(token.clone()),
        Credentials::Account { email, password } => {
            log_in(wire, email, password.expose_secret()).await.map(SecretString::from)
        }
    }
}

#[derive(Deserialize)]
struct Created<T> {
    id: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatsBody {
    total_stock: i64,
    available: i64,
    held: i64,
    sold: i64,
    waiting: u64,
    active: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifyBody {
    sessions: u64,
    holds: u64,
    orders: u64,
    tickets: u64,
    audit_records: u64,
    violations: Vec<Violation>,
}

impl HttpShop {
    /// Asks as the administrator, and again where that is no harm.
    async fn administer<T: DeserializeOwned>(&self, method: Method, path: &str, body: &Value) -> Result<T, SimError> {
        let mut last = Answer::Unknown;
        for _ in 0..TRIES_MAX {
            let request = self.wire.request(self.wire.next_turn(), method.clone(), path);
            let request = if path.ends_with("/verify") { request.timeout(VERIFY_TIME_MAX) } else { request };
            let request = if body.is_null() { request } else { request.json(body) };
            match wire::send(self.administrator.sign(request)).await.and_then(|reply| reply.json()) {
                Ok(told) => return Ok(told),
                Err(answer) if answer.is_refusal_for("token_invalid") => {
                    if matches!(self.administrator.credentials, Credentials::Token(_)) {
                        return Err(SimError::Usage("--token: the access token is wrong or has ended".to_owned()));
                    }
                    self.administrator.enter_again(&self.wire).await?;
                }
                Err(answer) if answer.is_refusal_for("forbidden") => {
                    return Err(SimError::Usage("this account is no administrator".to_owned()));
                }
                Err(answer) if answer.is_open() => {
                    last = answer;
                    tokio::time::sleep(TRY_AGAIN_AFTER).await;
                }
                Err(answer) => return Err(SimError::Unreachable(format!("{method} {path}: {answer:?}"))),
            }
        }
        Err(SimError::Unreachable(format!("{method} {path}: {last:?}")))
    }

    pub(super) async fn open_sale(&self, scene: &Scene, stock: i64) -> Result<Sale, SimError> {
        let event = json!({
            "title": "Load", "description": "Made by ticketing-sim", "venue": "Nowhere", "status": "PUBLISHED",
        });
        let event: Created<EventId> = self.administer(Method::POST, "/api/admin/events", &event).await?;
        let queue = &scene.queue;
        let session = json!({
            "startAt": SystemClock::new().now().plus_seconds(86_400),
            "totalStock": stock,
            "price": PRICE,
            "status": "OPEN",
            "maxPerUser": limits::QUANTITY_MAX,
            "holdTtlSeconds": scene.hold_ttl_seconds,
            "queue": { "mode": queue.mode, "admitPerSecond": queue.admit_per_second, "maxActive": queue.max_active },
        });
        let path = format!("/api/admin/events/{}/sessions", event.id);
        let session: Created<SessionId> = self.administer(Method::POST, &path, &session).await?;
        Ok(Sale { event_id: event.id, session_id: session.id })
    }

    pub(super) async fn close_sale(&self, sale: Sale) -> Result<(), SimError> {
        let path = format!("/api/admin/events/{}", sale.event_id);
        let archived = self.administer::<Value>(Method::PATCH, &path, &json!({ "status": "ARCHIVED" })).await;
        archived.map(|_| ())
    }

    /// Once: whoever asks every so often has no use for an old answer.
    pub(super) async fn numbers(&self, sale: Sale) -> Heard<Numbers> {
        let path = format!("/api/admin/sessions/{}/stats", sale.session_id);
        let request = self.wire.request(self.wire.next_turn(), Method::GET, &path);
        let heard = wire::send(self.administrator.sign(request)).await;
        if heard.as_ref().is_err_and(|answer| answer.is_refusal_for("token_invalid")) {
            let entered = self.administrator.enter_again(&self.wire).await;
            return Err(entered.map_or_else(|error| Answer::Failed { error: error.to_string() }, |()| Answer::Unknown));
        }
        let body: StatsBody = heard?.json()?;
        let StatsBody { total_stock, available, held, sold, waiting, active } = body;
        Ok(Numbers { stock: Stock { total: total_stock, available, held, sold }, waiting, active })
    }

    pub(super) async fn verify(&self) -> Result<Verified, SimError> {
        let body: VerifyBody = self.administer(Method::GET, "/api/admin/verify", &Value::Null).await?;
        let records = body.sessions + body.holds + body.orders + body.tickets + body.audit_records;
        Ok(Verified { records, violations: body.violations })
    }
}
