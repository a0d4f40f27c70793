//! The waiting room.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::{
    dto::queue::{QueueStatusView, QueueTokenRequest, QueueTokenView, token_required},
    error::ApiError,
    extract::{Body, Query, Trace, User, caller},
    state::App,
};

/// The header a queue token comes in, as [`HeaderMap`] spells it.
const TOKEN_HEADER: &str = "queue-token";

/// Taking a place, asking where it stands, giving it up.
pub fn router() -> Router<App> {
    Router::new().route("/api/queue/token", post(join).delete(leave)).route("/api/queue/status", get(status))
}

#[derive(Debug, Deserialize)]
struct TokenParameter {
    token: Option<String>,
}

async fn join(
    State(app): State<App>,
    user: User,
    Trace(trace): Trace,
    Body(body): Body<QueueTokenRequest>,
) -> Result<(StatusCode, Json<QueueTokenView>), ApiError> {
    let status = app.ticketing.join_queue(caller(user, trace), body.session_id, user.id).await?;
    let code = if status.existing { StatusCode::OK } else { StatusCode::CREATED };
    Ok((code, Json(status.into())))
}

async fn status(
    State(app): State<App>,
    user: User,
    Query(TokenParameter { token }): Query<TokenParameter>,
    headers: HeaderMap,
) -> Result<Json<QueueStatusView>, ApiError> {
    let token = token.as_deref().or_else(|| token_header(&headers)).filter(|token| !token.is_empty());
    let token = token.ok_or_else(token_required)?;
    Ok(Json(app.ticketing.queue_status(token, user.id).await?.into()))
}

async fn leave(State(app): State<App>, user: User, headers: HeaderMap) -> Result<StatusCode, ApiError> {
    let token = token_header(&headers).filter(|token| !token.is_empty()).ok_or_else(token_required)?;
    app.ticketing.leave_queue(token, user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The header's value; one that is not ASCII is no token of ours, and not a missing one either.
fn token_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(TOKEN_HEADER).map(|value| value.to_str().unwrap_or("?"))
}
