//! A database of one test's own.

use std::{env, net::SocketAddr, panic, sync::OnceLock, thread};

use super::{blocking, cluster::Cluster, connect, on_own_runtime, programs, server_url::ServerUrl};
use crate::{OpenOptions, Role, open};

/// Names a server to use instead of one of the process's own. Whoever it names must be allowed to make
/// databases.
const SERVER_VARIABLE: &str = "TICKETING_TEST_POSTGRES_URL";

/// A database with a name of its own, on the server that all tests of this process share, or on the one
/// that `TICKETING_TEST_POSTGRES_URL` names. Dropping it drops the database, whoever is connected.
#[derive(Debug)]
pub struct Database {
    server: &'static Server,
    name: String,
    url: String,
}

/// Where the databases of this process are made.
#[derive(Debug)]
struct Server {
    url: ServerUrl,
    /// `None` for one that was there before, which must not keep anything.
    own: Option<Cluster>,
    /// How a database is copied fastest, as SQL.
    strategy: &'static str,
}

impl Database {
    /// An empty one. `None` where there is no Postgres and the test is to be skipped.
    ///
    /// # Panics
    /// When the server does not do it; under CI when there is none.
    pub async fn create() -> Option<Self> {
        let server = blocking(Server::shared).await?;
        Some(blocking(|| on_own_runtime(Self::made_from("template0", server))).await)
    }

    /// One with the engine's tables. `None` where there is no Postgres and the test is to be skipped.
    ///
    /// # Panics
    /// When the server does not do it; under CI when there is none.
    pub async fn migrated() -> Option<Self> {
        let server = blocking(Server::shared).await?;
        let database = blocking(|| match &server.own {
            Some(_) => on_own_runtime(Self::made_from(template(server), server)),
            None => on_own_runtime(Self::migrated_on(server)),
        });
        Some(database.await)
    }

    /// Its URL, for [`open`](crate::open).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its URL by way of a proxy that listens at `proxy`.
    pub fn url_through(&self, proxy: SocketAddr) -> String {
        self.server.url.through(proxy).database(&self.name)
    }

    /// Where its server listens.
    pub fn address(&self) -> SocketAddr {
        self.server.url.address()
    }

    async fn made_from(template: &str, server: &'static Server) -> Self {
        let unique = getrandom::u64().expect("the system gives random numbers");
        let name = format!("ticketing_test_{unique:016x}");
        server.execute(&format!("CREATE DATABASE {name} TEMPLATE {template}{}", server.strategy)).await;
        let url = server.url.database(&name);
        Self { server, name, url }
    }

    async fn migrated_on(server: &'static Server) -> Self {
        let database = Self::made_from("template0", server).await;
        let store = open(&database.url, OpenOptions::new(Role::Tool)).expect("an empty database is opened");
        store.migrate().await.expect("an empty database is migrated");
        database
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // On a thread of its own: here may be a runtime, or none, or one that ends.
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        thread::scope(|scope| {
            let dropped = scope.spawn(|| on_own_runtime(self.server.execute(&sql))).join();
            match dropped {
                Err(failed) if !thread::panicking() => panic::resume_unwind(failed),
                Ok(()) | Err(_) => {}
            }
        });
    }
}

impl Server {
    /// Starts it for the first who asks, so that a test process without such tests has none.
    fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| match env::var(SERVER_VARIABLE) {
            Ok(url) => Some(Self::new(ServerUrl::new(&url), None)),
            Err(_) => {
                let cluster = Cluster::start_blocking(programs(&format!(" or set {SERVER_VARIABLE}"))?, &[]);
                Some(Self::new(ServerUrl::new(&cluster.url("postgres")), Some(cluster)))
            }
        });
        shared.as_ref()
    }

    fn new(url: ServerUrl, own: Option<Cluster>) -> Self {
        let version = on_own_runtime(async {
            let client = connect(&url.database("postgres")).await;
            client.query_one("SELECT current_setting('server_version_num')::int", &[]).await.map(|row| row.get(0))
        });
        let version: i32 = version.expect("a server tells its version");
        // Older ones know no other way; newer ones would write every page to their log.
        let strategy = if version >= 150_000 { " STRATEGY file_copy" } else { "" };
        Self { url, own, strategy }
    }

    /// Runs one statement in its first database.
    async fn execute(&self, sql: &str) {
        let done = connect(&self.url.database("postgres")).await.batch_execute(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

/// The name of the database with the engine's tables that the others are copied from.
fn template(server: &'static Server) -> &'static str {
    static TEMPLATE: OnceLock<Database> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let database = on_own_runtime(Database::migrated_on(server));
        // A copy waits for whoever is connected; the store has no task left that would be.
        on_own_runtime(server.execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", database.name)));
        database
    });
    &template.name
}
