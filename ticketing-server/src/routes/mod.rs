//! Every route there is, one file per part of the contract.

mod admin;
mod auth;
mod catalogue;
mod checkin;
mod holds;
mod operations;
mod orders;
mod payments;
mod problems;
mod queue;
mod queue_stream;
mod reconcile;
mod sandbox;
mod seats;
mod tickets;

use axum::{Router, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::{error::ApiError, state::App, telemetry::front};

/// The routes of `app`, with everything around them.
pub fn app(app: App) -> Router {
    let routes = Router::new()
        .merge(auth::router())
        .merge(catalogue::router())
        .merge(queue::router())
        .merge(holds::router())
        .merge(payments::router())
        .merge(tickets::router())
        .merge(checkin::router())
        .merge(admin::router())
        .merge(orders::router())
        .merge(reconcile::router())
        .merge(sandbox::router())
        .merge(operations::router())
        .merge(problems::router())
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method);
    front::wrap(routes, &app).with_state(app)
}

async fn no_route() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "route_not_found", "there is nothing at this address")
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address does not take this method")
}

/// An answer whose JSON is rendered already.
fn json(body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
