//! A server of one test's own.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{blocking, connect, keeper::Keeper, programs, programs::Programs, server_url::ServerUrl};
use crate::testing::fast_place;

/// What every server starts with: only this machine reaches it, and nothing waits for a disk. A killed
/// server finds its writes again, since the system keeps what a process has written.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "400"),
    ("shared_buffers", "64MB"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    // Its files are in memory, where there is enough.
    ("max_wal_size", "256MB"),
    // A replica that lost its primary, or its way to it, is back at once.
    ("wal_retrieve_retry_interval", "100ms"),
];

/// Below those that systems give to outgoing connections, so that none of these has a killed server's port
/// when it comes back.
const PORTS: std::ops::Range<u16> = 15_000..30_000;

/// How often another port is tried.
const START_ATTEMPTS_MAX: u32 = 5;

/// One server, to be killed, restarted and replicated. Everybody may connect as `postgres`, without a
/// password. Dropping it stops it and removes its files.
#[derive(Debug)]
pub struct Cluster {
    keeper: Arc<Mutex<Keeper>>,
    folder: PathBuf,
    port: u16,
    url: ServerUrl,
}

impl Cluster {
    /// A new server with `settings` as in `postgresql.conf`. With `fsync`, which is off by default, its files
    /// are in the system's folder for temporary ones, otherwise in memory where there is enough.
    /// `None` where there is no Postgres and the test is to be skipped.
    ///
    /// # Panics
    /// When it does not start; under CI when there is no Postgres.
    pub async fn start(settings: &[(&str, &str)]) -> Option<Self> {
        Self::start_in(&usual_place(settings), settings).await
    }

    /// As [`Self::start`], with its files in a folder of its own in `place`, where whoever it runs as must be
    /// let in.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_in(place: &Path, settings: &[(&str, &str)]) -> Option<Self> {
        let programs = programs("")?;
        let place = place.to_owned();
        let settings: Vec<_> = settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let cluster = blocking(move || {
            let settings: Vec<_> = settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            Self::made_in(&place, programs, &settings)
        });
        Some(cluster.await)
    }

    pub(super) fn start_blocking(programs: &'static Programs, settings: &[(&str, &str)]) -> Self {
        Self::made_in(&usual_place(settings), programs, settings)
    }

    fn made_in(place: &Path, programs: &'static Programs, settings: &[(&str, &str)]) -> Self {
        let mut keeper = Keeper::new(programs, place);
        succeed(keeper.run("initdb", "-D data --no-sync -E UTF8 --locale=C -A trust -U postgres"));
        keeper.configure(SETTINGS);
        keeper.configure(settings);
        Self::launch(keeper)
    }

    /// Starts what `keeper` has in its folder, on a port that is free.
    fn launch(mut keeper: Keeper) -> Self {
        let mut attempts = 0;
        let port = loop {
            let port = free_port();
            keeper.configure(&[("port", &port.to_string())]);
            attempts += 1;
            match start(&mut keeper) {
                Ok(()) => break port,
                Err(_) if attempts < START_ATTEMPTS_MAX => {}
                Err(refused) => panic!("{refused}"),
            }
        };
        let folder = keeper.folder().to_owned();
        let url = ServerUrl::new(&format!("postgres://postgres@127.0.0.1:{port}"));
        Self { keeper: Arc::new(Mutex::new(keeper)), folder, port, url }
    }

    /// The URL of its database `database`; a new server has `postgres`.
    pub fn url(&self, database: &str) -> String {
        self.url.database(database)
    }

    /// The URL of its database `database` by way of a proxy that listens at `proxy`.
    pub fn url_through(&self, proxy: SocketAddr, database: &str) -> String {
        self.url.through(proxy).database(database)
    }

    /// Its TCP port on 127.0.0.1, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Where its data and its log are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends all of its processes at once, in the middle of whatever they do. What they had committed is
    /// found in its log at the next start. Does nothing to a killed one.
    pub async fn kill(&self) {
        self.keep(|keeper| {
            // It fails when there is nothing to kill.
            let _ = keeper.run("pg_ctl", "-D data -m immediate -w stop");
        })
        .await;
    }

    /// Starts it again after [`Self::kill`], on the same port; returns when it accepts connections.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&self) {
        self.keep(|keeper| succeed(start(keeper))).await;
    }

    /// Ends the connections of all other clients, as an administrator would; returns how many.
    pub async fn terminate_backends(&self) -> i64 {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        self.query_one_i64("postgres", sql).await
    }

    /// A copy that follows this server asynchronously and answers reads. It reaches it at `through`, which
    /// is its [`address`](Self::address) or that of a proxy on the way.
    ///
    /// # Panics
    /// When the copy cannot be made or does not start.
    pub async fn replica(&self, through: SocketAddr) -> Self {
        let programs = self.keep(|keeper| keeper.programs).await;
        let place = self.folder.parent().expect("a server's folder is in another one").to_owned();
        blocking(move || {
            let mut keeper = Keeper::new(programs, &place);
            let (host, port) = (through.ip(), through.port());
            let copy = format!("-D data -R -X stream -c fast --no-sync -U postgres -h {host} -p {port}");
            succeed(keeper.run("pg_basebackup", &copy));
            Self::launch(keeper)
        })
        .await
    }

    /// Makes a replica a server in its own right; returns when it takes writes.
    ///
    /// # Panics
    /// When it is none.
    pub async fn promote(&self) {
        self.keep(|keeper| succeed(keeper.run("pg_ctl", "-D data -w promote"))).await;
    }

    /// Runs the statements of `sql` in `database`.
    ///
    /// # Panics
    /// When one fails.
    pub async fn execute(&self, database: &str, sql: &str) {
        let done = connect(&self.url(database)).await.batch_execute(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The one `bigint` that `sql` answers in `database`.
    ///
    /// # Panics
    /// When it answers something else.
    pub async fn query_one_i64(&self, database: &str, sql: &str) -> i64 {
        let row = connect(&self.url(database)).await.query_one(sql, &[]).await;
        row.and_then(|row| row.try_get(0)).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    async fn keep<T: Send + 'static>(&self, work: impl FnOnce(&mut Keeper) -> T + Send + 'static) -> T {
        let keeper = Arc::clone(&self.keeper);
        // A keeper is whole between two commands, also after one that failed a test.
        blocking(move || work(&mut keeper.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

fn usual_place(settings: &[(&str, &str)]) -> PathBuf {
    let fsync = settings.iter().any(|&(key, value)| key == "fsync" && value != "off");
    if fsync { env::temp_dir() } else { fast_place() }
}

fn start(keeper: &mut Keeper) -> Result<(), String> {
    keeper.run("pg_ctl", "-D data -l log -w start")
}

#[track_caller]
fn succeed(result: Result<(), String>) {
    if let Err(refused) = result {
        panic!("{refused}");
    }
}

fn free_port() -> u16 {
    loop {
        let drawn = getrandom::u32().expect("the system gives random numbers") % PORTS.len() as u32;
        let port = PORTS.start + u16::try_from(drawn).expect("there are fewer ports than that");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
