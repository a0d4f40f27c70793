//! Servers in processes of their own: the real one, and the bare one it is compared with.

use std::{
    env,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use axum::{
    Json, Router,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::Failure;

/// The secret of access tokens that the server is started with.
pub const JWT_SECRET: &str = "benchmark-access-token-secret-0123456789";
/// The secret of the sandbox gateway that the server is started with.
pub const WEBHOOK_SECRET: &str = "benchmark-webhook-secret-0123456789abcdef";
/// The audit key that the server is started with.
pub const AUDIT_KEY: &str = "benchmark-audit-key-0123456789abcdefghij";
/// The first administrator's name and password.
pub const ADMIN: (&str, &str) = ("admin@example.com", "Benchmark123");

/// What starts the bare server in this program.
pub const BARE_SERVER: &str = "bare-server";
const LISTENING: &str = "listening on http://";
const STARTED_WITHIN: Duration = Duration::from_secs(20);
const STOPPED_WITHIN: Duration = Duration::from_secs(40);

/// A running server. Killed when it is dropped, if it was not stopped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    // Kept open: a server whose stdout is gone would fail at its next line.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts `ticketing-server` on the database `file`, without rate limits. Its log, at the usual
    /// level, goes into a file beside the database.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn ticketing(file: &Path) -> Result<Self, Failure> {
        let program = program()?;
        let dir = file.parent().ok_or("a database file lies in a directory")?;
        let log = dir.join("server.log");
        let mut command = Command::new(&program);
        command
            .args(["--listen", "127.0.0.1:0", "--store", &format!("sqlite://{}", file.display())])
            .current_dir(dir)
            .stderr(File::create(&log)?)
            .env("TICKETING__AUTH__JWT_SECRET", JWT_SECRET)
            .env("TICKETING__PAYMENTS__SANDBOX__WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("TICKETING__AUDIT__KEY", AUDIT_KEY)
            .env("TICKETING__BOOTSTRAP__ADMIN_EMAIL", ADMIN.0)
            .env("TICKETING__BOOTSTRAP__ADMIN_PASSWORD", ADMIN.1)
            .env("TICKETING__LIMITS__REQUESTS_PER_USER_PER_SECOND", "0")
            .env("TICKETING__LIMITS__REQUESTS_PER_ADDRESS_PER_SECOND", "0");
        Self::start(command).await.map_err(|error| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            format!("{}: {error}\n{said}", program.display()).into()
        })
    }

    /// Starts the bare server.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn bare() -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(BARE_SERVER).stderr(Stdio::inherit());
        Self::start(command).await
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let id = self.child.id().ok_or("the server has ended by itself")?;
        let told = Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        if !told.success() {
            return Err(format!("process {id} cannot be told to stop").into());
        }
        let status = timeout(STOPPED_WITHIN, self.child.wait()).await??;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }

    async fn start(mut command: Command) -> Result<Self, Failure> {
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("the server has no stdout")?);
        let address = timeout(STARTED_WITHIN, listening(&mut stdout)).await??;
        Ok(Self { address, child, _stdout: stdout })
    }
}

async fn listening(stdout: &mut BufReader<ChildStdout>) -> Result<SocketAddr, Failure> {
    let mut line = String::new();
    while stdout.read_line(&mut line).await? > 0 {
        if let Some(address) = line.trim().strip_prefix(LISTENING) {
            return Ok(address.parse()?);
        }
        line.clear();
    }
    Err("the server ended before it listened".into())
}

/// The server's program: `TICKETING_SERVER`, or the one beside this program.
fn program() -> Result<PathBuf, Failure> {
    if let Some(program) = env::var_os("TICKETING_SERVER") {
        return Ok(program.into());
    }
    let beside = env::current_exe()?.with_file_name("ticketing-server");
    if beside.exists() { Ok(beside) } else { Err(format!("{}: build it first", beside.display()).into()) }
}

/// A small JSON object, of about the size of a session's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Small {
    id: String,
    event_id: String,
    start_at: String,
    kind: String,
    total_stock: i64,
    remaining_stock: i64,
    status: String,
    price: SmallPrice,
    max_per_user: u32,
    as_of: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SmallPrice {
    amount: i64,
    currency: String,
}

impl Small {
    /// One.
    pub fn example() -> Self {
        Self {
            id: "session_0190163d8a7b7c3e9a1b2c3d4e5f6071".to_owned(),
            event_id: "event_0190163d8a7b7c3e9a1b2c3d4e5f6071".to_owned(),
            start_at: "2027-04-01T10:00:00.000000Z".to_owned(),
            kind: "QUANTITY".to_owned(),
            total_stock: 10_000_000,
            remaining_stock: 9_999_999,
            status: "OPEN".to_owned(),
            price: SmallPrice { amount: 55_000, currency: "KRW".to_owned() },
            max_per_user: 10,
            as_of: "2027-04-01T10:00:00.000000Z".to_owned(),
        }
    }
}

/// Runs the bare server: what axum does with a small JSON object and nothing else.
///
/// # Errors
/// When it cannot listen.
pub async fn serve_bare() -> Result<(), Failure> {
    let app = Router::new()
        .route("/json", get(async || Json(Small::example())))
        .route("/echo", post(async |Json(small): Json<Small>| Json(small)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    anstream::println!("{LISTENING}{}", listener.local_addr()?);
    let stop = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminated) => drop(terminated.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(stop).await?)
}
