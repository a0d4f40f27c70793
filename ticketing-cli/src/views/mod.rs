//! Records as they are printed. JSON uses the names of the HTTP API.

mod audit;
mod callback;
mod event;
mod hold;
mod order;
mod queue;
mod session;
mod ticket;
mod user;

pub use self::{
    audit::AuditRow,
    callback::UnmatchedRow,
    event::EventRow,
    hold::HoldRow,
    order::OrderRow,
    queue::QueueRow,
    session::SessionRow,
    ticket::{ClaimsRow, RedeemedRow},
    user::UserRow,
};
