//! One transaction per hold, on Postgres.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use ticketing_core::{
    clock::{Clock, SystemClock},
    ids::{HoldId, IdGen, RandomIds, SessionId, UserId},
};
use ticketing_store::testing::postgres::connect;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::{DIGEST, MAC, META};
use crate::Failure;

/// A client that places holds, one transaction each and one statement after the other: the lock keeps others
/// away between the first and the commit.
#[derive(Debug)]
pub struct OneTransactionPerHold {
    client: Client,
    lock_session: Statement,
    insert_hold: Statement,
    update_session: Statement,
    insert_audit: Statement,
    session_id: SessionId,
    ids: RandomIds,
    clock: SystemClock,
}

/// As the store's own writers have it, so that both read by the same indexes.
const SETTINGS: &str = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off";

const LOCK_SESSION: &str = "SELECT audit_length FROM sessions WHERE id = $1 AND available >= 1 FOR UPDATE";
const INSERT_HOLD: &str = "INSERT INTO holds (session_id, id, user_id, quantity, amount_minor, amount_currency,
        idempotency_key, request_digest, status, created_at, expires_at)
    VALUES ($1, $2, $3, 1, 55000, 'KRW', $4, $5, 'ACTIVE', now(), now() + interval '1 day')";
const UPDATE_SESSION: &str = "UPDATE sessions SET available = available - 1, held = held + 1, version = version + 1,
        updated_at = now(), audit_length = audit_length + 1, audit_mac = $2
    WHERE id = $1";
const INSERT_AUDIT: &str = "INSERT INTO audit_log (stream_id, stream_kind, seq, at, actor, action, target, meta, mac)
    VALUES ($1, 'SESSION', $2, now(), $3, 'hold_placed', $4, $5, $6)";

impl OneTransactionPerHold {
    /// Writes over a connection of its own to the migrated database at `url`, in which `session_id` has stock.
    ///
    /// # Errors
    /// When its tables are others.
    pub async fn open(url: &str, session_id: SessionId) -> Result<Self, Failure> {
        let client = connect(url).await;
        client.batch_execute(SETTINGS).await?;
        Ok(Self {
            lock_session: client.prepare(LOCK_SESSION).await?,
            insert_hold: client.prepare(INSERT_HOLD).await?,
            update_session: client.prepare(UPDATE_SESSION).await?,
            insert_audit: client.prepare(INSERT_AUDIT).await?,
            client,
            session_id,
            ids: RandomIds::new(),
            clock: SystemClock::new(),
        })
    }

    /// Places one hold, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn hold(&mut self) -> Result<(), Failure> {
        let hold = HoldId::from_uuid(self.ids.uuid(self.clock.now()));
        let user = UserId::from_uuid(Uuid::from_u128(fastrand::u128(..)));
        let session = self.session_id.uuid();
        let key = format!("key-{}", user.uuid().as_simple());
        let (actor, target) = (user.to_string(), hold.to_string());
        let transaction = self.client.transaction().await?;
        let locked = transaction.query_one(&self.lock_session, &[&session]).await?;
        let seq: i64 = locked.get(0);
        let row = (hold.uuid(), user.uuid(), &DIGEST[..]);
        transaction.execute(&self.insert_hold, &[&session, &row.0, &row.1, &key, &row.2]).await?;
        transaction.execute(&self.update_session, &[&session, &&MAC[..]]).await?;
        transaction.execute(&self.insert_audit, &[&session, &seq, &actor, &target, &META, &&MAC[..]]).await?;
        Ok(transaction.commit().await?)
    }

    /// Holds per second of so many `clients` at once over `duration`, each with a connection of its own.
    ///
    /// # Errors
    /// When one cannot be written, or is not there in the end.
    pub async fn rate(url: &str, session_id: SessionId, clients: usize, duration: Duration) -> Result<f64, Failure> {
        let clients = try_join_all((0..clients).map(|_| Self::open(url, session_id))).await?;
        let clock = SystemClock::new();
        let begun = clock.now();
        let until = begun.plus(duration);
        let clients = clients.into_iter().map(|mut client| {
            tokio::spawn(async move {
                let mut holds = 0_i64;
                while client.clock.now() < until {
                    client.hold().await?;
                    holds += 1;
                }
                Ok::<_, Failure>(holds)
            })
        });
        let mut holds = 0;
        for client in join_all(clients).await {
            holds += client??;
        }
        let rate = holds as f64 / clock.now().since(begun).as_secs_f64();
        let written: i64 = connect(url).await.query_one("SELECT count(*) FROM holds", &[]).await?.get(0);
        if written == holds { Ok(rate) } else { Err(format!("{written} holds are written, {holds} were").into()) }
    }
}
