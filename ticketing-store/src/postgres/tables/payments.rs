//! Payments.

use ticketing_core::{
    payment::{GatewayPaymentId, GatewaySession, Payment},
    store::StoreError,
};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, of_session, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, fixed, key, value};

statements! {
    pub(in crate::postgres) BY_ID = format!("{} WHERE t.id = $1", select::<Payment>());
    pub(in crate::postgres) IN_SESSIONS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::uuid[]) k (session_id, id) \
         JOIN payments t ON t.session_id = k.session_id AND t.id = k.id",
        list::<Payment>("t.")
    );
    pub(in crate::postgres) BY_GATEWAY = format!("{} WHERE t.pg_payment_id = ANY ($1)", select::<Payment>());
    pub(in crate::postgres) OF_SESSION = of_session::<Payment>();
    INSERT = insert_into::<Payment>();
    UPDATE = update_of::<Payment>();
}

impl Stored for Payment {
    const TABLE: &'static str = "payments";
    const COLUMNS: &'static [Column] = &[
        key("session_id", Type::UUID),
        key("id", Type::UUID),
        fixed("order_id", Type::UUID),
        fixed("hold_id", Type::UUID),
        fixed("user_id", Type::UUID),
        value("method", Type::TEXT),
        value("amount_minor", Type::INT8),
        value("amount_currency", Type::TEXT),
        value("pg_payment_id", Type::TEXT),
        value("pg_url", Type::TEXT),
        value("status", Type::TEXT),
        value("created_at", Type::TIMESTAMPTZ),
        value("updated_at", Type::TIMESTAMPTZ),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: columns.id()?,
            id: columns.id()?,
            order_id: columns.id()?,
            hold_id: columns.id()?,
            user_id: columns.id()?,
            method: columns.text()?,
            amount: columns.money()?,
            gateway: {
                let name: Option<GatewayPaymentId> = columns.text_opt()?;
                let url: Option<String> = columns.get()?;
                name.zip(url).map(|(pg_payment_id, url)| GatewaySession { pg_payment_id, url })
            },
            status: columns.text()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        let gateway = self.gateway.as_ref();
        cells.id(self.session_id);
        cells.id(self.id);
        cells.id(self.order_id);
        cells.id(self.hold_id);
        cells.id(self.user_id);
        cells.put(self.method.as_str());
        cells.money(&self.amount);
        cells.put(gateway.map(|gateway| gateway.pg_payment_id.as_str()));
        cells.put(gateway.map(|gateway| gateway.url.as_str()));
        cells.put(self.status.as_str());
        cells.time(self.created_at);
        cells.time(self.updated_at);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Payment {
    fn update() -> &'static str {
        &UPDATE
    }
}
