//! A server for a test: in process, on a real socket.

use std::sync::{
    Once,
    atomic::{AtomicU32, Ordering},
};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use ticketing_core::{
    audit::{Actor, Caller},
    engine::NewUser,
    ids::UserId,
    user::{Role, password::PasswordHash},
};
use ticketing_server::{
    config::{Config, LimitsConfig},
    extract::User,
    serve,
    startup::{self, Ready},
    state::App,
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    client::{self, Client, RequestBuilder},
    store::Store,
};

/// The sandbox gateway's signing secret of every test server.
pub const WEBHOOK_SECRET: &str = "a webhook secret of more than 32 bytes";
const JWT_SECRET: &str = "a token secret of more than 32 bytes!";
const AUDIT_KEY: &str = "an audit key of more than thirty-two bytes";
const QUEUE_TOKEN_SECRET: &str = "a queue token secret of more than 32 bytes";
const TICKET_SEED: &str = "5eed0000c0ffee001337babe00facade5eed1111c0ffee111337babe11facade";

/// A password that will do.
pub const PASSWORD: &str = "Secret123";

/// A running server.
pub struct TestServer {
    /// What its routes start with: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Its state.
    pub app: App,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

/// Somebody with an account and an access token.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: UserId,
    pub token: String,
}

/// No limits, as most tests ask more often than people do.
pub fn no_limits() -> LimitsConfig {
    LimitsConfig::none()
}

impl TestServer {
    /// A server over `store`, without limits.
    pub async fn start(store: &Store) -> Self {
        Self::with(store, |_| ()).await
    }

    /// A server over `store` with other settings.
    pub async fn with(store: &Store, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".to_owned();
        config.store.url = store.url();
        config.queue.url = store.queue_url();
        config.auth.jwt_secret = Some(JWT_SECRET.into());
        config.audit.key = Some(AUDIT_KEY.into());
        config.queue.token_secret = Some(QUEUE_TOKEN_SECRET.into());
        config.payments.sandbox.webhook_secret = Some(WEBHOOK_SECRET.into());
        config.tickets.signing_seed = Some(TICKET_SEED.into());
        config.limits = no_limits();
        change(&mut config);
        let Ready { app, listener, address, .. } = startup::start(config, false).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(serve(listener, app.clone(), async {
            // A test that drops its server wants it to stop, too.
            let _ = stopped.await;
        }));
        Self { url: format!("http://{address}"), app, client: client(), stop: Some(stop), running }
    }

    /// Asks the server to stop, and waits until it has.
    pub async fn stop(mut self) {
        self.stop.take();
        self.running.await.unwrap();
    }

    /// Asks the server to stop, and does not wait.
    pub fn begin_to_stop(&mut self) {
        self.stop.take();
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    pub fn patch(&self, path: &str) -> RequestBuilder {
        self.request(Method::PATCH, path)
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    /// Signs up over HTTP with [`PASSWORD`].
    pub async fn signup(&self, email: &str) -> Response {
        self.post("/api/auth/signup").json(&json!({ "email": email, "password": PASSWORD })).send().await.unwrap()
    }

    /// Logs in over HTTP.
    pub async fn login(&self, email: &str, password: &str) -> Response {
        self.post("/api/auth/login").json(&json!({ "email": email, "password": password })).send().await.unwrap()
    }

    /// Somebody new, past HTTP and without a usable password: hashing takes its time.
    pub async fn person(&self, role: Role) -> Person {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let email = format!("person-{}@example.com", NUMBER.fetch_add(1, Ordering::Relaxed)).parse().unwrap();
        let password_hash = PasswordHash::from_stored("none".to_owned());
        let new = NewUser { email, password_hash, role };
        let user = self.app.ticketing.create_user(Caller::of(Actor::Operator), new).await.unwrap();
        let token = self.app.tokens.issue(User { id: user.id, role }).unwrap();
        Person { id: user.id, token }
    }

    /// A buyer.
    pub async fn buyer(&self) -> Person {
        self.person(Role::User).await
    }

    /// An administrator.
    pub async fn admin(&self) -> Person {
        self.person(Role::Admin).await
    }

    /// A published event, made over HTTP; its id.
    pub async fn event(&self, admin: &Person) -> String {
        let body = json!({ "title": "Gala", "description": "One night", "venue": "Hall", "status": "PUBLISHED" });
        self.create(admin, "/api/admin/events", &body).await
    }

    /// A session of `event` on sale, made over HTTP with `change` laid over the usual; its id.
    pub async fn session(&self, admin: &Person, event: &str, change: Value) -> String {
        let mut body = json!({
            "startAt": "2030-01-01T10:00:00Z",
            "totalStock": 100,
            "price": { "amount": 55_000, "currency": "KRW" },
            "status": "OPEN",
        });
        let members = body.as_object_mut().unwrap();
        for (name, value) in change.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        if members.get("kind") == Some(&json!("SEATED")) {
            members.remove("totalStock");
        }
        self.create(admin, &format!("/api/admin/events/{event}/sessions"), &body).await
    }

    /// Makes something as an administrator; its id.
    pub async fn create(&self, admin: &Person, path: &str, body: &Value) -> String {
        let response = self.post(path).bearer_auth(&admin.token).json(body).send().await.unwrap();
        let created = expect(response, StatusCode::CREATED).await;
        created["id"].as_str().unwrap().to_owned()
    }

    /// Checks that an answer is the problem it should be, and that its `type` explains it.
    #[track_caller]
    pub fn problem(&self, response: Response, status: u16, reason: &str) -> impl Future<Output = Value> {
        let (status, reason) = (StatusCode::from_u16(status).unwrap(), reason.to_owned());
        let (client, url) = (self.client.clone(), self.url.clone());
        async move {
            let trace_id = header(&response, "x-trace-id");
            let retry_after = response.headers().get("retry-after").cloned();
            assert_eq!(header(&response, "content-type"), "application/problem+json");
            let problem = expect(response, status).await;
            assert_eq!(problem["reason"], json!(reason), "{problem}");
            assert_eq!(problem["status"], json!(status.as_u16()));
            assert_eq!(problem["traceId"], json!(trace_id));
            assert!(problem["code"].as_str().unwrap().starts_with(status.as_str()), "{problem}");
            assert!(problem["errors"].is_array() && problem["title"].is_string() && problem["detail"].is_string());
            let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
            assert!(!later || retry_after.is_some(), "no Retry-After: {problem}");
            let explained = client.get(format!("{url}{}", problem["type"].as_str().unwrap())).send().await.unwrap();
            assert_eq!(explained.status(), StatusCode::OK, "nothing explains {reason}");
            problem
        }
    }
}

/// The JSON of an answer that has the status it should have.
pub async fn expect(response: Response, status: StatusCode) -> Value {
    let (found, url, kind) = (response.status(), response.url().clone(), header(&response, "content-type"));
    let method = client::method(&response);
    let text = response.text().await.unwrap();
    crate::contract::check(&method, &url, found.as_u16(), &kind, &text);
    assert_eq!(found, status, "{url}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// A header's text; empty when there is none.
pub fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// A client that follows no redirect.
pub fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // A server that hands over spans has installed the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    Client(reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap())
}
