//! A server of one test's own.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use ::redis::{Cmd, FromRedisValue, RedisResult};

use super::{installed, keeper::Keeper};
use crate::testing::{blocking, fast_place};

/// What every server starts with: only this machine reaches it, and it keeps nothing.
const SETTINGS: &[(&str, &str)] = &[
    ("bind", "127.0.0.1"),
    ("protected-mode", "no"),
    ("save", "\"\""),
    ("appendonly", "no"),
    ("repl-diskless-sync-delay", "0"),
    ("repl-timeout", "5"),
];

/// Below those that systems give to outgoing connections, and so that a cluster's second port, 10,000 above,
/// is one too.
const PORTS: std::ops::Range<u16> = 15_000..22_000;
/// How often another port is tried.
const START_ATTEMPTS_MAX: u32 = 5;
/// How long a server may take to answer: one with a large log reads it first.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// How often it is asked.
const ASKED_EVERY: Duration = Duration::from_millis(5);

/// One server, to be killed, restarted, flushed and replicated. Dropping it kills it and removes its files.
#[derive(Debug)]
pub struct Server {
    keeper: Arc<Mutex<Keeper>>,
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// A new server with `settings` as in `redis.conf`; with `("appendonly", "yes")` its files are in the system's
    /// folder for temporary ones, otherwise in memory where there is enough. `None` where there is no Redis and
    /// the test is to be skipped.
    ///
    /// # Panics
    /// When it does not start; under CI when there is no Redis.
    pub async fn start(settings: &[(&str, &str)]) -> Option<Self> {
        if !installed("") {
            return None;
        }
        let settings: Vec<_> = settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Some(blocking(move || Self::start_blocking(&settings)).await)
    }

