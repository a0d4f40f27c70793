//! One session with more tickets than anybody buys, and the requests of its buyers.

use std::{net::SocketAddr, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{StreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    connection::{Connection, request},
    process::{self, JWT_SECRET},
};

/// Checkouts under way at once, before anything is measured.
const CHECKOUTS_AT_ONCE: usize = 64;

/// A session on sale.
#[derive(Debug, Clone)]
pub struct Shop {
    pub address: SocketAddr,
    pub session: String,
    signer: Hmac<Sha256>,
    issued_at: u64,
}

impl Shop {
    pub async fn open(address: SocketAddr) -> Self {
        let admin = process::admin(address).await;
        let session = process::session(address, &admin, 10_000_000).await;
        #[allow(clippy::disallowed_methods, reason = "a test signs with the time of the day")]
        let issued_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let signer = Hmac::new_from_slice(JWT_SECRET.as_bytes()).unwrap();
        Self { address, session, signer, issued_at }
    }

    /// A hold by somebody who was never seen before.
    pub fn hold(&self) -> Vec<u8> {
        self.hold_of(&self.token(fastrand::u128(..)))
    }

    fn hold_of(&self, token: &str) -> Vec<u8> {
        let body = format!(r#"{{"sessionId":"{}","quantity":1}}"#, self.session);
        let headers = format!("authorization: Bearer {token}\r\nidempotency-key: k\r\n");
        request("POST", "/api/reservations/hold", &headers, &body)
    }

    /// As [`process::buyer`], for less of the cores.
    fn token(&self, user: u128) -> String {
        let claims = format!(
            r#"{{"sub":"user_{user:032x}","role":"USER","iss":"ticketing","aud":"ticketing-api","iat":{},"exp":{}}}"#,
            self.issued_at,
            self.issued_at + 900,
        );
        // {"alg":"HS256","typ":"JWT"}
        let mut token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.".to_owned();
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let mut signer = self.signer.clone();
        signer.update(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signer.finalize().into_bytes(), &mut token);
        token
    }

    /// What can be held now.
    pub fn look(&self) -> Vec<u8> {
        request("GET", &format!("/api/sessions/{}", self.session), "", "")
    }

    /// So many payments that wait for their callbacks: the gateway's names for them.
    pub async fn payments(&self, count: usize) -> Vec<String> {
        let lines = (0..CHECKOUTS_AT_ONCE).map(async |line| {
            let mut connection = Connection::open(self.address).await.unwrap();
            let mut names = Vec::new();
            for _ in (line..count).step_by(CHECKOUTS_AT_ONCE) {
                names.push(self.checkout(&mut connection).await);
            }
            names
        });
        let names: Vec<Vec<String>> = stream::iter(lines).buffer_unordered(CHECKOUTS_AT_ONCE).collect().await;
        names.concat()
    }

    async fn checkout(&self, connection: &mut Connection) -> String {
        let token = self.token(fastrand::u128(..));
        let held = created(connection, &self.hold_of(&token)).await;
        let body = json!({ "holdId": held["holdId"], "method": "CARD" }).to_string();
        let headers = format!("authorization: Bearer {token}\r\n");
        let opened = created(connection, &request("POST", "/api/payments/checkout", &headers, &body)).await;
        opened["pgPaymentId"].as_str().unwrap().to_owned()
    }

    /// The gateway's report that it was paid.
    pub fn callback(&self, name: &str) -> Vec<u8> {
        let body = json!({ "pgPaymentId": name, "status": "SUCCESS" }).to_string();
        let headers = format!("ticketing-signature: {}\r\n", process::signature(body.as_bytes()));
        request("POST", "/api/payments/callback", &headers, &body)
    }
}

async fn created(connection: &mut Connection, request: &[u8]) -> Value {
    let answer = connection.ask(request).await.unwrap();
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(answer.body));
    serde_json::from_slice(answer.body).unwrap()
}
