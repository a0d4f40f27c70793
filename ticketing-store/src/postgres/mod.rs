//! The Postgres store: one database, any number of nodes.
//!
//! A batch is two round trips, whatever its size: one that begins, locks the streams of the batch, reads what
//! it names and takes the server's time; one that writes every change and commits. Batches of different
//! streams go over different connections. What must hold between nodes is held by the locks alone: no node
//! knows of another.

mod address;
mod apply;
mod batches;

mod columns;
mod connect;
pub(crate) mod diagnose;
mod error;
mod flight;
mod gather;
mod load;
#[cfg(all(test, feature = "testing"))]
mod plans;
mod pool;
mod queries;
mod reading;
mod schema;
mod tables;
mod tls;
mod transaction;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use ticketing_core::{
    hold::Hold,
    ids::{BatchId, HoldId, SessionId},
    payment::{GatewayPaymentId, Payment},
    store::{BatchHeader, BatchOutcome, Decide, Durability, Receipt, Record, Schema, SchemaVersion, Store, StoreError},
    waiting_room::Place,
};

use self::{address::Address, connect::Connector, error::pool_error, gather::Gather, transaction::Transactor};
use crate::{OpenError, OpenOptions, UrlError, clock::StoreClock, unanswered::Unanswered};

/// A store in one Postgres database.
pub struct PostgresStore {
    address: Address,
    connector: Connector,
    writers: Pool,
    readers: Pool,
    clock: StoreClock,
    holds: Arc<Gather<HoldId, Hold>>,
    payments: Arc<Gather<GatewayPaymentId, Payment>>,
    places: Arc<Gather<(SessionId, u64), Place>>,
    written: AtomicU64,
    unanswered: Unanswered,
    /// To tell whether anything was committed takes as long as reading it: see [`Queries::revision`].
    ///
    /// [`Queries::revision`]: ticketing_core::store::Queries::revision
    revision: AtomicU64,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may carry a password.
        f.debug_struct("PostgresStore").field("lanes", &self.address.lanes).finish_non_exhaustive()
    }
}

/// Whether `url` is one that [`PostgresStore::open`] takes.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    Address::parse(url).map(drop)
}

impl PostgresStore {
    /// The database that `url` names. Connects when it is first asked for something; does not migrate.
    ///
    /// # Errors
    /// [`OpenError::Url`] names what is wrong with the URL, and repeats no value of it.
    pub fn open(url: &str, options: OpenOptions) -> Result<Self, OpenError> {
        let wrong = |detail| OpenError::Url(UrlError::Postgres(detail));
        let address = Address::parse(url).map_err(wrong)?;
        let tls = tls::connector(&address.trust).map_err(wrong)?;
        if address.is_exposed() {
            tracing::warn!("the way to Postgres is not protected against somebody in between: use sslmode=verify-full");
        }
        let connector = Connector::new(&address.config, tls);
        let (writers, readers) = (pool::writers(&address, &connector), pool::readers(&address, &connector));
        let clock = StoreClock::new("Postgres", options.clock, !address.is_local());
        Ok(Self {
            address,
            connector,
            writers,
            readers,
            clock,
            holds: Gather::new("reading a hold", queries::holds_by_id, |hold| Some(hold.id)),
            payments: Gather::new("reading a payment", queries::payments_by_gateway, |payment| {
                payment.gateway.as_ref().map(|gateway| gateway.pg_payment_id.clone())
            }),
            places: Gather::new("reading a place", queries::places_by_number, |place| Some(place.key())),
            written: AtomicU64::new(0),
            unanswered: Unanswered::default(),
            revision: AtomicU64::new(0),
        })
    }

    fn transactor(&self) -> Transactor<'_> {
        Transactor { pool: &self.writers, clock: &self.clock, written: &self.written, unanswered: &self.unanswered }
    }

    /// A connection outside of the pools, closed when `work` has ended.
    async fn migrate_apart(&self) -> Result<SchemaVersion, StoreError> {
        let what = "connecting to migrate";
        let patience = self.connector.patience();
        let open = tokio::time::timeout(patience, self.connector.open()).await;
        let open = open.map_err(|late| StoreError::unavailable(what, late))?;
        let (mut client, driven) = open.map_err(|error| StoreError::unavailable(what, error))?;
        let migrated = schema::migrate(&mut client).await;
        drop(client);
        // It ends by itself now that nobody can ask it for more.
        let _ = driven.await;
        migrated
    }
}

impl Store for PostgresStore {
    fn transact(&self, batch: BatchHeader, mut decide: Decide) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        Box::pin(async move { self.transactor().transact(&batch, &mut decide).await })
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        Box::pin(self.transactor().outcome(batch))
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    fn lanes(&self) -> usize {
        self.address.lanes
    }
}

impl Schema for PostgresStore {
    fn migrate(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>> {
        Box::pin(async {
            let version = schema::refuse_newer(self.version().await?)?;
            // A role that may not create tables starts a server all the same, once they are there.
            if version.found == version.needed { Ok(version) } else { self.migrate_apart().await }
        })
    }

    fn version(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>> {
        Box::pin(async {
            let connecting = || format!("connecting to {}", self.address.place());
            let reader = self.readers.get().await.map_err(|error| pool_error(&connecting(), error))?;
            schema::version(&reader).await
        })
    }
}
