//! The audit log in JSON.

use serde::Serialize;
use serde_json::value::RawValue;
use ticketing_core::{
    audit::{Action, Actor, AuditRecord, StreamId},
    clock::Timestamp,
};

use crate::gateway::signature::hex;

/// A record of the audit log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecordView {
    stream: StreamId,
    seq: u64,
    at: Timestamp,
    actor_id: Shown<Actor>,
    action: Action,
    target_id: String,
    meta: Box<RawValue>,
    trace_id: Option<Shown<ticketing_core::audit::TraceId>>,
    mac: String,
}

/// Something in its own words.
#[derive(Debug)]
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl From<AuditRecord> for AuditRecordView {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { stream, seq, at, actor, action, target, meta, trace_id, mac } = record;
        // What was altered by hand need not be JSON any more: then it is shown as text.
        let meta = RawValue::from_string(meta.clone()).or_else(|_| serde_json::value::to_raw_value(&meta));
        Self {
            stream,
            seq,
            at,
            actor_id: Shown(actor),
            action,
            target_id: target,
            meta: meta.unwrap_or_default(),
            trace_id: trace_id.map(Shown),
            mac: hex(&mac.0),
        }
    }
}
