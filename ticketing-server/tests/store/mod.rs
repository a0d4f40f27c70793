//! The stores that the same cases run on: one of its own for every case, gone with it.

#![allow(dead_code, reason = "each test binary uses its part")]

use tempfile::TempDir;
use ticketing_store::testing::{postgres::Database, redis::Namespace};

/// Stamps cases of the calling program, each an `async fn(&Store)`, as tests on each of the stores.
#[allow(unused_macros, reason = "a program may stamp its cases by itself")]
macro_rules! on_stores {
    ($($store:ident)+ => $cases:tt) => {
        $( on_stores! { @stamp $store $cases } )+
    };
    (@stamp $store:ident { $($case:ident)+ }) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    if let Some(store) = crate::store::Store::$store().await {
                        crate::$case(&store).await;
                    }
                }
            )+
        }
    };
}

/// An empty store.
pub enum Store {
    Memory,
    /// The folder of its file.
    Sqlite(TempDir),
    Postgres(Database),
    Redis(Namespace),
    /// On a cluster.
    RedisCluster(Namespace),
    /// A ledger, and waiting rooms beside it.
    PostgresAndRedis(Database, Namespace),
}

impl Store {
    pub async fn memory() -> Option<Self> {
        Some(Self::Memory)
    }

    pub async fn sqlite() -> Option<Self> {
        Some(Self::Sqlite(tempfile::tempdir().unwrap()))
    }

    /// `None` where there is no Postgres, which is told on stderr and is a failure in CI.
    pub async fn postgres() -> Option<Self> {
        Database::create().await.map(Self::Postgres)
    }

    /// `None` where there is no Redis, which is told on stderr and is a failure in CI.
    pub async fn redis() -> Option<Self> {
        Namespace::create().await.map(Self::Redis)
    }

    /// As [`Self::redis`].
    pub async fn redis_cluster() -> Option<Self> {
        Namespace::on_cluster().await.map(Self::RedisCluster)
    }

    /// The same, and where there is no Redis.
    pub async fn postgres_and_redis() -> Option<Self> {
        let queue = Namespace::create().await?;
        Database::create().await.map(|database| Self::PostgresAndRedis(database, queue))
    }

    /// An empty one of the same kind.
    pub async fn another(&self) -> Self {
        let other = match self {
            Self::Memory => Self::memory().await,
            Self::Sqlite(_) => Self::sqlite().await,
            Self::Postgres(_) => Self::postgres().await,
            Self::Redis(_) => Self::redis().await,
            Self::RedisCluster(_) => Self::redis_cluster().await,
            Self::PostgresAndRedis(..) => Self::postgres_and_redis().await,
        };
        other.expect("there was one a moment ago")
    }

    /// What opens it.
    pub fn url(&self) -> String {
        match self {
            Self::Memory => "memory://".to_owned(),
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("ticketing.db").display()),
            Self::Postgres(database) | Self::PostgresAndRedis(database, _) => database.url().to_owned(),
            Self::Redis(namespace) | Self::RedisCluster(namespace) => namespace.url().to_owned(),
        }
    }

    /// What opens its waiting rooms, where they are kept apart.
    pub fn queue_url(&self) -> Option<String> {
        match self {
            Self::Memory | Self::Sqlite(_) | Self::Postgres(_) | Self::Redis(_) | Self::RedisCluster(_) => None,
            Self::PostgresAndRedis(_, queue) => Some(queue.url().to_owned()),
        }
    }

    /// What survives a crash, as `/readyz` says it.
    pub fn durability(&self) -> &'static str {
        match self {
            Self::Memory => "process",
            Self::Sqlite(_) | Self::Postgres(_) | Self::PostgresAndRedis(..) => "disk",
            // The tests' servers keep no log.
            Self::Redis(_) | Self::RedisCluster(_) => "memory",
        }
    }
}
