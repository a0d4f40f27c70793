//! Holds.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, StatusCode, request::Parts};
use ticketing_core::{
    command::ReleaseBy,
    engine::HoldRequest,
    hold::{HoldStatus, IdempotencyKey},
    ids::HoldId,
};

use super::Routes;
use crate::{
    dto::holds::{HoldView, PlaceHoldRequest, WantedHold},
    error::ApiError,
    extract::{Body, Id, PathId, Trace, User, caller},
    state::App,
};

/// The header a client's key comes in, as [`http::HeaderMap`] spells it.
const KEY_HEADER: &str = "idempotency-key";

/// Placing a hold, asking for it, giving it up.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/reservations/hold", post(place))
        .route("/api/reservations/hold/{hold_id}", get(show).delete(release))
}

async fn place(
    State(app): State<App>,
    user: User,
    Trace(trace): Trace,
    Key(key): Key,
    Body(body): Body<PlaceHoldRequest>,
) -> Result<Response, ApiError> {
    let WantedHold { session_id, wanted, queue_token } = body.parse(|token| app.ticketing.session_of_token(token))?;
    let request = HoldRequest { caller: caller(user, trace), session_id, user_id: user.id, wanted, key, queue_token };
    let placed = app.ticketing.hold(request).await?;
    let mut response = (StatusCode::CREATED, Json(HoldView::new(&placed.hold, placed.hold.status))).into_response();
    if placed.replayed {
        let name = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    Ok(response)
}

async fn show(State(app): State<App>, user: User, Id(id): Id<HoldId>) -> Result<Response, ApiError> {
    let hold = app.ticketing.queries().hold(id).await?.filter(|hold| hold.user_id == user.id);
    let hold = hold.ok_or_else(HoldId::not_found)?;
    let status = match hold.status {
        // Swept or not: what it is by the store's own clock.
        HoldStatus::Active => hold.status_at(app.ticketing.queries().now().await?),
        ended => ended,
    };
    Ok(Json(HoldView::new(&hold, status)).into_response())
}

async fn release(
    State(app): State<App>,
    user: User,
    Trace(trace): Trace,
    Id(id): Id<HoldId>,
) -> Result<StatusCode, ApiError> {
    app.ticketing.release(caller(user, trace), id, ReleaseBy::Owner(user.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The client's key for a request that must not count twice.
struct Key(IdempotencyKey);

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let refused = |reason, detail: &str| ApiError::new(StatusCode::BAD_REQUEST, reason, detail);
        let mut values = parts.headers.get_all(KEY_HEADER).iter();
        let required = || refused("idempotency_key_required", "the header Idempotency-Key is required");
        let value = values.next().ok_or_else(required)?;
        let one = values.next().is_none();
        let key = value.to_str().ok().and_then(|key| key.parse().ok()).filter(|_| one);
        let invalid = || refused("idempotency_key_invalid", "Idempotency-Key: once, 1 to 255 visible ASCII characters");
        key.map(Self).ok_or_else(invalid)
    }
}
