//! Logins.

use ticketing_core::{
    store::StoreError,
    user::login::{Login, TokenHash},
};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, fixed, key, value};

statements! {
    pub(in crate::postgres) BY_IDS = format!("{} WHERE t.id = ANY ($1)", select::<Login>());
    INSERT = insert_into::<Login>();
    UPDATE = update_of::<Login>();
}

impl Stored for Login {
    const TABLE: &'static str = "logins";
    const COLUMNS: &'static [Column] = &[
        key("id", Type::UUID),
        fixed("user_id", Type::UUID),
        value("current_hash", Type::BYTEA),
        value("previous_hash", Type::BYTEA),
        value("rotated_at", Type::TIMESTAMPTZ),
        value("created_at", Type::TIMESTAMPTZ),
        value("expires_at", Type::TIMESTAMPTZ),
        value("ended_at", Type::TIMESTAMPTZ),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            user_id: columns.id()?,
            current: TokenHash(columns.bytes()?),
            previous: columns.bytes_opt()?.map(TokenHash),
            rotated_at: columns.time()?,
            created_at: columns.time()?,
            expires_at: columns.time()?,
            ended_at: columns.time_opt()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.id);
        cells.id(self.user_id);
        cells.put(&self.current.0[..]);
        cells.put(self.previous.as_ref().map(|hash| &hash.0[..]));
        cells.time(self.rotated_at);
        cells.time(self.created_at);
        cells.time(self.expires_at);
        cells.time_opt(self.ended_at);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for Login {
    fn update() -> &'static str {
        &UPDATE
    }
}
