//! Orders.

use ticketing_core::{order::Order, store::StoreError};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, of_session, only, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, fixed, key, value};

statements! {
    pub(in crate::postgres) BY_ID = format!("{} WHERE t.id = $1", select::<Order>());
    pub(in crate::postgres) IN_SESSIONS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::uuid[]) k (session_id, id) \
         JOIN orders t ON t.session_id = k.session_id AND t.id = k.id",
        list::<Order>("t.")
    );
    pub(in crate::postgres) OF_SESSION = of_session::<Order>();
    /// Newest first, from before `$1` on.
    pub(in crate::postgres) OF_USER = format!(
        "{} WHERE t.user_id = $3 AND ($1::uuid IS NULL OR t.id < $1) ORDER BY t.id DESC LIMIT $2",
        select::<Order>()
    );
    pub(in crate::postgres) PAGE = format!(
        "{} WHERE t.id > $1 AND ($3::text IS NULL OR t.status = $3) ORDER BY t.id LIMIT $2",
        select::<Order>()
    );
    pub(in crate::postgres) PAGE_OF_SESSION = format!(
        "{} WHERE t.session_id {} AND t.id > $1 AND ($3::text IS NULL OR t.status = $3) \
         ORDER BY t.session_id, t.id LIMIT $2",
        select::<Order>(),
        only("$4")
    );
    pub(in crate::postgres) PAGE_OF_USER = format!(
        "{} WHERE t.user_id {} AND t.id > $1 AND ($3::text IS NULL OR t.status = $3) \
         AND ($5::uuid IS NULL OR t.session_id = $5) ORDER BY t.user_id, t.id LIMIT $2",
        select::<Order>(),
        only("$4")
    );
    INSERT = insert_into::<Order>();
    UPDATE = update_of::<Order>();
}

impl Stored for Order {
    const TABLE: &'static str = "orders";
    const COLUMNS: &'static [Column] = &[
        key("session_id", Type::UUID),
        key("id", Type::UUID),
        fixed("hold_id", Type::UUID),
        fixed("payment_id", Type::UUID),
        fixed("user_id", Type::UUID),
        value("quantity", Type::INT8),
        value("seat_ids", Type::JSONB),
        value("amount_minor", Type::INT8),
        value("amount_currency", Type::TEXT),
        value("status", Type::TEXT),
        value("created_at", Type::TIMESTAMPTZ),
        value("updated_at", Type::TIMESTAMPTZ),
        value("paid_at", Type::TIMESTAMPTZ),
        value("trace", Type::TEXT),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: columns.id()?,
            id: columns.id()?,
            hold_id: columns.id()?,
            payment_id: columns.id()?,
            user_id: columns.id()?,
            wanted: columns.wanted()?,
            amount: columns.money()?,
            status: columns.text()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
            paid_at: columns.time_opt()?,
            trace: columns.text_opt()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.session_id);
        cells.id(self.id);
        cells.id(self.hold_id);
        cells.id(self.payment_id);
        cells.id(self.user_id);
        cells.wanted(&self.wanted);
        cells.money(&self.amount);
        cells.put(self.status.as_str());
        cells.time(self.created_at);
        cells.time(self.updated_at);
        cells.time_opt(self.paid_at);
        cells.put(self.trace.map(|trace| trace.to_string()));
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Order {
    fn update() -> &'static str {
        &UPDATE
    }
}
