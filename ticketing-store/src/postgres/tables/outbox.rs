//! The outbox.

use ticketing_core::{outbox::OutboxMessage, store::StoreError};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, of_session, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, fixed, key, value};

statements! {
    pub(in crate::postgres) IN_SESSIONS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::uuid[]) k (session_id, id) \
         JOIN outbox t ON t.session_id = k.session_id AND t.id = k.id",
        list::<OutboxMessage>("t.")
    );
    pub(in crate::postgres) DUE = format!(
        "{} WHERE t.status = 'PENDING' AND t.next_attempt_at <= $1 ORDER BY t.next_attempt_at, t.id LIMIT $2",
        select::<OutboxMessage>()
    );
    pub(in crate::postgres) OF_SESSION = of_session::<OutboxMessage>();
    INSERT = insert_into::<OutboxMessage>();
    UPDATE = update_of::<OutboxMessage>();
}

impl Stored for OutboxMessage {
    const TABLE: &'static str = "outbox";
    const COLUMNS: &'static [Column] = &[
        key("session_id", Type::UUID),
        key("id", Type::UUID),
        fixed("payment_id", Type::UUID),
        fixed("key", Type::TEXT),
        value("status", Type::TEXT),
        value("attempts", Type::INT8),
        value("next_attempt_at", Type::TIMESTAMPTZ),
        value("last_error", Type::TEXT),
        value("created_at", Type::TIMESTAMPTZ),
        value("done_at", Type::TIMESTAMPTZ),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: columns.id()?,
            id: columns.id()?,
            payment_id: columns.id()?,
            key: columns.get()?,
            status: columns.text()?,
            attempts: columns.count()?,
            next_attempt_at: columns.time()?,
            last_error: columns.get()?,
            created_at: columns.time()?,
            done_at: columns.time_opt()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.session_id);
        cells.id(self.id);
        cells.id(self.payment_id);
        cells.put(&self.key);
        cells.put(self.status.as_str());
        cells.count(self.attempts);
        cells.time(self.next_attempt_at);
        cells.put(self.last_error.as_deref());
        cells.time(self.created_at);
        cells.time_opt(self.done_at);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for OutboxMessage {
    fn update() -> &'static str {
        &UPDATE
    }
}
