//! The outbox: calls to the outside, written in the transaction that makes them due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{OutboxId, PaymentId, SessionId},
    state_enum,
};

state_enum! {
    /// Where a message stands.
    pub enum OutboxStatus {
        /// To be delivered, or tried again.
        Pending = "PENDING",
        /// Delivered.
        Done = "DONE",
    }
}

/// A message to be delivered at least once, under a key that makes it count once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Its name.
    pub id: OutboxId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// The payment to give back.
    pub payment_id: PaymentId,
    /// The fixed key the receiver knows it by; unique.
    pub key: String,
    /// Where it stands.
    pub status: OutboxStatus,
    /// Deliveries begun.
    pub attempts: u32,
    /// Nobody tries before that. A worker moves it on before it tries: that is its lease.
    pub next_attempt_at: Timestamp,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was delivered.
    pub done_at: Option<Timestamp>,
}

/// The fixed key of the refund of `payment`.
pub fn refund_key(payment: PaymentId) -> String {
    format!("refund:{payment}")
}

/// How long after its `attempt`-th try (the first being 1) a message waits: 1 s doubling to 10 min.
pub fn backoff(attempt: u32) -> Duration {
    const LONGEST: Duration = Duration::from_secs(600);
    Duration::from_secs(1_u64 << attempt.saturating_sub(1).min(16)).min(LONGEST)
}

/// How long one delivery may take before another worker tries.
pub const LEASE: Duration = Duration::from_secs(30);
