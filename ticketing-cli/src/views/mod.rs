//! Records as they are printed. JSON uses the names of the HTTP API.

mod event;
mod hold;
mod session;
mod user;

pub use self::{event::EventRow, hold::HoldRow, session::SessionRow, user::UserRow};
