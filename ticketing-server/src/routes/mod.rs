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

use axum::{Router, response::Response, routing::MethodRouter};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::{error::ApiError, openapi, state::App, telemetry::front};

/// Routes, and the paths that they serve.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<App>,
    paths: Vec<String>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Serves `path` with `methods`.
    pub(crate) fn route(mut self, path: &str, methods: MethodRouter<App>) -> Self {
        self.paths.push(path.to_owned());
        Self { router: self.router.route(path, methods), ..self }
    }

    fn merge(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        Self { router: self.router.merge(other.router), ..self }
    }
}

/// Every route. What is served is described in [`openapi`], which a test holds.
fn all() -> Routes {
    Routes::new()
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
        .merge(openapi::router())
}

/// Every reason that is explained.
pub(crate) fn reasons() -> Vec<&'static str> {
    problems::REASONS.iter().map(|(reason, _)| *reason).collect()
}

/// The paths of [`all`], as they are spelt there.
pub(crate) fn served_paths() -> Vec<String> {
    all().paths
}

/// The routes of `app`, with everything around them.
pub fn app(app: App) -> Router {
    let routes = all().router.fallback(no_route).method_not_allowed_fallback(wrong_method);
    front::wrap(routes, &app).with_state(app)
}

async fn no_route() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "route_not_found", "there is nothing at this address")
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address does not take this method")
}

/// An answer whose JSON is rendered already.
pub(crate) fn json(body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
