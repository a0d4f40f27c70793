//! A server, an organiser who stocks it, and buyers.

mod answer;
mod buyer;

use std::{future::Future, sync::OnceLock, time::Duration};

use serde_json::{Value, json};
use ticketing_core::{
    clock::{Clock, SystemClock},
    user::Role,
};
use ticketing_server::{
    config::Config,
    gateway::signature::{self, SigningSecret},
};

pub use self::{
    answer::Answer,
    buyer::{Buyer, hold_body},
};
use crate::{
    client::Client,
    server::{Person, TestServer, WEBHOOK_SECRET, client},
    store::Store,
};

/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(60);

/// The life of a hold that is to end while somebody waits for it, in seconds: long enough for a busy machine
/// to do before its end what belongs there.
pub const BRIEF: u32 = 10;

/// The price of everything unless said otherwise, in won.
pub const PRICE: i64 = 55_000;

/// A running server with an administrator and one published event.
pub struct Shop {
    pub server: TestServer,
    pub http: Client,
    admin: Person,
    event: String,
}

impl Shop {
    /// A shop over `store`.
    pub async fn open(store: &Store) -> Self {
        Self::open_with(store, |_| ()).await
    }

    /// A shop over `store` with other settings.
    pub async fn open_with(store: &Store, change: impl FnOnce(&mut Config)) -> Self {
        let server = TestServer::with(store, change).await;
        let admin = server.admin().await;
        let event = server.event(&admin).await;
        Self { server, http: client(), admin, event }
    }

    /// The same shop after another start of its server, with other settings; `None`: nothing outlives a
    /// server on this store.
    pub async fn restarted(self, store: &Store, change: impl FnOnce(&mut Config)) -> Option<Self> {
        let Self { server, http, admin, event } = self;
        server.stop().await;
        match store {
            Store::Memory => None,
            Store::Sqlite(_)
            | Store::Postgres(_)
            | Store::Redis(_)
            | Store::RedisCluster(_)
            | Store::PostgresAndRedis(..) => {
                Some(Self { server: TestServer::with(store, change).await, http, admin, event })
            }
        }
    }

    /// The same buyer, at this shop's address.
    pub fn again(&self, buyer: &Buyer) -> Buyer {
        buyer.at(self.server.url.clone())
    }

    /// The published event.
    pub fn event_id(&self) -> &str {
        &self.event
    }

    /// Somebody in this role.
    pub async fn person(&self, role: Role) -> Buyer {
        Buyer::new(self.http.clone(), self.server.url.clone(), self.server.person(role).await)
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url)
    }

    /// Checks that every invariant that the store's records can show holds.
    pub async fn verify(&self) {
        let report = self.server.app.ticketing.verify().await.unwrap();
        assert!(report.is_clean(), "{:?}", report.violations);
    }

    /// A session on sale of `stock` tickets, at most 4 each, with `changes` to the usual settings.
    pub async fn session(&self, stock: i64, changes: Value) -> String {
        let mut settings = json!({"totalStock": stock, "maxPerUser": 4});
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.server.session(&self.admin, &self.event, settings).await
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
        let request = self.server.patch(&format!("/api/admin/sessions/{session}"));
        let answer = request.bearer_auth(&self.admin.token).json(&change).send().await.unwrap();
        Answer::read(answer).await.expect(200);
    }

    pub async fn admin_get(&self, path: &str) -> Answer {
        let request = self.server.get(path).bearer_auth(&self.admin.token);
        Answer::read(request.send().await.unwrap()).await
    }

    pub async fn admin_post(&self, path: &str, body: Value) -> Answer {
        let request = self.server.post(path).bearer_auth(&self.admin.token).json(&body);
        Answer::read(request.send().await.unwrap()).await
    }

    /// Somebody with an access token of their own.
    pub async fn buyer(&self) -> Buyer {
        Buyer::new(self.http.clone(), self.server.url.clone(), self.server.buyer().await)
    }

    /// Sends a callback as the gateway would.
    pub async fn callback(&self, body: &Value) -> Answer {
        let body = body.to_string();
        let signature = SigningSecret::new(WEBHOOK_SECRET.as_bytes()).sign(clock().now(), body.as_bytes());
        self.raw_callback(Some(&signature), body).await
    }

    /// Sends a callback with this signature, or none.
    pub async fn raw_callback(&self, signature: Option<&str>, body: String) -> Answer {
        let mut request = self.server.post("/api/payments/callback");
        request = request.header("content-type", "application/json").body(body);
        if let Some(signature) = signature {
            request = request.header(signature::HEADER, signature);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// What the session says is left.
    pub async fn remaining(&self, session: &str) -> i64 {
        let answer = self.server.get(&format!("/api/sessions/{session}")).send().await.unwrap();
        Answer::read(answer).await.expect(200).body["remainingStock"].as_i64().unwrap()
    }
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
