use serde::Serialize;
use ticketing_core::{clock::Timestamp, ids::SessionId, store::QueueView};

use super::session::PolicyRow;
use crate::output::{Show, or_blank};

/// A session's waiting room.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueRow {
    session_id: SessionId,
    waiting: u64,
    active: u64,
    joined: u64,
    frontier: u64,
    epoch: u32,
    policy: PolicyRow,
    as_of: Timestamp,
}

impl From<QueueView> for QueueRow {
    fn from(view: QueueView) -> Self {
        let QueueView { room, session, as_of, .. } = view;
        Self {
            session_id: session.id,
            waiting: room.waiting,
            active: room.active,
            joined: room.next - 1,
            frontier: room.frontier,
            epoch: room.epoch,
            policy: session.queue.into(),
            as_of,
        }
    }
}

impl Show for QueueRow {
    const COLUMNS: &'static [&'static str] = &["session", "waiting", "active", "joined so far", "admitted through"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.session_id.to_string(),
            self.waiting.to_string(),
            self.active.to_string(),
            self.joined.to_string(),
            self.frontier.to_string(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let limit = |limit: Option<u32>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        let policy = &self.policy;
        vec![
            ("mode", policy.mode.to_string()),
            ("admissions per second", limit(policy.admit_per_second)),
            ("most active", limit(policy.max_active)),
            ("longest line", limit(policy.max_length)),
            ("a place waits, s", limit(policy.wait_ttl_seconds)),
            ("a window lasts, s", limit(policy.admit_ttl_seconds)),
            ("opens before the sale, s", or_blank(policy.pre_queue_seconds)),
        ]
    }
}
