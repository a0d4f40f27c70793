//! A session on sale at a running server, and the requests of its buyers.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::try_join_all;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::Sha256;
use ticketing_core::{
    clock::{Clock, SystemClock},
    ids::{EventId, SessionId, UserId},
};
use uuid::Uuid;

use crate::{
    Failure,
    http::{Connection, request},
    server::{ADMIN, JWT_SECRET, WEBHOOK_SECRET},
};

/// Life of the access tokens minted here: the longest there is.
const TOKEN_SECONDS: i64 = 900;

/// A session on sale.
#[derive(Debug, Clone, Copy)]
pub struct Shop {
    /// The server.
    pub address: SocketAddr,
    /// The event.
    pub event_id: EventId,
    /// Its session: all the stock there can be.
    pub session_id: SessionId,
}

/// A buyer with an access token.
#[derive(Debug, Clone)]
pub struct Buyer {
    authorization: String,
    key: String,
}

impl Shop {
    /// Puts a session on sale, as the administrator.
    ///
    /// # Errors
    /// When the server refuses anything.
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let mut connection = Connection::open(address).await?;
        let login = json!({ "email": ADMIN.0, "password": ADMIN.1 }).to_string();
        let tokens = connection.expect(200, &request("POST", "/api/auth/login", &[], Some(&login))).await?;
        let token: String = field(tokens, "accessToken")?;
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        let event = json!({ "title": "Benchmark", "description": "", "venue": "Nowhere", "status": "PUBLISHED" });
        let create = request("POST", "/api/admin/events", &headers, Some(&event.to_string()));
        let event_id = field(connection.expect(201, &create).await?, "id")?;
        let session = json!({
            "startAt": "2099-01-01T00:00:00Z",
            "kind": "QUANTITY",
            "totalStock": 10_000_000,
            "price": { "amount": 55_000, "currency": "KRW" },
            "status": "OPEN",
            "holdTtlSeconds": 3_600,
        });
        let path = format!("/api/admin/events/{event_id}/sessions");
        let create = request("POST", &path, &headers, Some(&session.to_string()));
        let session_id = field(connection.expect(201, &create).await?, "id")?;
        Ok(Self { address, event_id, session_id })
    }

    /// The request for a place in the waiting room.
    pub fn join_request(&self, buyer: &Buyer) -> Vec<u8> {
        let body = json!({ "sessionId": self.session_id }).to_string();
        request("POST", "/api/queue/token", &[("authorization", &buyer.authorization)], Some(&body))
    }

    /// The request for a hold of one ticket.
    pub fn hold_request(&self, buyer: &Buyer, queue_token: &str) -> Vec<u8> {
        let body = json!({ "sessionId": self.session_id, "quantity": 1, "queueToken": queue_token }).to_string();
        let headers = [("authorization", buyer.authorization.as_str()), ("idempotency-key", buyer.key.as_str())];
        request("POST", "/api/reservations/hold", &headers, Some(&body))
    }

    /// Lets so many new buyers join on each of so many connections; the hold requests they may make.
    ///
    /// # Errors
    /// When anybody is refused.
    pub async fn admitted(&self, connections: usize, buyers: usize) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
        let joins = (0..connections).map(|_| {
            let shop = *self;
            tokio::spawn(async move {
                let mut connection = Connection::open(shop.address).await?;
                let mut holds = Vec::with_capacity(buyers);
                for _ in 0..buyers {
                    let buyer = Buyer::new();
                    let joined = connection.expect(201, &shop.join_request(&buyer)).await?;
                    let token: String = field(joined, "queueToken")?;
                    holds.push(shop.hold_request(&buyer, &token));
                }
                Ok::<_, Failure>(holds)
            })
        });
        try_join_all(joins).await?.into_iter().collect()
    }
}

impl Buyer {
    /// Somebody never seen before.
    pub fn new() -> Self {
        let user = UserId::from_uuid(Uuid::from_u128(fastrand::u128(..)));
        Self {
            authorization: format!("Bearer {}", access_token(user)),
            key: format!("key-{}", user.uuid().as_simple()),
        }
    }

    /// The request for a payment of a hold.
    pub fn checkout_request(&self, hold_id: &str) -> Vec<u8> {
        let body = json!({ "holdId": hold_id, "method": "CARD" }).to_string();
        request("POST", "/api/payments/checkout", &[("authorization", &self.authorization)], Some(&body))
    }

    /// The request for the buyer's tickets.
    pub fn tickets_request(&self) -> Vec<u8> {
        request("GET", "/api/me/tickets", &[("authorization", &self.authorization)], None)
    }
}

impl Default for Buyer {
    fn default() -> Self {
        Self::new()
    }
}

/// The gateway's signed report that a payment succeeded.
pub fn callback_request(pg_payment_id: &str) -> Vec<u8> {
    let body = json!({ "pgPaymentId": pg_payment_id, "status": "SUCCESS" }).to_string();
    let seconds = unix_seconds();
    let signature = hex(&hmac_sha256(WEBHOOK_SECRET, format!("{seconds}.{body}").as_bytes()));
    let signature = format!("t={seconds},v1={signature}");
    request("POST", "/api/payments/callback", &[("ticketing-signature", &signature)], Some(&body))
}

/// A field of a JSON object.
///
/// # Errors
/// When it is not there, or something else.
pub fn field<T: DeserializeOwned>(body: &[u8], name: &str) -> Result<T, Failure> {
    let mut object: Value = serde_json::from_slice(body)?;
    let value = object.get_mut(name).map(Value::take).ok_or_else(|| format!("there is no `{name}` in the answer"))?;
    Ok(serde_json::from_value(value)?)
}

fn access_token(user: UserId) -> String {
    let now = unix_seconds();
    let claims = json!({
        "sub": user, "role": "USER", "iss": "ticketing", "aud": "ticketing-api", "iat": now, "exp": now + TOKEN_SECONDS,
    });
    let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
    let signed = format!("{}.{}", encode(r#"{"alg":"HS256","typ":"JWT"}"#), encode(&claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(JWT_SECRET, signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn hmac_sha256(secret: &str, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unix_seconds() -> i64 {
    SystemClock::new().now().micros() / 1_000_000
}
