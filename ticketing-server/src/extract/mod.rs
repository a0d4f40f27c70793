//! What handlers take, in the order in which they refuse: who asks, in which role, and only then
//! what they ask.
//!
//! Name [`User`] or [`Admin`] before [`Body`] in a handler's arguments.

mod body;
mod context;
mod path;
mod query;
mod user;

use ticketing_core::audit::{Actor, Caller};

pub use self::{
    body::{BODY_BYTES_MAX, Body, RawBody, SEATS_BYTES_MAX},
    context::{PeerAddress, Trace, Traced},
    path::{Id, PathId},
    query::{Paging, Query},
    user::{Admin, Staff, User, Viewer},
};
pub(crate) use self::{
    body::{is_json, not_json, parse},
    context::{Context, Identity},
};

/// Who asks, for the engine and its audit log.
pub fn caller(user: User, trace: Traced) -> Caller {
    trace.caller(Actor::User(user.id))
}
