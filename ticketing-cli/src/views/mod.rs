//! Records as they are printed. JSON uses the names of the HTTP API.

mod callback;
mod event;
mod hold;
mod session;
mod user;

pub use self::{callback::UnmatchedRow, event::EventRow, hold::HoldRow, session::SessionRow, user::UserRow};
