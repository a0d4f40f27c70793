//! Callbacks of the gateway.

use ticketing_core::{
    payment::{Callback, CallbackReport},
    store::StoreError,
};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, key, value};

statements! {
    pub(in crate::postgres) BY_IDS = format!("{} WHERE t.id = ANY ($1)", select::<Callback>());
    /// Unmatched callbacks whose payment is known by now, with the payment's links.
    pub(in crate::postgres) TO_MATCH = format!(
        "SELECT {}, p.id, p.session_id, p.order_id, p.hold_id, p.user_id FROM callbacks t \
         JOIN payments p ON p.pg_payment_id = t.pg_payment_id \
         WHERE t.payment_id IS NULL AND t.id > $1 ORDER BY t.id LIMIT $2",
        list::<Callback>("t.")
    );
    /// Those matched to no payment so far.
    pub(in crate::postgres) UNMATCHED =
        format!("{} WHERE t.payment_id IS NULL AND t.id > $1 ORDER BY t.id LIMIT $2", select::<Callback>());
    /// Those matched to the payments of a session.
    pub(in crate::postgres) OF_SESSION = format!(
        "SELECT {} FROM payments p CROSS JOIN LATERAL (SELECT * FROM callbacks c WHERE c.payment_id = p.id OFFSET 0) t \
         WHERE p.session_id = $1 ORDER BY t.id",
        list::<Callback>("t.")
    );
    INSERT = insert_into::<Callback>();
    UPDATE = update_of::<Callback>();
}

impl Stored for Callback {
    const TABLE: &'static str = "callbacks";
    const COLUMNS: &'static [Column] = &[
        key("id", Type::UUID),
        value("pg_payment_id", Type::TEXT),
        value("status", Type::TEXT),
        value("amount", Type::INT8),
        value("currency", Type::TEXT),
        value("raw_payload", Type::TEXT),
        value("payment_id", Type::UUID),
        value("received_at", Type::TIMESTAMPTZ),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            report: CallbackReport {
                pg_payment_id: columns.text()?,
                status: columns.text()?,
                amount: columns.get()?,
                currency: columns.get()?,
                raw_payload: columns.get()?,
            },
            payment_id: columns.id_opt()?,
            received_at: columns.time()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.id);
        cells.put(self.report.pg_payment_id.as_str());
        cells.put(self.report.status.as_str());
        cells.put(self.report.amount);
        cells.put(self.report.currency.as_deref());
        cells.put(&self.report.raw_payload);
        cells.id_opt(self.payment_id);
        cells.time(self.received_at);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Callback {
    fn update() -> &'static str {
        &UPDATE
    }
}
