use serde::Serialize;
use ticketing_core::{
    audit::{Action, AuditRecord, StreamId},
    clock::Timestamp,
};

use crate::output::{Show, or_blank, when};

/// A record of the audit log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    stream: StreamId,
    seq: u64,
    at: Timestamp,
    actor_id: String,
    action: Action,
    target_id: String,
    meta: String,
    trace_id: Option<String>,
}

impl From<AuditRecord> for AuditRow {
    fn from(record: AuditRecord) -> Self {
        Self {
            stream: record.stream,
            seq: record.seq,
            at: record.at,
            actor_id: record.actor.to_string(),
            action: record.action,
            target_id: record.target,
            meta: record.meta,
            trace_id: record.trace_id.map(|trace| trace.to_string()),
        }
    }
}

impl Show for AuditRow {
    const COLUMNS: &'static [&'static str] = &["chain", "no.", "at", "who", "what", "to what", "more", "trace"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.stream.to_string(),
            self.seq.to_string(),
            when(self.at),
            self.actor_id.clone(),
            self.action.to_string(),
            self.target_id.clone(),
            self.meta.clone(),
            or_blank(self.trace_id.as_ref()),
        ]
    }
}
