//! Connections: some to write, some to read.

use std::{ops::Deref, time::Duration};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::future::try_join_all;
use tokio_postgres::Error;

use super::{address::Address, connect::Connector, transaction};

/// How long anybody waits for a connection that is in use.
const WAIT: Duration = Duration::from_secs(2);
/// How long a new connection may take to be prepared.
const PREPARE: Duration = Duration::from_secs(3);

/// What is read is read by an index, row by row, by a plan that is made once: whatever the planner thinks of a
/// table that was empty a minute ago, or of one session that has nearly all the rows.
const PLANNING: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
     SET enable_mergejoin = off; SET enable_material = off; SET plan_cache_mode = force_generic_plan; SET jit = off";

/// For connections that write. A writer that stops between two messages must not hold its locks for long, and
/// one that waits for a lock must not wait for ever. A commit that is not on disk is none: it is not left to a
/// setting of the database.
const WRITING: &str = "SET statement_timeout = '5s'; SET lock_timeout = '3s'; \
     SET idle_in_transaction_session_timeout = '3s'; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// For connections that read.
const READING: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET default_transaction_read_only = on";

/// For the one that migrates: others may be at it, and a table may be long.
pub(super) const MIGRATING: &str = "SET statement_timeout = 0; SET lock_timeout = '60s'";

/// Connections for batches, with the statements of a hold prepared.
pub(super) fn writers(address: &Address, connector: &Connector) -> Pool {
    let prepared = Hook::async_fn(|client: &mut ClientWrapper, _| {
        Box::pin(in_time(async move {
            set(client, WRITING).await?;
            let client = &*client;
            let warm = transaction::warm().into_iter().map(|sql| client.prepare_cached(sql));
            try_join_all(warm).await.map(drop)
        }))
    });
    // One more than batches: whoever asks what became of one must not wait for the others.
    pool(address, connector, address.lanes + 1, prepared)
}

/// Connections for reads.
pub(super) fn readers(address: &Address, connector: &Connector) -> Pool {
    let set_up = Hook::async_fn(|client: &mut ClientWrapper, _| Box::pin(in_time(set(client, READING))));
    pool(address, connector, address.readers, set_up)
}

async fn set(client: &ClientWrapper, settings: &str) -> Result<(), Error> {
    client.batch_execute(&format!("{PLANNING}; {settings}")).await
}

/// What the pool's own patience does not cover: a server that falls silent here would hold up its lane for ever.
async fn in_time(work: impl Future<Output = Result<(), Error>>) -> Result<(), HookError> {
    let silent = || HookError::message(format!("the server lets in and does not answer in {PREPARE:?}"));
    tokio::time::timeout(PREPARE, work).await.map_err(|_| silent())?.map_err(HookError::Backend)
}

fn pool(address: &Address, connector: &Connector, size: usize, set_up: Hook) -> Pool {
    let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(address.config.clone(), connector.clone(), fast);
    let patience = Some(connector.patience());
    let timeouts = Timeouts { wait: Some(WAIT), create: patience, recycle: patience };
    Pool::builder(manager)
        .max_size(size)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .post_create(set_up)
        .build()
        .expect("a pool with a runtime for its timeouts can be built")
}

/// A connection in use. Unless it is [given back](Lease::give_back), it is closed: whatever was open on it is
/// undone by the server.
pub(super) struct Lease(Option<Object>);

impl Lease {
    pub(super) async fn from(pool: &Pool) -> Result<Self, PoolError> {
        pool.get().await.map(|object| Self(Some(object)))
    }

    /// Closes the connections that nobody uses: what silenced this one may have silenced them as well, and each
    /// would take as long to be found out.
    pub(super) fn doubt_the_others(&self) {
        if let Some(pool) = self.0.as_ref().and_then(Object::pool) {
            pool.retain(|_, _| false);
        }
    }

    /// Nothing is open on it: the next one may have it.
    pub(super) fn give_back(mut self) {
        self.0 = None;
    }
}

impl Deref for Lease {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.0.as_ref().expect("a lease has its connection until it ends")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}