    /// A sentinel that watches over `watched`: a name, an address and a quorum. `None` where there is no Redis.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn sentinel(watched: &str) -> Option<Self> {
        if !installed("") {
            return None;
        }
        let settings = vec![("sentinel".to_owned(), format!("monitor {watched}"))];
        Some(blocking(move || Self::start_blocking(&settings)).await)
    }

    pub(super) fn start_blocking(settings: &[(String, String)]) -> Self {
        let durable = settings.iter().any(|(key, value)| key == "appendonly" && value == "yes");
        let place = if durable { env::temp_dir() } else { fast_place() };
        let mut keeper = Keeper::new(&place);
        let mut attempts = 0;
        let port = loop {
            let port = free_port();
            configure(keeper.folder(), port, settings);
            keeper.start(settings.iter().any(|(key, _)| key == "sentinel"));
            attempts += 1;
            match wait_for(&mut keeper, port) {
                Ok(()) => break port,
                Err(_) if attempts < START_ATTEMPTS_MAX => {}
                Err(refused) => panic!("{refused}"),
            }
        };
        let folder = keeper.folder().to_owned();
        Self { keeper: Arc::new(Mutex::new(keeper)), folder, port }
    }

    /// Its URL, for [`open`](crate::open), with `parameters` such as `prefix=shop`.
    pub fn url(&self, parameters: &str) -> String {
        url_of(self.address(), parameters)
    }

    /// The same by way of a proxy that listens at `proxy`.
    pub fn url_through(&self, proxy: SocketAddr, parameters: &str) -> String {
        url_of(proxy, parameters)
    }

    /// Where it listens, the same after a restart.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends it at once, in the middle of whatever it does. What its settings keep is found at the next start.
    pub async fn kill(&self) {
        self.keep(Keeper::kill).await;
    }

    /// Starts it again after [`Self::kill`], on the same port; returns when it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&self) {
        let port = self.port;
        self.keep(move |keeper| {
            keeper.start(false);
            wait_for(keeper, port).unwrap_or_else(|refused| panic!("{refused}"));
        })
        .await;
    }

    /// Freezes it: it keeps its connections and says nothing.
    pub async fn freeze(&self) {
        self.keep(Keeper::stop).await;
    }

    /// Lets it go on.
    pub async fn thaw(&self) {
        self.keep(Keeper::go_on).await;
    }

    /// Removes everything it has.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn flush(&self) {
        self.ask::<()>(&["FLUSHALL"]).await;
    }

    /// A copy that follows this server asynchronously and answers reads. It reaches it at `through`, which is
    /// its [`address`](Self::address) or that of a proxy on the way. Returns when it has everything.
    ///
    /// # Panics
    /// When the copy does not start.
    pub async fn replica(&self, through: SocketAddr) -> Self {
        let follows = format!("{} {}", through.ip(), through.port());
        let settings = vec![("replicaof".to_owned(), follows)];
        let replica = blocking(move || Self::start_blocking(&settings)).await;
        let mut linked = false;
        while !linked {
            tokio::time::sleep(ASKED_EVERY).await;
            linked = replica.info("replication").await.contains("master_link_status:up");
        }
        replica
    }

    /// Waits until `replica` has everything that is here.
    ///
    /// # Panics
    /// When one of the two does not answer.
    pub async fn in_step_with(&self, replica: &Self) {
        let number = |info: &str, name: &str| -> Option<u64> {
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
        };
        loop {
            let here = number(&self.info("replication").await, "master_repl_offset");
            let there = number(&replica.info("replication").await, "slave_repl_offset");
            if here.is_some() && here <= there {
                return;
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }

    /// Makes a replica a server in its own right.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn promote(&self) {
        self.ask::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    }

    /// A section of what it tells of itself.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn info(&self, section: &str) -> String {
        self.ask(&["INFO", section]).await
    }

    /// What it answers to a command.
    ///
    /// # Panics
    /// When it does not answer, or with something else.
    pub async fn ask<T: FromRedisValue + Send + 'static>(&self, words: &[&str]) -> T {
        let (port, command) = (self.port, command(words));
        let asked = words.join(" ");
        blocking(move || ask(port, &command).unwrap_or_else(|error| panic!("{asked}: {error}"))).await
    }

    async fn keep<T: Send + 'static>(&self, work: impl FnOnce(&mut Keeper) -> T + Send + 'static) -> T {
        let keeper = Arc::clone(&self.keeper);
        // A keeper is whole between two commands, also after one that failed a test.
        blocking(move || work(&mut keeper.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

pub(super) fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    words.iter().for_each(|word| {
        command.arg(word);
    });
    command
}

/// What the server on `port` answers.
pub(super) fn ask<T: FromRedisValue>(port: u16, command: &Cmd) -> RedisResult<T> {
    let client = ::redis::Client::open(("127.0.0.1", port))?;
    let mut connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    command.query(&mut connection)
}

fn url_of(address: SocketAddr, parameters: &str) -> String {
    if parameters.is_empty() { format!("redis://{address}") } else { format!("redis://{address}?{parameters}") }
}

fn configure(folder: &Path, port: u16, settings: &[(String, String)]) {
    let own = [("port".to_owned(), port.to_string()), ("dir".to_owned(), folder.display().to_string())];
    let is_sentinel = settings.iter().any(|(key, _)| key == "sentinel");
    // A sentinel knows few of a server's settings.
    let usual = SETTINGS.iter().filter(|(key, _)| !is_sentinel || matches!(*key, "bind" | "protected-mode"));
    let usual = usual.map(|&(key, value)| (key.to_owned(), value.to_owned()));
    // The last one of a name wins.
    let lines = usual.chain(own).chain(settings.iter().cloned()).map(|(key, value)| format!("{key} {value}\n"));
    fs::write(folder.join("redis.conf"), lines.collect::<String>()).expect("the server's settings are written");
}

/// Waits until the server answers.
fn wait_for(keeper: &mut Keeper, port: u16) -> Result<(), String> {
    let asks = STARTS_WITHIN.as_millis() / ASKED_EVERY.as_millis();
    for _ in 0..asks {
        if ask::<String>(port, &command(&["PING"])).is_ok() {
            return Ok(());
        }
        if !keeper.lives() {
            break;
        }
        thread::sleep(ASKED_EVERY);
    }
    Err(format!("redis-server does not start: {}", keeper.end_of_log()))
}

fn free_port() -> u16 {
    loop {
        let drawn = getrandom::u32().expect("the system gives random numbers") % PORTS.len() as u32;
        let port = PORTS.start + u16::try_from(drawn).expect("there are fewer ports than that");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}
