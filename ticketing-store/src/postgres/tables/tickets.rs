//! Tickets.

use ticketing_core::{
    store::StoreError,
    ticket::{Redemption, Ticket},
};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, of_session, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, fixed, fixed_or_absent, key, value};

/// A ticket with its event's title and its session's start.
fn view() -> String {
    format!(
        "SELECT {}, (SELECT e.title FROM events e WHERE e.id = t.event_id), \
         (SELECT s.start_at FROM sessions s WHERE s.id = t.session_id) FROM tickets t",
        list::<Ticket>("t.")
    )
}

statements! {
    pub(in crate::postgres) VIEW_BY_ID = format!("{} WHERE t.id = $1", view());
    /// Newest first, from before `$1` on.
    pub(in crate::postgres) VIEW_OF_USER =
        format!("{} WHERE t.user_id = $3 AND ($1::uuid IS NULL OR t.id < $1) ORDER BY t.id DESC LIMIT $2", view());
    pub(in crate::postgres) OF_ORDER = format!(
        "SELECT {} FROM orders o JOIN tickets t ON t.session_id = o.session_id AND t.order_id = o.id \
         WHERE o.id = $1 ORDER BY t.id",
        list::<Ticket>("t.")
    );
    pub(in crate::postgres) OF_SESSION = of_session::<Ticket>();
    pub(in crate::postgres) IN_SESSIONS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::uuid[]) k (session_id, id) \
         JOIN tickets t ON t.session_id = k.session_id AND t.id = k.id",
        list::<Ticket>("t.")
    );
    INSERT = insert_into::<Ticket>();
    UPDATE = update_of::<Ticket>();
}

impl Stored for Ticket {
    const TABLE: &'static str = "tickets";
    const COLUMNS: &'static [Column] = &[
        key("session_id", Type::UUID),
        key("id", Type::UUID),
        fixed("order_id", Type::UUID),
        fixed("event_id", Type::UUID),
        fixed("user_id", Type::UUID),
        fixed_or_absent("seat_id", Type::TEXT),
        value("status", Type::TEXT),
        fixed("issued_at", Type::TIMESTAMPTZ),
        value("redeemed_at", Type::TIMESTAMPTZ),
        value("redeemed_by", Type::TEXT),
        value("redeem_nonce", Type::TEXT),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: columns.id()?,
            id: columns.id()?,
            order_id: columns.id()?,
            event_id: columns.id()?,
            user_id: columns.id()?,
            seat_id: columns.text_opt()?,
            status: columns.text()?,
            issued_at: columns.time()?,
            redemption: {
                let (at, by, nonce) = (columns.time_opt()?, columns.text_opt()?, columns.text_opt()?);
                at.zip(by).zip(nonce).map(|((at, by), nonce)| Redemption { at, by, nonce })
            },
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.session_id);
        cells.id(self.id);
        cells.id(self.order_id);
        cells.id(self.event_id);
        cells.id(self.user_id);
        cells.put(self.seat_id.as_ref().map(|seat| seat.as_str()));
        cells.put(self.status.as_str());
        cells.time(self.issued_at);
        let used = self.redemption.as_ref();
        cells.time_opt(used.map(|used| used.at));
        cells.put(used.map(|used| used.by.to_string()));
        cells.put(used.map(|used| used.nonce.as_str()));
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Ticket {
    fn update() -> &'static str {
        &UPDATE
    }
}
