//! No line of the log has in it what is nobody's business.

use std::fs::{self, File};

use serde_json::{Value, json};
use tempfile::TempDir;
use ticketing_store::testing::postgres::Database;

use crate::{
    flow::{self, Secrets},
    process::{self, ADMIN, AUDIT_KEY, JWT_SECRET, QUEUE_TOKEN_SECRET, Server, TICKET_SEED, WEBHOOK_SECRET, call},
};

/// Everything that our crates say, and everything that anybody says.
const LEVELS: [&str; 2] = ["info,ticketing_server=trace,ticketing_core=trace,ticketing_store=trace", "trace"];
const FORMATS: [&str; 2] = ["json", "human"];
const STORE_PASSWORD: &str = "canary-store-password";

/// What the server was told at its start.
fn configured() -> Secrets {
    let secrets = [
        ("the admin's address", ADMIN.0),
        ("the admin's password", ADMIN.1),
        ("the secret of access tokens", JWT_SECRET),
        ("the webhook's secret", WEBHOOK_SECRET),
        ("the audit key", AUDIT_KEY),
        ("the secret of queue tokens", QUEUE_TOKEN_SECRET),
        ("the seed that signs tickets", TICKET_SEED),
        ("the store's password", STORE_PASSWORD),
        ("a password's hash", "$argon2"),
    ];
    secrets.map(|(what, secret)| (what, secret.to_owned())).to_vec()
}

/// Runs all that a shop does on a server with this log, does something `worse` to it, and looks into the
/// log.
async fn check(store_url: &str, format: &str, level: &str, worse: impl AsyncFnOnce(&Server)) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    let log = File::create(&path).unwrap();
    let server = Server::start_with(store_url, |command| {
        command.env("TICKETING__LOG__FORMAT", format).env("TICKETING__LOG__LEVEL", level).stderr(log);
    });
    let mut secrets = configured();
    secrets.extend(flow::everything(server.address).await);
    worse(&server).await;
    server.stop();
    let log = fs::read_to_string(&path).unwrap();
    let lines = log.lines().filter(|line| line.contains("/api/payments/callback")).count();
    assert!(lines >= 7, "only {lines} lines about callbacks: is this the log?\n{log}");
    assert!(log.contains("ticketing_server"), "our own crates say something");
    for (what, secret) in secrets {
        let told = log.lines().find(|line| line.contains(&secret));
        assert!(told.is_none(), "{what} ({secret}) stands in the log ({format}, {level}): {told:?}");
    }
}

#[tokio::test]
async fn no_line_of_the_log_has_a_secret_a_token_or_an_address_on_sqlite() {
    for format in FORMATS {
        for level in LEVELS {
            let folder = TempDir::new().unwrap();
            let url = format!("sqlite://{}", folder.path().join("ticketing.db").display());
            check(&url, format, level, async |_| ()).await;
        }
    }
}

#[tokio::test]
async fn no_line_of_the_log_has_a_secret_a_token_or_an_address_on_postgres() {
    for format in FORMATS {
        for level in LEVELS {
            let Some(database) = Database::create().await else { return };
            // Nobody is asked for one, and everybody may have one.
            let url = database.url().replacen('@', &format!(":{STORE_PASSWORD}@"), 1);
            assert!(url.contains(STORE_PASSWORD), "{url}");
            // The store goes away under the server.
            check(&url, format, level, async |server| {
                drop(database);
                without_a_store(server).await;
            })
            .await;
        }
    }
}

async fn without_a_store(server: &Server) {
    let buyer = process::buyer(4_711);
    let both = json!({ "email": ADMIN.0, "password": ADMIN.1 });
    let asked = [
        ("GET", "/readyz", Value::Null),
        ("GET", "/api/me", Value::Null),
        ("GET", "/api/events", Value::Null),
        ("POST", "/api/auth/login", both),
        ("POST", "/api/queue/token", json!({ "sessionId": format!("session_{:032x}", 1) })),
    ];
    for (method, path, body) in asked {
        let answer = call(server.address, method, path, &buyer, "", body).await.expect("an answer");
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
    }
}
