//! For those who run the server.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use serde_json::{Value, json};
use ticketing_core::store::{Durability, StoreError};

use super::Routes;
use crate::{error::ApiError, state::App};

/// Longest time that the store may take to show that it is there.
const CHECK_TIME_MAX: Duration = Duration::from_secs(2);

/// Health, readiness and metrics.
pub(super) fn router() -> Routes {
    Routes::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn readyz(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let store = tokio::time::timeout(CHECK_TIME_MAX, check(&app)).await;
    let store = match store {
        Ok(Ok(state)) => state,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the store is not ready");
            "unreachable"
        }
        Err(_) => "slow",
    };
    let draining = app.lifecycle.is_draining();
    // The waiting room is kept in the same store.
    let checks = json!({ "store": store, "queue": store, "draining": draining, "durability": durability(&app) });
    if store == "ok" && !draining {
        return Ok(Json(json!({ "status": "ready", "checks": checks })));
    }
    let detail = if draining { "this server is going down" } else { "the store is not ready" };
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail).with("checks", checks))
}

async fn check(app: &App) -> Result<&'static str, StoreError> {
    let store = app.ticketing.store();
    store.now().await?;
    let schema = store.version().await?;
    Ok(if schema.found == schema.needed { "ok" } else { "schema" })
}

/// What survives what, once a write is acknowledged.
fn durability(app: &App) -> &'static str {
    match app.ticketing.store().durability() {
        Durability::Disk => "disk",
        Durability::Process => "process",
        Durability::Memory => "memory",
        Durability::Seconds => "seconds",
        _ => "other",
    }
}

async fn metrics(State(app): State<App>) -> Response {
    metrics::gauge!("ticketing_backlog").set(app.ticketing.backlog() as f64);
    let ledger = app.ledger.render(&app.ticketing, &*app.clock).await;
    let text = app.metrics.render() + &*ledger;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
