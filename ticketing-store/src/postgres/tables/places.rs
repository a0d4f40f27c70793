//! Places in waiting rooms.

use ticketing_core::{store::StoreError, waiting_room::Place};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, fixed, key, value};

statements! {
    pub(in crate::postgres) BY_NUMBERS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::bigint[]) k (session_id, number) \
         JOIN places t ON t.session_id = k.session_id AND t.number = k.number",
        list::<Place>("t.")
    );
    pub(in crate::postgres) BEHIND =
        format!("{} WHERE t.session_id = $1 AND t.number > $2 ORDER BY t.number LIMIT $3", select::<Place>());
    /// The newest place of each user that is `IN`.
    pub(in crate::postgres) OF_USERS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::uuid[]) k (session_id, user_id) CROSS JOIN LATERAL \
         (SELECT * FROM places p WHERE p.session_id = k.session_id AND p.user_id = k.user_id AND p.state = 'IN' \
          ORDER BY p.number DESC LIMIT 1) t",
        list::<Place>("t.")
    );
    /// Numbers behind the head of the room that nobody waits in: the head as it stands in the same view.
    pub(in crate::postgres) GIVEN_UP_BEHIND_HEAD = "SELECT t.number FROM rooms r JOIN places t \
         ON t.session_id = r.session_id AND t.number > greatest(r.frontier, r.wait_ended_through) \
         WHERE r.session_id = $1 AND t.state <> 'IN' ORDER BY t.number"
        .to_owned();
    INSERT = insert_into::<Place>();
    UPDATE = update_of::<Place>();
}

impl Stored for Place {
    const TABLE: &'static str = "places";
    const COLUMNS: &'static [Column] = &[
        key("session_id", Type::UUID),
        key("number", Type::INT8),
        fixed("user_id", Type::UUID),
        value("issued_at", Type::TIMESTAMPTZ),
        value("admitted_at_once", Type::BOOL),
        value("state", Type::TEXT),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: columns.id()?,
            number: columns.count()?,
            user_id: columns.id()?,
            issued_at: columns.time()?,
            admitted_at_once: columns.get()?,
            state: columns.text()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.session_id);
        cells.count(self.number);
        cells.id(self.user_id);
        cells.time(self.issued_at);
        cells.put(self.admitted_at_once);
        cells.put(self.state.as_str());
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Place {
    fn update() -> &'static str {
        &UPDATE
    }
}
