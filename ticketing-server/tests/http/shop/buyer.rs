use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::Answer;
use crate::{
    client::{Client, RequestBuilder},
    server::Person,
};

/// Somebody who buys.
#[derive(Clone)]
pub struct Buyer {
    http: Client,
    base: String,
    person: Person,
    keys: Arc<AtomicUsize>,
}

impl Buyer {
    pub(super) fn new(http: Client, base: String, person: Person) -> Self {
        Self { http, base, person, keys: Arc::default() }
    }

    /// The same person, at another address.
    pub(super) fn at(&self, base: String) -> Self {
        Self { base, ..self.clone() }
    }

    pub fn access_token(&self) -> &str {
        &self.person.token
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.http.request(method.parse().unwrap(), url).bearer_auth(&self.person.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::read(self.request("GET", path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::read(self.request("POST", path).json(&body).send().await.unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::read(self.request("DELETE", path).send().await.unwrap()).await
    }

    /// A request with a header of its own.
    pub async fn with_header(&self, method: &str, path: &str, header: (&str, &str), body: Option<Value>) -> Answer {
        let request = self.request(method, path).header(header.0, header.1);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Answer::read(request.send().await.unwrap()).await
    }

    /// Takes a place in the waiting room.
    pub async fn join(&self, session: &str) -> Answer {
        self.post("/api/queue/token", json!({"sessionId": session})).await
    }

    /// A token for `session`.
    pub async fn token(&self, session: &str) -> String {
        self.join(session).await.success().text("queueToken")
    }

    /// Asks for a hold under `key`, with exactly this body.
    pub async fn hold_with(&self, key: &str, body: Value) -> Answer {
        self.with_header("POST", "/api/reservations/hold", ("idempotency-key", key), Some(body)).await
    }

    /// Asks for `wanted` of `session` under a key that was never used, with a token of its own.
    pub async fn hold(&self, session: &str, wanted: Value) -> Answer {
        let key = format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed));
        let queue_token = self.token(session).await;
        self.hold_with(&key, hold_body(session, wanted, &queue_token)).await
    }

    /// Holds `quantity` tickets, and goes to the cashier.
    pub async fn checkout(&self, session: &str, wanted: Value) -> Answer {
        let hold = self.hold(session, wanted).await.expect(201).text("holdId");
        self.checkout_hold(&hold).await.expect(201)
    }

    pub async fn checkout_hold(&self, hold: &str) -> Answer {
        self.post("/api/payments/checkout", json!({"holdId": hold, "method": "CARD"})).await
    }

    /// How a payment stands.
    pub async fn payment(&self, payment: &str) -> String {
        self.get(&format!("/api/payments/{payment}")).await.expect(200).text("status")
    }

    /// How a hold stands.
    pub async fn hold_status(&self, hold: &str) -> String {
        self.get(&format!("/api/reservations/hold/{hold}")).await.expect(200).text("status")
    }

    pub async fn tickets(&self) -> Vec<Value> {
        self.get("/api/me/tickets?limit=200").await.expect(200).body["items"].as_array().unwrap().clone()
    }
}

/// `quantity`, or `seatIds`: what `wanted` has, in a hold's body.
pub fn hold_body(session: &str, wanted: Value, queue_token: &str) -> Value {
    let mut body = json!({"sessionId": session, "queueToken": queue_token});
    body.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
    body
}
