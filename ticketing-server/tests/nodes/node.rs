//! A server beside others over one store.

use std::{
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketing_core::{
    audit::{Actor, Caller},
    clock::{Clock, SystemClock},
    engine::NewUser,
    ids::UserId,
    store::Backend,
    user::{Role, password::PasswordHash},
};
use ticketing_server::{
    config::{Config, LimitsConfig},
    extract::User,
    gateway::signature::{self, SigningSecret},
    serve,
    startup::{self, Ready, StartupError},
    state::App,
};
use ticketing_store::OpenOptions;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::store::Store;

/// What one ticket costs, in won.
pub const PRICE: i64 = 55_000;
/// The sandbox gateway's signing secret of every node.
pub const WEBHOOK_SECRET: &str = "a webhook secret of more than 32 bytes";
/// The audit key of every node.
pub const AUDIT_KEY: &str = "an audit key of more than thirty-two bytes";
/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(60);

/// Nodes over one store.
pub struct Nodes<'a> {
    store: &'a Store,
    /// Opened once for all of them, where a store is one server's alone.
    shared: Option<Arc<dyn Backend>>,
    folder: TempDir,
}

impl<'a> Nodes<'a> {
    pub async fn of(store: &'a Store) -> Self {
        let shared = match store {
            Store::Postgres(_) | Store::Redis(_) | Store::RedisCluster(_) | Store::PostgresAndRedis(..) => None,
            Store::Memory | Store::Sqlite(_) => {
                let shared = ticketing_store::open(&store.url(), OpenOptions::new(ticketing_store::Role::Server));
                let shared = shared.unwrap();
                shared.migrate().await.unwrap();
                Some(shared)
            }
        };
        Self { store, shared, folder: tempfile::tempdir().unwrap() }
    }

    /// The file in which the sandbox gateway of every node keeps its books.
    pub fn journal(&self) -> std::path::PathBuf {
        self.folder.path().join("sandbox.jsonl")
    }

    /// One more node.
    pub async fn start(&self) -> Node {
        self.start_with(|_| ()).await.unwrap()
    }

    /// One more node with other settings.
    pub async fn start_with(&self, change: impl FnOnce(&mut Config)) -> Result<Node, StartupError> {
        let ready = self.ready(change, false).await?;
        let (stop, stopped) = oneshot::channel::<()>();
        let Ready { app, listener, address, .. } = ready;
        let running = tokio::spawn(serve(listener, app.clone(), async {
            // A test that drops its node wants it to stop, too.
            let _ = stopped.await;
        }));
        Ok(Node { url: format!("http://{address}"), app, stop: Some(stop), running })
    }

    /// A node that is assembled and not served.
    pub async fn ready(&self, change: impl FnOnce(&mut Config), demo: bool) -> Result<Ready, StartupError> {
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".to_owned();
        config.store.url = self.store.url();
        config.queue.url = self.store.queue_url();
        config.auth.jwt_secret = Some("a token secret of more than 32 bytes!".into());
        config.audit.key = Some(AUDIT_KEY.into());
        config.queue.token_secret = Some("a queue token secret of more than 32 bytes".into());
        config.payments.sandbox.webhook_secret = Some(WEBHOOK_SECRET.into());
        config.payments.sandbox.journal = Some(self.journal());
        // A case asks the gateway itself: a node that asked first, as it starts, would leave it nothing to find.
        config.payments.reconcile_every_seconds = 0;
        config.tickets.signing_seed = Some("5eed0000c0ffee001337babe00facade5eed1111c0ffee111337babe11facade".into());
        config.limits = LimitsConfig::none();
        change(&mut config);
        match &self.shared {
            Some(shared) => startup::start_over(Arc::clone(shared), config, demo).await,
            None => startup::start(config, demo).await,
        }
    }

    /// Checks every invariant that the store's records can show.
    pub async fn verify(&self) {
        let checker = self.ready(|_| (), false).await.unwrap().app;
        let report = checker.ticketing.verify().await.unwrap();
        assert!(report.is_clean(), "{:?}", report.violations);
        checker.ticketing.shutdown().await;
    }
}

/// A running server.
pub struct Node {
    pub url: String,
    pub app: App,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

/// What a node answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body, if it is JSON; else a string.
    pub body: Value,
}

impl Answer {
    async fn read(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {self:?}")).to_owned()
    }
}

