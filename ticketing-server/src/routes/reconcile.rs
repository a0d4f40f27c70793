//! Payments that the ledger and the gateway do not agree about.

use axum::{
    Json,
    extract::State,
    routing::{get, post},
};
use ticketing_core::{engine::ReconcileReport, ids::CallbackId};

use super::Routes;
use crate::{
    dto::{
        List, page_of,
        reconcile::{ReconcileRequest, UnmatchedCallback},
    },
    error::ApiError,
    extract::{Admin, Body, Paging, Trace, caller},
    state::App,
};

/// Asking the gateway what it took, and what nobody knows.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/admin/payments/reconcile", post(reconcile))
        .route("/api/admin/payments/unmatched", get(unmatched))
}

async fn reconcile(
    State(app): State<App>,
    Admin(user): Admin,
    Trace(trace): Trace,
    Body(ReconcileRequest { since }): Body<ReconcileRequest>,
) -> Result<Json<ReconcileReport>, ApiError> {
    Ok(Json(app.ticketing.reconcile(caller(user, trace), since).await?))
}

async fn unmatched(
    State(app): State<App>,
    _: Admin,
    Paging(page): Paging,
) -> Result<Json<List<UnmatchedCallback>>, ApiError> {
    let callbacks = app.ticketing.queries().callbacks_unmatched(page_of::<CallbackId>(page)?).await?;
    Ok(Json(callbacks.map(UnmatchedCallback::from).into()))
}
