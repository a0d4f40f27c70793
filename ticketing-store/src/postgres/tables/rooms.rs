//! Waiting rooms.

use ticketing_core::{store::StoreError, waiting_room::Room};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, key, value};

statements! {
    pub(in crate::postgres) BY_SESSIONS = format!("{} WHERE t.session_id = ANY ($1)", select::<Room>());
    pub(in crate::postgres) TO_ADMIT =
        "SELECT t.session_id FROM rooms t WHERE t.waiting + t.active > 0 AND t.session_id > $1 ORDER BY t.session_id LIMIT $2"
            .to_owned();
    INSERT = insert_into::<Room>();
    UPDATE = update_of::<Room>();
}

impl Stored for Room {
    const TABLE: &'static str = "rooms";
    const COLUMNS: &'static [Column] = &[
        key("session_id", Type::UUID),
        value("epoch", Type::INT8),
        value("next", Type::INT8),
        value("frontier", Type::INT8),
        value("log", Type::JSONB),
        value("credited_until", Type::TIMESTAMPTZ),
        value("wait_ended_through", Type::INT8),
        value("window_ended_through", Type::INT8),
        value("waiting", Type::INT8),
        value("active", Type::INT8),
        value("past", Type::JSONB),
        value("apart", Type::BOOL),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: columns.id()?,
            epoch: columns.count()?,
            next: columns.count()?,
            frontier: columns.count()?,
            log: columns.json()?,
            credited_until: columns.time()?,
            wait_ended_through: columns.count()?,
            window_ended_through: columns.count()?,
            waiting: columns.count()?,
            active: columns.count()?,
            past: columns.json()?,
            apart: columns.get()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.session_id);
        cells.count(self.epoch);
        cells.count(self.next);
        cells.count(self.frontier);
        cells.json(&self.log);
        cells.time(self.credited_until);
        cells.count(self.wait_ended_through);
        cells.count(self.window_ended_through);
        cells.count(self.waiting);
        cells.count(self.active);
        cells.json(&self.past);
        cells.put(self.apart);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Room {
    fn update() -> &'static str {
        &UPDATE
    }
}
