//! The audit log.

use ticketing_core::{
    audit::{AuditRecord, StreamId, TraceId},
    store::StoreError,
};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Stored, insert_into, list, select, statements};
use crate::postgres::columns::{Cells, Column, Columns, Id, key, value};

statements! {
    pub(in crate::postgres) FROM =
        format!("{} WHERE t.stream_id = $1 AND t.stream_kind = $2 AND t.seq >= $3 ORDER BY t.seq LIMIT $4", select::<AuditRecord>());
    /// Of at most `$4` records behind a place in the whole log, or in the chain `$1`, `$2`, those about `$5` and
    /// by `$6`: at most `$7`.
    pub(in crate::postgres) SEARCH = search("(t.stream_id, t.stream_kind, t.seq) > ($1, $2, $3)");
    pub(in crate::postgres) SEARCH_CHAIN = search("t.stream_id = $1 AND t.stream_kind = $2 AND t.seq > $3");
    /// The last one of at most `$4` records behind a place, if there are as many.
    pub(in crate::postgres) LAST = last("(t.stream_id, t.stream_kind, t.seq) > ($1, $2, $3)");
    pub(in crate::postgres) LAST_OF_CHAIN = last("t.stream_id = $1 AND t.stream_kind = $2 AND t.seq > $3");
    INSERT = insert_into::<AuditRecord>();
}

const ORDER: &str = "ORDER BY t.stream_id, t.stream_kind, t.seq";

fn search(behind: &str) -> String {
    format!(
        "SELECT {} FROM (SELECT * FROM audit_log t WHERE {behind} {ORDER} LIMIT $4) t \
         WHERE ($5::text IS NULL OR t.target = $5) AND ($6::text IS NULL OR t.actor = $6) {ORDER} LIMIT $7",
        list::<AuditRecord>("t.")
    )
}

fn last(behind: &str) -> String {
    format!("{} WHERE {behind} {ORDER} OFFSET $4::bigint - 1 LIMIT 1", select::<AuditRecord>())
}

const SESSION: &str = "SESSION";
const EVENT: &str = "EVENT";
const USERS: &str = "USERS";
const CALLBACKS: &str = "CALLBACKS";

/// A stream's kind, and the id it goes by.
pub(in crate::postgres) fn name(stream: StreamId) -> (&'static str, Uuid) {
    match stream {
        StreamId::Session(id) => (SESSION, Id::uuid(id)),
        StreamId::Event(id) => (EVENT, Id::uuid(id)),
        StreamId::Users => (USERS, Uuid::nil()),
        StreamId::Callbacks => (CALLBACKS, Uuid::from_u128(1)),
    }
}

fn stream(columns: &mut Columns<'_>) -> Result<StreamId, StoreError> {
    let (id, kind): (Uuid, &str) = (columns.get()?, columns.get()?);
    match kind {
        SESSION => Ok(StreamId::Session(Id::of(id))),
        EVENT => Ok(StreamId::Event(Id::of(id))),
        USERS => Ok(StreamId::Users),
        CALLBACKS => Ok(StreamId::Callbacks),
        unknown => Err(columns.garbled(format_args!("`{unknown}` is no kind of stream"))),
    }
}

impl Stored for AuditRecord {
    const TABLE: &'static str = "audit_log";
    const COLUMNS: &'static [Column] = &[
        key("stream_id", Type::UUID),
        key("stream_kind", Type::TEXT),
        key("seq", Type::INT8),
        value("at", Type::TIMESTAMPTZ),
        value("actor", Type::TEXT),
        value("action", Type::TEXT),
        value("target", Type::TEXT),
        value("meta", Type::TEXT),
        value("trace_id", Type::BYTEA),
        value("mac", Type::BYTEA),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            stream: stream(columns)?,
            seq: columns.count()?,
            at: columns.time()?,
            actor: columns.text()?,
            action: columns.text()?,
            target: columns.get()?,
            meta: columns.get()?,
            trace_id: columns.bytes_opt()?.map(|bytes| TraceId(u128::from_be_bytes(bytes))),
            mac: columns.mac()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        let (kind, id) = name(self.stream);
        cells.put(id);
        cells.put(kind);
        cells.count(self.seq);
        cells.time(self.at);
        cells.put(self.actor.to_string());
        cells.put(self.action.as_str());
        cells.put(&self.target);
        cells.put(&self.meta);
        cells.put(self.trace_id.map(|trace| trace.0.to_be_bytes().to_vec()));
        cells.put(&self.mac.0[..]);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}
