use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    ids::UserId,
    user::{Email, Role, User},
};

use crate::output::{Show, when};

/// An account, without its password.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRow {
    user_id: UserId,
    email: Email,
    role: Role,
    created_at: Timestamp,
}

impl From<User> for UserRow {
    fn from(user: User) -> Self {
        Self { user_id: user.id, email: user.email, role: user.role, created_at: user.created_at }
    }
}

impl Show for UserRow {
    const COLUMNS: &'static [&'static str] = &["user", "email", "role", "created"];

    fn cells(&self) -> Vec<String> {
        vec![self.user_id.to_string(), self.email.as_str().to_owned(), self.role.to_string(), when(self.created_at)]
    }
}
