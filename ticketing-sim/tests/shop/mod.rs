//! A shop for a test: servers in this process, on real sockets, over one store.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{path::Path, process::Output, sync::Arc};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use ticketing_server::{
    config::{Config, LimitsConfig},
    serve,
    startup::{self, Ready},
};
use ticketing_store::{OpenOptions, Role};
use tokio::{sync::oneshot, task::JoinHandle};

pub const ADMIN: (&str, &str) = ("admin@example.com", "Admin-Secret-1");
const JWT_SECRET: &str = "a token secret of more than 32 bytes!";
const WEBHOOK_SECRET: &str = "a webhook secret of more than 32 bytes";
const AUDIT_KEY: &str = "an audit key of more than thirty-two bytes";
const QUEUE_TOKEN_SECRET: &str = "a queue token secret of more than 32 bytes";
const TICKET_SEED: &str = "5eed0000c0ffee001337babe00facade5eed1111c0ffee111337babe11facade";

/// Servers of one store.
pub struct Shop {
    nodes: Vec<Node>,
    folder: TempDir,
}

struct Node {
    url: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Shop {
    /// So many servers.
    pub async fn open(count: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}", folder.path().join("shop.db").display());
        let store = ticketing_store::open(&url, OpenOptions::new(Role::Server)).unwrap();
        store.migrate().await.unwrap();
        let mut nodes = Vec::new();
        for _ in 0..count {
            let started = startup::start_over(Arc::clone(&store), config(&url), false).await.unwrap();
            let Ready { app, listener, address, .. } = started;
            let (stop, stopped) = oneshot::channel::<()>();
            let running = tokio::spawn(serve(listener, app, async {
                // A test that drops its shop wants it to close, too.
                let _ = stopped.await;
            }));
            nodes.push(Node { url: format!("http://{address}"), stop, running });
        }
        Self { nodes, folder }
    }

    /// Closes it.
    pub async fn close(self) {
        for node in self.nodes {
            drop(node.stop);
            node.running.await.unwrap();
        }
    }

    /// Where the simulator runs, and leaves its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its servers, as the simulator is told.
    pub fn targets(&self) -> String {
        self.nodes.iter().map(|node| &*node.url).collect::<Vec<_>>().join(",")
    }

    /// Runs a load that must end well, and reads its report.
    pub async fn load(&self, args: &str) -> Value {
        self.load_ending(args, &[0]).await
    }

    /// Runs a load that must end with one of these codes, and reads its report.
    pub async fn load_ending(&self, args: &str, codes: &[i32]) -> Value {
        for (name, secret) in [("admin", ADMIN.1), ("jwt", JWT_SECRET), ("webhook", WEBHOOK_SECRET)] {
            std::fs::write(self.folder().join(name), format!("{secret}\n")).unwrap();
        }
        let access = "--admin-password-file admin --jwt-secret-file jwt --webhook-secret-file webhook";
        let args = format!("--target {} --admin-email {} {access} --json {args}", self.targets(), ADMIN.0);
        let output = output(sim(self.folder(), &args)).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{:?}: {stderr}", output.status);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
    }
}

/// `ticketing-sim load` with these words, in an environment that says nothing.
pub fn sim(dir: &Path, args: &str) -> Command {
    let mut command = Command::cargo_bin("ticketing-sim").unwrap();
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKETING_")) {
        command.env_remove(name);
    }
    command.current_dir(dir).arg("load").args(args.split_whitespace());
    command
}

/// What it prints, while the servers go on.
pub async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn config(url: &str) -> Config {
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".to_owned();
    config.store.url = url.to_owned();
    config.auth.jwt_secret = Some(JWT_SECRET.into());
    config.audit.key = Some(AUDIT_KEY.into());
    config.queue.token_secret = Some(QUEUE_TOKEN_SECRET.into());
    config.payments.sandbox.webhook_secret = Some(WEBHOOK_SECRET.into());
    config.tickets.signing_seed = Some(TICKET_SEED.into());
    config.bootstrap.admin_email = Some(ADMIN.0.to_owned());
    config.bootstrap.admin_password = Some(ADMIN.1.into());
    config.limits = LimitsConfig::none();
    config
}
