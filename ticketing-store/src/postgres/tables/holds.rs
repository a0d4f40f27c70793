//! Holds.

use ticketing_core::{
    hold::{Hold, RequestDigest},
    store::StoreError,
};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, of_session, only, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, fixed, key, value};

statements! {
    pub(in crate::postgres) BY_IDS = format!("{} WHERE t.id = ANY ($1)", select::<Hold>());
    pub(in crate::postgres) IN_SESSIONS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::uuid[]) k (session_id, id) \
         JOIN holds t ON t.session_id = k.session_id AND t.id = k.id",
        list::<Hold>("t.")
    );
    /// At most `$3` of each user.
    pub(in crate::postgres) OF_USERS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::uuid[]) k (session_id, user_id) CROSS JOIN LATERAL \
         (SELECT * FROM holds h WHERE h.session_id = k.session_id AND h.user_id = k.user_id \
          ORDER BY h.idempotency_key LIMIT $3) t",
        list::<Hold>("t.")
    );
    pub(in crate::postgres) EARLIEST = format!(
        "{} WHERE t.session_id = $1 AND t.status = 'ACTIVE' AND t.expires_at > '-infinity' \
         ORDER BY t.expires_at, t.id LIMIT $2",
        select::<Hold>()
    );
    pub(in crate::postgres) OVERDUE = "SELECT t.id FROM holds t WHERE t.session_id = $1 AND t.status = 'ACTIVE' \
         AND t.expires_at > '-infinity' AND t.expires_at <= $2"
        .to_owned();
    pub(in crate::postgres) OF_SESSION = of_session::<Hold>();
    pub(in crate::postgres) PAGE = format!(
        "{} WHERE t.id > $1 AND ($3::text IS NULL OR t.status = $3) AND ($4::uuid IS NULL OR t.user_id = $4) \
         ORDER BY t.id LIMIT $2",
        select::<Hold>()
    );
    pub(in crate::postgres) PAGE_OF_SESSION = format!(
        "{} WHERE t.session_id {} AND t.id > $1 AND ($3::text IS NULL OR t.status = $3) \
         ORDER BY t.session_id, t.id LIMIT $2",
        select::<Hold>(),
        only("$4")
    );
    /// The user's few are found first, and put in order then.
    pub(in crate::postgres) PAGE_OF_SESSION_AND_USER = format!(
        "SELECT {} FROM (SELECT * FROM holds h WHERE h.session_id = $4 AND h.user_id = $5 OFFSET 0) t \
         WHERE t.id > $1 AND ($3::text IS NULL OR t.status = $3) ORDER BY t.id LIMIT $2",
        list::<Hold>("t.")
    );
    INSERT = insert_into::<Hold>();
    UPDATE = update_of::<Hold>();
}

impl Stored for Hold {
    const TABLE: &'static str = "holds";
    const COLUMNS: &'static [Column] = &[
        key("session_id", Type::UUID),
        key("id", Type::UUID),
        fixed("user_id", Type::UUID),
        value("quantity", Type::INT8),
        value("seat_ids", Type::JSONB),
        value("amount_minor", Type::INT8),
        value("amount_currency", Type::TEXT),
        fixed("idempotency_key", Type::TEXT),
        value("request_digest", Type::BYTEA),
        value("status", Type::TEXT),
        value("place", Type::INT8),
        value("order_id", Type::UUID),
        value("created_at", Type::TIMESTAMPTZ),
        value("expires_at", Type::TIMESTAMPTZ),
        value("ended_at", Type::TIMESTAMPTZ),
        value("refunded_at", Type::TIMESTAMPTZ),
        value("trace", Type::TEXT),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: columns.id()?,
            id: columns.id()?,
            user_id: columns.id()?,
            wanted: columns.wanted()?,
            amount: columns.money()?,
            key: columns.text()?,
            request_digest: RequestDigest(columns.bytes()?),
            status: columns.text()?,
            place: columns.count_opt()?,
            order_id: columns.id_opt()?,
            created_at: columns.time()?,
            expires_at: columns.time()?,
            ended_at: columns.time_opt()?,
            refunded_at: columns.time_opt()?,
            trace: columns.text_opt()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.session_id);
        cells.id(self.id);
        cells.id(self.user_id);
        cells.wanted(&self.wanted);
        cells.money(&self.amount);
        cells.put(self.key.as_str());
        cells.put(&self.request_digest.0[..]);
        cells.put(self.status.as_str());
        cells.count_opt(self.place);
        cells.id_opt(self.order_id);
        cells.time(self.created_at);
        cells.time(self.expires_at);
        cells.time_opt(self.ended_at);
        cells.time_opt(self.refunded_at);
        cells.put(self.trace.map(|trace| trace.to_string()));
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Hold {
    fn update() -> &'static str {
        &UPDATE
    }
}