impl Node {
    /// Asks the node to stop, and waits until it has.
    pub async fn stop(mut self) {
        self.stop.take();
        self.running.await.unwrap();
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        client().request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        Answer::read(self.request("POST", path).bearer_auth(token).json(&body)).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        Answer::read(self.request("GET", path).bearer_auth(token)).await
    }

    /// What anybody is shown.
    pub async fn page(&self, path: &str) -> Answer {
        Answer::read(self.request("GET", path)).await
    }

    /// Presses a button of the payment page, and goes where it leads.
    pub async fn press(&self, page: &str, decision: &str) -> Answer {
        let form = self.request("POST", page).header("content-type", "application/x-www-form-urlencoded");
        let pressed = Answer::read(form.body(format!("decision={decision}"))).await.expect(303);
        self.page(pressed.header("location").unwrap()).await.expect(200)
    }

    /// The access token of somebody new.
    pub fn buyer(&self) -> String {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let id = format!("user_{:032x}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.app.tokens.issue(User { id: id.parse().unwrap(), role: Role::User }).unwrap()
    }

    /// The access token of an administrator.
    pub async fn admin(&self) -> String {
        let email = format!("admin@{}.example.com", self.app.clock.now().micros()).parse().unwrap();
        let new = NewUser { email, password_hash: PasswordHash::from_stored("none".to_owned()), role: Role::Admin };
        let user = self.app.ticketing.create_user(Caller::of(Actor::Operator), new).await.unwrap();
        self.token_of(user.id, Role::Admin)
    }

    fn token_of(&self, id: UserId, role: Role) -> String {
        self.app.tokens.issue(User { id, role }).unwrap()
    }

    /// A session of a published event on sale.
    pub async fn session(&self, stock: i64, changes: Value) -> String {
        let admin = self.admin().await;
        let event = json!({ "title": "Gala", "status": "PUBLISHED" });
        let event = self.post("/api/admin/events", &admin, event).await.expect(201).text("id");
        let mut session = json!({
            "startAt": "2040-01-01T10:00:00Z", "totalStock": stock, "status": "OPEN",
            "price": { "amount": PRICE, "currency": "KRW" },
        });
        session.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.post(&format!("/api/admin/events/{event}/sessions"), &admin, session).await.expect(201).text("id")
    }

    /// The only event that is shown.
    pub async fn event(&self) -> String {
        self.page("/api/events").await.expect(200).body["items"][0]["id"].as_str().unwrap().to_owned()
    }

    pub async fn hold(&self, token: &str, key: &str, wish: Value) -> Answer {
        let request = self.request("POST", "/api/reservations/hold").bearer_auth(token);
        Answer::read(request.header("idempotency-key", key).json(&wish)).await
    }

    pub async fn checkout(&self, token: &str, hold: &str) -> Answer {
        self.post("/api/payments/checkout", token, json!({ "holdId": hold, "method": "CARD" })).await
    }

    /// A checkout of `quantity` tickets.
    pub async fn opened(&self, token: &str, session: &str, quantity: i64) -> Answer {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let queue_token = self.post("/api/queue/token", token, json!({ "sessionId": session })).await;
        let wish = json!({ "sessionId": session, "quantity": quantity, "queueToken": queue_token.text("queueToken") });
        let key = format!("key-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let hold = self.hold(token, &key, wish).await.expect(201);
        self.checkout(token, &hold.text("holdId")).await.expect(201)
    }

    /// Sends a callback about `opened` as the gateway would.
    pub async fn callback(&self, opened: &Answer, status: &str) -> Answer {
        let body = json!({ "pgPaymentId": opened.text("pgPaymentId"), "status": status }).to_string();
        let signed = SigningSecret::new(WEBHOOK_SECRET.as_bytes()).sign(SystemClock::new().now(), body.as_bytes());
        Answer::read(self.request("POST", "/api/payments/callback").header(signature::HEADER, signed).body(body)).await
    }

    /// How the payment of `opened` stands.
    pub async fn payment(&self, token: &str, opened: &Answer) -> String {
        self.get(&format!("/api/payments/{}", opened.text("paymentId")), token).await.expect(200).text("status")
    }

    /// How many tickets somebody has.
    pub async fn tickets(&self, token: &str) -> usize {
        self.get("/api/me/tickets?limit=200", token).await.expect(200).body["items"].as_array().unwrap().len()
    }
}

/// A client that follows no redirect.
pub fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // A server that hands over spans has installed the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Asks until there is an answer.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asked = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asked).await.unwrap_or_else(|_| panic!("{what}: not in {DEADLINE:?}"))
}
