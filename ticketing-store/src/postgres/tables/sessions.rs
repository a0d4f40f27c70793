//! Sessions.

use ticketing_core::{
    session::{Session, Stock},
    store::StoreError,
    waiting_room::QueuePolicy,
};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, only, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, fixed, key, value, version};

/// A session with its event's status and its overdue tickets at `$1`.
fn view() -> String {
    format!(
        "SELECT {}, (SELECT status FROM events e WHERE e.id = t.event_id), \
         (SELECT coalesce(sum(h.quantity), 0)::bigint FROM holds h WHERE h.session_id = t.id AND h.status = 'ACTIVE' \
          AND h.expires_at > '-infinity' AND h.expires_at <= $1) FROM sessions t",
        list::<Session>("t.")
    )
}

statements! {
    pub(in crate::postgres) BY_IDS = format!("{} WHERE t.id = ANY ($1)", select::<Session>());
    /// Locks, in the order of their ids, and reads what is there behind the lock.
    pub(in crate::postgres) LOCK = format!("{} WHERE t.id = ANY ($1) ORDER BY t.id FOR UPDATE", select::<Session>());
    pub(in crate::postgres) VIEW_BY_ID = format!("{} WHERE t.id = $2", view());
    pub(in crate::postgres) VIEW_PAGE = format!("{} WHERE t.id > $2 ORDER BY t.id LIMIT $3", view());
    pub(in crate::postgres) VIEW_PAGE_OF_EVENT =
        format!("{} WHERE t.event_id {} AND t.id > $2 ORDER BY t.event_id, t.id LIMIT $3", view(), only("$4"));
    /// Sessions that hold something overdue at `$1`. Walks the sessions, which are few beside their holds, and
    /// looks for one hold in each.
    pub(in crate::postgres) TO_SWEEP = "SELECT s.id FROM sessions s CROSS JOIN LATERAL \
         (SELECT FROM holds h WHERE h.session_id = s.id AND h.status = 'ACTIVE' AND h.expires_at > '-infinity' \
          AND h.expires_at <= $1 LIMIT 1) h WHERE s.held > 0 ORDER BY s.id LIMIT $2"
        .to_owned();
    INSERT = insert_into::<Session>();
    UPDATE = update_of::<Session>();
}

impl Stored for Session {
    const TABLE: &'static str = "sessions";
    const COLUMNS: &'static [Column] = &[
        key("id", Type::UUID),
        fixed("event_id", Type::UUID),
        value("start_at", Type::TIMESTAMPTZ),
        value("sales_open_at", Type::TIMESTAMPTZ),
        value("sales_close_at", Type::TIMESTAMPTZ),
        value("kind", Type::TEXT),
        value("total_stock", Type::INT8),
        value("available", Type::INT8),
        value("held", Type::INT8),
        value("sold", Type::INT8),
        value("price_minor", Type::INT8),
        value("price_currency", Type::TEXT),
        value("max_per_user", Type::INT8),
        value("hold_ttl_seconds", Type::INT8),
        value("status", Type::TEXT),
        value("queue_mode", Type::TEXT),
        value("queue_admit_per_second", Type::INT8),
        value("queue_max_active", Type::INT8),
        value("queue_wait_ttl_seconds", Type::INT8),
        value("queue_admit_ttl_seconds", Type::INT8),
        value("queue_max_length", Type::INT8),
        value("queue_pre_queue_seconds", Type::INT8),
        version("version", Type::INT8),
        value("created_at", Type::TIMESTAMPTZ),
        value("updated_at", Type::TIMESTAMPTZ),
        value("audit_length", Type::INT8),
        value("audit_mac", Type::BYTEA),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            event_id: columns.id()?,
            start_at: columns.time()?,
            sales_open_at: columns.time_opt()?,
            sales_close_at: columns.time_opt()?,
            kind: columns.text()?,
            stock: Stock {
                total: columns.get()?,
                available: columns.get()?,
                held: columns.get()?,
                sold: columns.get()?,
            },
            price: columns.money()?,
            max_per_user: columns.count()?,
            hold_ttl_seconds: columns.count()?,
            status: columns.text()?,
            queue: QueuePolicy {
                mode: columns.text()?,
                admit_per_second: columns.count_opt()?,
                max_active: columns.count_opt()?,
                wait_ttl_seconds: columns.count_opt()?,
                admit_ttl_seconds: columns.count_opt()?,
                max_length: columns.count_opt()?,
                pre_queue_seconds: columns.count_opt()?,
            },
            version: columns.count()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
            audit: columns.chain()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.id);
        cells.id(self.event_id);
        cells.time(self.start_at);
        cells.time_opt(self.sales_open_at);
        cells.time_opt(self.sales_close_at);
        cells.put(self.kind.as_str());
        cells.put(self.stock.total);
        cells.put(self.stock.available);
        cells.put(self.stock.held);
        cells.put(self.stock.sold);
        cells.money(&self.price);
        cells.count(self.max_per_user);
        cells.count(self.hold_ttl_seconds);
        cells.put(self.status.as_str());
        cells.put(self.queue.mode.as_str());
        cells.count_opt(self.queue.admit_per_second);
        cells.count_opt(self.queue.max_active);
        cells.count_opt(self.queue.wait_ttl_seconds);
        cells.count_opt(self.queue.admit_ttl_seconds);
        cells.count_opt(self.queue.max_length);
        cells.count_opt(self.queue.pre_queue_seconds);
        cells.count(self.version);
        cells.time(self.created_at);
        cells.time(self.updated_at);
        cells.chain(&self.audit);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Session {
    fn update() -> &'static str {
        &UPDATE
    }
}
