//! Seats.

use ticketing_core::{money::Money, seat::Seat, store::StoreError};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, list, of_session, only, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, key, value};

statements! {
    pub(in crate::postgres) BY_IDS = format!(
        "SELECT {} FROM unnest($1::uuid[], $2::text[]) k (session_id, id) \
         JOIN seats t ON t.session_id = k.session_id AND t.id = k.id COLLATE \"C\"",
        list::<Seat>("t.")
    );
    pub(in crate::postgres) OF_SESSION = of_session::<Seat>();
    /// Those that changed behind a version.
    pub(in crate::postgres) CHANGED =
        format!("{} WHERE t.session_id {} AND t.version > $2", select::<Seat>(), only("$1"));
    /// Those in holds that are overdue at `$2`.
    pub(in crate::postgres) OVERDUE = format!(
        "SELECT {} FROM holds h CROSS JOIN LATERAL jsonb_array_elements_text(h.seat_ids) k (id) \
         JOIN seats t ON t.session_id = h.session_id AND t.id = k.id COLLATE \"C\" \
         WHERE h.session_id = $1 AND h.status = 'ACTIVE' AND h.expires_at > '-infinity' AND h.expires_at <= $2",
        list::<Seat>("t.")
    );
    INSERT = insert_into::<Seat>();
    UPDATE = update_of::<Seat>();
}

impl Stored for Seat {
    const TABLE: &'static str = "seats";
    const COLUMNS: &'static [Column] = &[
        key("session_id", Type::UUID),
        key("id", Type::TEXT),
        value("section", Type::TEXT),
        value("row", Type::TEXT),
        value("number", Type::INT8),
        value("price_minor", Type::INT8),
        value("price_currency", Type::TEXT),
        value("status", Type::TEXT),
        value("hold_id", Type::UUID),
        value("version", Type::INT8),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: columns.id()?,
            id: columns.text()?,
            section: columns.get()?,
            row: columns.get()?,
            number: columns.get()?,
            price: {
                let minor: Option<i64> = columns.get()?;
                let currency = columns.text_opt()?;
                minor.zip(currency).map(|(minor, currency)| Money { minor, currency })
            },
            status: columns.text()?,
            hold_id: columns.id_opt()?,
            version: columns.count()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.session_id);
        cells.put(self.id.as_str());
        cells.put(&self.section);
        cells.put(&self.row);
        cells.put(self.number);
        cells.put(self.price.map(|price| price.minor));
        cells.put(self.price.as_ref().map(|price| price.currency.as_str()));
        cells.put(self.status.as_str());
        cells.id_opt(self.hold_id);
        cells.count(self.version);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Seat {
    fn update() -> &'static str {
        &UPDATE
    }
}
