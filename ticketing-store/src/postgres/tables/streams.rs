//! Chain heads of streams without a record of their own.

use ticketing_core::{audit::Stream, store::StoreError};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, key, value};

statements! {
    pub(in crate::postgres) BY_NAMES = format!("{} WHERE t.stream = ANY ($1)", select::<Stream>());
    /// Locks, in the order of their names, and reads what is there behind the lock.
    pub(in crate::postgres) LOCK = format!("{} WHERE t.stream = ANY ($1) ORDER BY t.stream FOR UPDATE", select::<Stream>());
    INSERT = insert_into::<Stream>();
    UPDATE = update_of::<Stream>();
}

impl Stored for Stream {
    const TABLE: &'static str = "streams";
    const COLUMNS: &'static [Column] =
        &[key("stream", Type::TEXT), value("audit_length", Type::INT8), value("audit_mac", Type::BYTEA)];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { id: columns.text()?, audit: columns.chain()? })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.put(self.id.to_string());
        cells.chain(&self.audit);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Stream {
    fn update() -> &'static str {
        &UPDATE
    }
}
