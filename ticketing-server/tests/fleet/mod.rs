//! Several server processes over one store, and visitors who go to the next when one does not answer.

mod visitor;

use std::{any::Any, net::SocketAddr, process::Command, sync::Arc, time::Duration};

use serde_json::{Value, json};
use ticketing_store::testing::{postgres::Database, redis::Namespace};
use tokio::time::{Instant, sleep, timeout};

pub use self::visitor::Visitor;
use crate::process::{self, Answer, Server, assert_sound, call};

/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(60);

/// Server processes with a store of their own.
pub struct Fleet {
    /// A killed one leaves its place empty.
    servers: Vec<Option<Server>>,
    /// The one that stands still.
    standing: Option<usize>,
    pub nodes: Arc<[SocketAddr]>,
    admin: String,
    /// What they share.
    _store: Box<dyn Any + Send>,
}

impl Fleet {
    /// `None` where there is no Postgres, which is told on stderr and is a failure in CI.
    pub async fn start(count: usize) -> Option<Self> {
        Self::on_postgres(count, None).await
    }

    /// The same with waiting rooms in the Redis at `queue`.
    #[allow(dead_code, reason = "not every test program has one")]
    pub async fn with_queue(count: usize, queue: &str) -> Option<Self> {
        Self::on_postgres(count, Some(queue)).await
    }

    async fn on_postgres(count: usize, queue: Option<&str>) -> Option<Self> {
        let database = Database::migrated().await?;
        let url = database.url().to_owned();
        Some(Self::over(&url, count, Box::new(database), queue).await)
    }

    /// On one Redis alone; `None` where there is none, which is told on stderr and is a failure in CI.
    #[allow(dead_code, reason = "not every test program has one")]
    pub async fn start_on_redis(count: usize) -> Option<Self> {
        let namespace = Namespace::create().await?;
        let url = namespace.url().to_owned();
        Some(Self::over(&url, count, Box::new(namespace), None).await)
    }

    async fn over(url: &str, count: usize, store: Box<dyn Any + Send>, queue: Option<&str>) -> Self {
        let start = || {
            Server::start_with(url, |command| {
                command.args(queue.iter().flat_map(|url| ["--queue", url]));
            })
        };
        let servers: Vec<_> = (0..count).map(|_| start()).collect();
        let nodes: Arc<[SocketAddr]> = servers.iter().map(|server| server.address).collect();
        let admin = process::admin(nodes[0]).await;
        Self { servers: servers.into_iter().map(Some).collect(), standing: None, nodes, admin, _store: store }
    }

    /// A session of a published event on sale, with whatever `changes` make of it.
    pub async fn session(&self, stock: i64, changes: Value) -> String {
        let event = json!({ "title": "Gala", "status": "PUBLISHED" });
        let event = self.administer("POST", "/api/admin/events", event).await;
        let mut session = json!({
            "startAt": "2040-01-01T19:00:00Z", "totalStock": stock, "status": "OPEN", "holdTtlSeconds": 3600,
            "price": { "amount": 55_000, "currency": "KRW" }, "queue": { "mode": "OFF" },
        });
        session.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let path = format!("/api/admin/events/{}/sessions", event.text("id"));
        self.administer("POST", &path, session).await.text("id")
    }

    async fn administer(&self, method: &str, path: &str, body: Value) -> Answer {
        let node = self.awake().next().expect("one is left");
        let answer = call(node, method, path, &self.admin, "", body).await.expect("a server answers");
        assert!((200..300).contains(&answer.status), "{answer:?}");
        answer
    }

    /// The nodes that answer.
    fn awake(&self) -> impl Iterator<Item = SocketAddr> {
        let servers = self.servers.iter().enumerate().filter(|(node, _)| self.standing != Some(*node));
        servers.filter_map(|(_, server)| server.as_ref()).map(|server| server.address)
    }

    /// SIGKILL, now.
    pub fn kill(&mut self, node: usize) {
        self.servers[node].take().expect("it is killed once").kill();
    }

    /// SIGSTOP: it stands still until [`Self::go_on`].
    pub fn stop(&mut self, node: usize) {
        self.signal(node, "STOP");
        self.standing = Some(node);
    }

    /// SIGCONT.
    pub fn go_on(&mut self) {
        let node = self.standing.take().expect("one stands still");
        self.signal(node, "CONT");
    }

    fn signal(&self, node: usize, signal: &str) {
        let pid = self.servers[node].as_ref().expect("it was not killed").pid();
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status();
        assert!(sent.expect("there is a shell").success());
    }

    /// A session's numbers: available, held, sold.
    pub async fn stock(&self, session: &str) -> [i64; 3] {
        let stats = self.administer("GET", &format!("/api/admin/sessions/{session}/stats"), Value::Null).await;
        ["available", "held", "sold"].map(|name| stats.body[name].as_i64().unwrap())
    }

    /// Whatever a node remembers, a second later it shows so many left.
    pub async fn assert_shown(&self, session: &str, left: i64) {
        sleep(Duration::from_secs(1)).await;
        for node in self.awake() {
            let shown = call(node, "GET", &format!("/api/sessions/{session}"), "", "", Value::Null).await;
            assert_eq!(shown.expect("a server answers").body["remainingStock"], left, "{node}");
        }
    }

    /// Every invariant, checked by one of them.
    pub async fn assert_sound(&self) {
        assert_sound(self.awake().next().expect("one is left")).await;
    }
}

/// Asks until the answer is yes.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) -> Duration {
    let began = Instant::now();
    let awaited = async {
        while !condition().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, awaited).await.unwrap_or_else(|_| panic!("{what}: not in {DEADLINE:?}"));
    began.elapsed()
}
