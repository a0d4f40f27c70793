//! Accounts.

use ticketing_core::{
    store::StoreError,
    user::{User, password::PasswordHash},
};
use tokio_postgres::types::Type;

use super::{Replaced, Stored, insert_into, select, statements, update_of};
use crate::postgres::columns::{Cells, Column, Columns, key, value};

statements! {
    pub(in crate::postgres) BY_IDS = format!("{} WHERE t.id = ANY ($1)", select::<User>());
    pub(in crate::postgres) BY_EMAILS = format!("{} WHERE t.email COLLATE \"C\" = ANY ($1)", select::<User>());
    pub(in crate::postgres) PAGE = format!("{} WHERE t.id > $1 ORDER BY t.id LIMIT $2", select::<User>());
    INSERT = insert_into::<User>();
    UPDATE = update_of::<User>();
}

impl Stored for User {
    const TABLE: &'static str = "users";
    const COLUMNS: &'static [Column] = &[
        key("id", Type::UUID),
        value("email", Type::TEXT),
        value("password_hash", Type::TEXT),
        value("role", Type::TEXT),
        value("created_at", Type::TIMESTAMPTZ),
    ];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            email: columns.text()?,
            password_hash: PasswordHash::from_stored(columns.get()?),
            role: columns.text()?,
            created_at: columns.time()?,
        })
    }

    fn encode(&self, cells: &mut Cells) {
        cells.id(self.id);
        cells.put(self.email.as_str());
        cells.put(self.password_hash.as_str());
        cells.put(self.role.as_str());
        cells.time(self.created_at);
    }

    fn insert() -> &'static str {
        &INSERT
    }
}

impl Replaced for User {
    fn update() -> &'static str {
        &UPDATE
    }
}
