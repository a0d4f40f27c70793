//! Events.

use ticketing_core::{event::Event, store::StoreError};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, key, value};

statements! {
    pub(in crate::postgres) BY_IDS = format!("{} WHERE t.id = ANY ($1)", select::<Event>());
    /// Locks, in the order of their ids, and reads what is there behind the lock.
    pub(in crate::postgres) LOCK = format!("{} WHERE t.id = ANY ($1) ORDER BY t.id FOR UPDATE", select::<Event>());
    pub(in crate::postgres) PAGE = format!("{} WHERE t.id > $1 ORDER BY t.id LIMIT $2", select::<Event>());
    pub(in crate::postgres) PAGE_OF_STATUS =
        format!("{} WHERE t.status = $3 AND t.id > $1 ORDER BY t.id LIMIT $2", select::<Event>());
    INSERT = insert_into::<Event>();
    UPDATE = update_of::<Event>();
}

impl Stored for Event {
    const TABLE: &'static str = "events";
    const COLUMNS: &'static [Column] = &[
        key("id", Type::UUID),
        value("title", Type::TEXT),
        value("description", Type::TEXT),
        value("venue", Type::TEXT),
        value("status", Type::TEXT),
        value("created_at", Type::TIMESTAMPTZ),
        value("updated_at", Type::TIMESTAMPTZ),
        value("audit_length", Type::INT8),
        value("audit_mac", Type::BYTEA),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            title: columns.get()?,
            description: columns.get()?,
            venue: columns.get()?,
            status: columns.text()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
            audit: columns.chain()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.id);
        cells.put(&self.title);
        cells.put(&self.description);
        cells.put(&self.venue);
        cells.put(self.status.as_str());
        cells.time(self.created_at);
        cells.time(self.updated_at);
        cells.chain(&self.audit);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Event {
    fn update() -> &'static str {
        &UPDATE
    }
}
