//! A real server in its own process, an organiser who stocks it, and buyers.

#![allow(dead_code, unused_imports, reason = "every test file uses its own part")]

mod answer;
mod buyer;
mod server;

use std::{future::Future, sync::OnceLock, time::Duration};

use serde_json::{Value, json};
use ticketing_core::{
    clock::{Clock, SystemClock},
    ids::{IdGen, RandomIds, UserId},
};
use ticketing_server::gateway::signature::{self, SigningSecret};

pub use self::{
    answer::Answer,
    buyer::{Buyer, hold_body},
    server::{Server, WEBHOOK_SECRET},
};

/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(20);

/// The price of everything unless said otherwise, in won.
pub const PRICE: i64 = 55_000;

/// A running server with an administrator and one published event.
pub struct Shop {
    pub server: Server,
    pub http: reqwest::Client,
    admin: String,
    event: String,
}

impl Shop {
    pub async fn open() -> Self {
        Self::on(Server::start(&[])).await
    }

    pub async fn on(server: Server) -> Self {
        let http = client();
        let login = json!({"email": server::ADMIN_EMAIL, "password": server::ADMIN_PASSWORD});
        let answer = http.post(server.url("/api/auth/login")).json(&login).send().await.unwrap();
        let admin = Answer::read(answer).await.expect(200).text("accessToken");
        let mut shop = Self { server, http, admin, event: String::new() };
        let event = json!({"title": "Gala", "description": "", "venue": "Hall", "status": "PUBLISHED"});
        shop.event = shop.admin_post("/api/admin/events", event).await.expect(201).text("id");
        shop
    }

    /// A session on sale of `stock` tickets, with `changes` to the usual settings.
    pub async fn session(&self, stock: i64, changes: Value) -> String {
        let mut body = json!({
            "startAt": "2099-01-01T10:00:00Z",
            "kind": "QUANTITY",
            "totalStock": stock,
            "price": {"amount": PRICE, "currency": "KRW"},
            "maxPerUser": 4,
            "status": "OPEN",
        });
        let body_members = body.as_object_mut().unwrap();
        body_members.extend(changes.as_object().unwrap().clone());
        if body["kind"] == "SEATED" {
            body.as_object_mut().unwrap().remove("totalStock");
        }
        let path = format!("/api/admin/events/{}/sessions", self.event);
        self.admin_post(&path, body).await.expect(201).text("id")
    }

    /// A seated session on sale: seats A1 to A`count`, of which A1 costs 99,000 won.
    pub async fn seated(&self, count: i64, changes: Value) -> String {
        let mut settings = json!({"kind": "SEATED"});
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let session = self.session(0, settings).await;
        let seat = |number: i64| {
            let price = (number == 1).then(|| json!({"amount": 99_000, "currency": "KRW"}));
            json!({"id": format!("A{number}"), "section": "Floor", "row": "A", "number": number, "price": price})
        };
        let seats: Vec<_> = (1..=count).map(seat).collect();
        self.admin_post(&format!("/api/admin/sessions/{session}/seats"), json!({"seats": seats})).await.success();
        session
    }

    /// Changes a session.
    pub async fn patch(&self, session: &str, change: Value) {
        let request = self.http.patch(self.server.url(&format!("/api/admin/sessions/{session}")));
        let answer = request.bearer_auth(&self.admin).json(&change).send().await.unwrap();
        Answer::read(answer).await.expect(200);
    }

    pub async fn admin_post(&self, path: &str, body: Value) -> Answer {
        let request = self.http.post(self.server.url(path)).bearer_auth(&self.admin).json(&body);
        Answer::read(request.send().await.unwrap()).await
    }

    /// Somebody with an access token of their own.
    pub fn buyer(&self) -> Buyer {
        static IDS: OnceLock<RandomIds> = OnceLock::new();
        let id = UserId::from_uuid(IDS.get_or_init(RandomIds::new).uuid(clock().now()));
        Buyer::new(self.http.clone(), self.server.base().to_owned(), id)
    }

    /// Sends a callback as the gateway would.
    pub async fn callback(&self, body: &Value) -> Answer {
        let body = body.to_string();
        let signature = SigningSecret::new(WEBHOOK_SECRET.as_bytes()).sign(clock().now(), body.as_bytes());
        self.raw_callback(Some(&signature), body).await
    }

    /// Sends a callback with this signature, or none.
    pub async fn raw_callback(&self, signature: Option<&str>, body: String) -> Answer {
        let mut request = self.http.post(self.server.url("/api/payments/callback"));
        request = request.header("content-type", "application/json").body(body);
        if let Some(signature) = signature {
            request = request.header(signature::HEADER, signature);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// What the session says is left.
    pub async fn remaining(&self, session: &str) -> i64 {
        let answer = self.http.get(self.server.url(&format!("/api/sessions/{session}"))).send().await.unwrap();
        Answer::read(answer).await.expect(200).body["remainingStock"].as_i64().unwrap()
    }
}

/// Nothing is followed, so that tests see the redirects.
pub fn client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // Somebody else may have installed one in this process: any will do.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub fn clock() -> &'static SystemClock {
    static CLOCK: OnceLock<SystemClock> = OnceLock::new();
    CLOCK.get_or_init(SystemClock::new)
}

/// Asks until there is an answer.
#[track_caller]
pub fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> impl Future<Output = T> {
    let (what, mut ask) = (what.to_owned(), ask);
    let asked = async move {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    async move { tokio::time::timeout(DEADLINE, asked).await.unwrap_or_else(|_| panic!("{what}: not in {DEADLINE:?}")) }
}
