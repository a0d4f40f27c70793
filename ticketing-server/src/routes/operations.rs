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
    let (store, queue) = tokio::join!(in_time("the store", check(&app)), async {
        let room = app.ticketing.waiting_room()?;
        let looked = async { room.now().await.map(|_| "ok") };
        Some(in_time("the waiting room", looked).await)
    });
    // Unless it has one of its own, the waiting room is kept in the same store.
    let queue = queue.unwrap_or(store);
    let draining = app.lifecycle.is_draining();
    let checks = json!({ "store": store, "queue": queue, "draining": draining, "durability": durability(&app) });
    // Without its waiting room a server goes on with whoever is admitted, and would be missed.
    if store == "ok" && !draining {
        return Ok(Json(json!({ "status": "ready", "checks": checks })));
    }
    let detail = if draining { "this server is going down" } else { "the store is not ready" };
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail).with("checks", checks))
}

/// What a check came to.
async fn in_time(what: &str, check: impl Future<Output = Result<&'static str, StoreError>>) -> &'static str {
    match tokio::time::timeout(CHECK_TIME_MAX, check).await {
        Ok(Ok(state)) => state,
        Ok(Err(error)) => {
            tracing::warn!(%error, "{what} is not ready");
            "unreachable"
        }
        Err(_) => "slow",
    }
}

async fn check(app: &App) -> Result<&'static str, StoreError> {
    let store = app.ticketing.store();
    store.now().await?;
    let schema = store.version().await?;
    if let Some(why) = store.refuses_writes() {
        tracing::warn!(why, "the store takes no writes");
        return Ok("halted");
    }
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
