//! The waiting room.

use axum::{
    Extension, Json,
    extract::{FromRequestParts, State},
    response::IntoResponse,
    routing::{get, post},
};
use http::{StatusCode, request::Parts};
use serde::Deserialize;

use super::{Routes, queue_stream};
use crate::{
    capacity::Admission,
    dto::queue::{QueueStatusView, QueueTokenRequest, QueueTokenView, token_required},
    error::ApiError,
    extract::{Body, Context, Query, Trace, User, caller},
    state::App,
};

/// The header a queue token comes in, as [`http::HeaderMap`] spells it.
const TOKEN_HEADER: &str = "queue-token";

/// Taking a place, asking where it stands, giving it up.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/queue/token", post(join).delete(leave))
        .route("/api/queue/status", get(status))
        .route("/api/queue/stream", get(stream))
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
    AnyToken(token): AnyToken,
) -> Result<Json<QueueStatusView>, ApiError> {
    Ok(Json(app.ticketing.queue_status(&token, user.id).await?.into()))
}

async fn stream(
    State(app): State<App>,
    user: User,
    context: Context,
    admission: Option<Extension<Admission>>,
    AnyToken(token): AnyToken,
) -> Result<impl IntoResponse, ApiError> {
    let admission = admission.map(|Extension(admission)| admission);
    queue_stream::stream(app, user.id, token, context.token_ends_at, admission).await
}

async fn leave(State(app): State<App>, user: User, HeaderToken(token): HeaderToken) -> Result<StatusCode, ApiError> {
    app.ticketing.leave_queue(&token, user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The queue token in a request's header.
struct HeaderToken(String);

/// The queue token in a request's `token` parameter, or else in its header.
struct AnyToken(String);

#[derive(Debug, Deserialize)]
struct TokenParameter {
    token: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for HeaderToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let value = parts.headers.get(TOKEN_HEADER).filter(|value| !value.is_empty()).ok_or_else(token_required)?;
        // What is not ASCII is no token of ours, and not a missing one either.
        Ok(Self(String::from_utf8_lossy(value.as_bytes()).into_owned()))
    }
}

impl<S: Sync> FromRequestParts<S> for AnyToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(TokenParameter { token }) = Query::from_request_parts(parts, state).await?;
        match token.filter(|token| !token.is_empty()) {
            Some(token) => Ok(Self(token)),
            None => HeaderToken::from_request_parts(parts, state).await.map(|HeaderToken(token)| Self(token)),
        }
    }
}
