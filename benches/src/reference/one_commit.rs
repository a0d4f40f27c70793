//! One commit per hold, on SQLite.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, TransactionBehavior, params};
use ticketing_core::{
    clock::{Clock, SystemClock, Timestamp},
    ids::{HoldId, IdGen, RandomIds, SessionId, UserId},
};
use uuid::Uuid;

use super::{DIGEST, MAC, META};
use crate::Failure;

/// A writer of holds, one transaction each.
#[derive(Debug)]
pub struct OneCommitPerHold {
    connection: Connection,
    session_id: SessionId,
    ids: RandomIds,
    clock: SystemClock,
    placed: i64,
}

/// As the store's own writer has them.
const CACHE_KIB: i64 = 64 * 1_024;
const CHECKPOINT_PAGES: i64 = 8_192;

const INSERT_HOLD: &str = "INSERT INTO holds (id, session_id, user_id, quantity, amount_minor, amount_currency,
        idempotency_key, request_digest, status, created_at, expires_at)
    VALUES (?1, ?2, ?3, 1, 55000, 'KRW', ?4, ?5, 'ACTIVE', ?6, ?7)";
const UPDATE_SESSION: &str = "UPDATE sessions SET available = available - 1, held = held + 1, version = version + 1,
        updated_at = ?2, audit_length = audit_length + 1, audit_mac = ?3
    WHERE id = ?1 AND available >= 1";
const INSERT_AUDIT: &str = "INSERT INTO audit_log (stream, seq, at, actor, action, target, meta, mac)
    VALUES (?1, ?2, ?3, ?4, 'hold_placed', ?5, ?6, ?7)";

impl OneCommitPerHold {
    /// Writes to the migrated database at `path`, in which `session_id` has stock.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, session_id: SessionId) -> Result<Self, Failure> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let length = "SELECT audit_length FROM sessions WHERE id = ?1";
        let id = session_id.uuid().into_bytes();
        let placed = connection.query_row(length, [id], |row| row.get(0))?;
        Ok(Self { connection, session_id, ids: RandomIds::new(), clock: SystemClock::new(), placed })
    }

    /// Places one hold, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn hold(&mut self) -> Result<(), Failure> {
        let now = self.clock.now();
        let hold = HoldId::from_uuid(self.ids.uuid(now));
        let user = UserId::from_uuid(Uuid::from_u128(fastrand::u128(..)));
        let session = self.session_id.uuid().into_bytes();
        let key = format!("key-{}", user.uuid().as_simple());
        let expires_at = now.plus_seconds(86_400).micros();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.prepare_cached(INSERT_HOLD)?.execute(params![
            hold.uuid().into_bytes(),
            session,
            user.uuid().into_bytes(),
            key,
            DIGEST,
            now.micros(),
            expires_at,
        ])?;
        transaction.prepare_cached(UPDATE_SESSION)?.execute(params![session, now.micros(), MAC])?;
        let (stream, actor, target) = (self.session_id.to_string(), user.to_string(), hold.to_string());
        let audit = params![stream, self.placed, now.micros(), actor, target, META, MAC];
        transaction.prepare_cached(INSERT_AUDIT)?.execute(audit)?;
        transaction.commit()?;
        self.placed += 1;
        Ok(())
    }

    /// Holds per second over `duration`.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn rate(&mut self, duration: Duration) -> Result<f64, Failure> {
        let begun: Timestamp = self.clock.now();
        let mut holds = 0_u32;
        loop {
            self.hold()?;
            holds += 1;
            let elapsed = self.clock.now().since(begun);
            if elapsed >= duration {
                return Ok(f64::from(holds) / elapsed.as_secs_f64());
            }
        }
    }
}
