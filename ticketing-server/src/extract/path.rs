//! Ids in paths.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::{StatusCode, request::Parts};
use ticketing_core::ids::{EventId, HoldId, OrderId, PaymentId, SessionId, TicketId, UserId};

use crate::error::ApiError;

/// An id that a path may name.
pub trait PathId: FromStr + Send {
    /// The reason when there is no such thing.
    const NOT_FOUND: &'static str;
    /// What it names, for people.
    const THING: &'static str;

    /// There is no such thing.
    fn not_found() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, Self::NOT_FOUND, format!("there is no such {}", Self::THING))
    }
}

macro_rules! path_ids {
    ($($id:ty = $thing:literal;)+) => {$(
        impl PathId for $id {
            const NOT_FOUND: &'static str = concat!($thing, "_not_found");
            const THING: &'static str = $thing;
        }
    )+};
}

path_ids! {
    EventId = "event";
    SessionId = "session";
    HoldId = "hold";
    OrderId = "order";
    PaymentId = "payment";
    TicketId = "ticket";
    UserId = "user";
}

/// The id in a path that has one. What is no id names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<T: PathId, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| T::not_found())?;
        let id = params.iter().next().and_then(|(_, text)| text.parse().ok());
        id.map(Self).ok_or_else(T::not_found)
    }
}
