//! The server as its operator runs it: a process of its own, spoken to over a socket, killed at will.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketing_core::engine::Keys;
use ticketing_store::secrets::parse_seed;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub const JWT_SECRET: &str = "an access token secret for tests only, long enough";
pub const WEBHOOK_SECRET: &str = "a callback secret for tests only, long enough too";
pub const AUDIT_KEY: &str = "an audit key for tests only, long enough as well";
pub const QUEUE_TOKEN_SECRET: &str = "a queue token secret for tests only, long enough";
pub const TICKET_SEED: &str = "5eed0000c0ffee001337babe00facade5eed1111c0ffee111337babe11facade";
pub const ADMIN: (&str, &str) = ("admin@example.com", "Admin-Secret-1");

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// Where it runs: a folder of its own.
    _folder: TempDir,
}

impl Server {
    /// Starts a server over the store at `store_url` and waits until it answers.
    pub fn start(store_url: &str) -> Self {
        Self::start_with(store_url, |_| ())
    }

    /// As [`Self::start`], with more to say to it.
    pub fn start_with(store_url: &str, change: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().expect("a folder to run in");
        let mut command = command(store_url, folder.path());
        change(&mut command);
        let mut child = command.spawn().expect("the server's binary starts");
        let stdout = child.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(stdout).lines();
        let line =
            lines.find_map(|line| line.ok().filter(|line| line.starts_with("listening on "))).unwrap_or_else(|| {
                let status = child.wait();
                panic!("the server ended before it listened: {status:?}")
            });
        // Whatever it prints later has to go somewhere, or it would block.
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.trim_start_matches("listening on http://").parse().expect("it prints its address");
        Self { child, address, _folder: folder }
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, and its orderly end.
    pub fn stop(mut self) {
        let told = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.pid())]).status();
        assert!(told.expect("there is a shell").success());
        let ended = self.child.wait().expect("a server that is told to stop ends");
        assert!(ended.success(), "{ended}");
    }

    /// SIGKILL, now.
    pub fn kill(mut self) {
        self.child.kill().expect("the server is there to be killed");
        self.child.wait().expect("a killed server ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed already, or killed here: either is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What every test server signs and chains with.
pub fn keys() -> Keys {
    let seed = parse_seed(TICKET_SEED).expect("64 hexadecimal digits");
    Keys::new(AUDIT_KEY.as_bytes(), QUEUE_TOKEN_SECRET.as_bytes(), &seed)
}

fn command(store_url: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketing-server"));
    command
        .args(["--listen", "127.0.0.1:0", "--store", store_url])
        .current_dir(folder)
        .env("TICKETING__AUTH__JWT_SECRET", JWT_SECRET)
        .env("TICKETING__PAYMENTS__SANDBOX__WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("TICKETING__AUDIT__KEY", AUDIT_KEY)
        .env("TICKETING__QUEUE__TOKEN_SECRET", QUEUE_TOKEN_SECRET)
        .env("TICKETING__TICKETS__SIGNING_SEED", TICKET_SEED)
        .env("TICKETING__BOOTSTRAP__ADMIN_EMAIL", ADMIN.0)
        .env("TICKETING__BOOTSTRAP__ADMIN_PASSWORD", ADMIN.1)
        .env("TICKETING__LIMITS__REQUESTS_PER_ADDRESS_PER_SECOND", "0")
        .env("TICKETING__LIMITS__REQUESTS_PER_USER_PER_SECOND", "0")
        .env("TICKETING__LOG__LEVEL", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// An answer of the server.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub replayed: bool,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {self:?}")).to_owned()
    }
}

/// One request on a connection of its own; `None` when the answer did not come back whole.
pub async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: &str,
    key: &str,
    body: Value,
) -> Option<Answer> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if !token.is_empty() {
        head += &format!("Authorization: Bearer {token}\r\n");
    }
    if !key.is_empty() {
        head += &format!("Idempotency-Key: {key}\r\n");
    }
    head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    exchange(address, &head).await
}

/// A signed callback of the sandbox gateway.
pub async fn callback(address: SocketAddr, pg_payment_id: &str) -> Option<Answer> {
    let body = json!({ "pgPaymentId": pg_payment_id, "status": "SUCCESS" }).to_string();
    let head = format!(
        "POST /api/payments/callback HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Ticketing-Signature: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        signature(body.as_bytes()),
        body.len()
    );
    exchange(address, &head).await
}

/// The sandbox gateway's signature of a callback's body.
pub fn signature(body: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let t = unix_seconds();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).unwrap();
    mac.update(format!("{t}.").as_bytes());
    mac.update(body);
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={t},v1={signature}")
}

/// Sends a request's bytes; `None` when the answer did not come back whole.
pub async fn exchange(address: SocketAddr, request: &str) -> Option<Answer> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        read(&answer)
    };
    tokio::time::timeout(Duration::from_secs(60), talk).await.ok()?
}

/// Reads a whole answer; `None` when its end is missing.
fn read(answer: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    if length.is_some_and(|length| length.trim().parse() != Ok(body.len())) {
        return None;
    }
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap_or(Value::Null) };
    Some(Answer { status, replayed: head.contains("idempotent-replayed: true"), body })
}

fn unix_seconds() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "a test signs with the time of the day")]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An access token of the `n`-th buyer, signed as an identity provider would.
pub fn buyer(n: u64) -> String {
    let now = unix_seconds();
    let claims = json!({
        "sub": format!("user_{n:032x}"), "role": "USER", "iss": "ticketing", "aud": "ticketing-api",
        "iat": now, "exp": now + 600,
    });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(JWT_SECRET.as_bytes())).unwrap()
}

/// The administrator's access token.
pub async fn admin(address: SocketAddr) -> String {
    let body = json!({ "email": ADMIN.0, "password": ADMIN.1 });
    let answer = call(address, "POST", "/api/auth/login", "", "", body).await.expect("login answers");
    answer.body["accessToken"].as_str().expect("the administrator may log in").to_owned()
}

/// A published event with one session of `stock` tickets, on sale without a waiting room.
pub async fn session(address: SocketAddr, admin: &str, stock: u32) -> String {
    let event = json!({ "title": "Finals", "description": "", "venue": "Arena", "status": "PUBLISHED" });
    let event = call(address, "POST", "/api/admin/events", admin, "", event).await.unwrap();
    assert_eq!(event.status, 201, "{event:?}");
    let session = json!({
        "startAt": "2030-01-01T19:00:00Z", "totalStock": stock, "price": { "amount": 55_000, "currency": "KRW" },
        "status": "OPEN", "maxPerUser": 10, "holdTtlSeconds": 3600, "queue": { "mode": "OFF" },
    });
    let path = format!("/api/admin/events/{}/sessions", event.body["id"].as_str().unwrap());
    let session = call(address, "POST", &path, admin, "", session).await.unwrap();
    assert_eq!(session.status, 201, "{session:?}");
    session.body["id"].as_str().unwrap().to_owned()
}

/// Asks for a hold of one ticket.
pub async fn hold(address: SocketAddr, session: &str, buyer: u64, key: &str) -> Option<Answer> {
    let body = json!({ "sessionId": session, "quantity": 1 });
    call(address, "POST", "/api/reservations/hold", &self::buyer(buyer), key, body).await
}

/// Every invariant, checked by the server.
pub async fn assert_sound(address: SocketAddr) {
    let token = admin(address).await;
    let answer = call(address, "GET", "/api/admin/verify", &token, "", Value::Null).await.expect("verify answers");
    assert_eq!(answer.body["ok"], true, "{answer:?}");
}
