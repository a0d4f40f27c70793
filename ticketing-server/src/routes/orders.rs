//! Orders and the audit log, for administrators.

use axum::{
    Json,
    extract::State,
    routing::{get, post},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use ticketing_core::{
    audit::Actor,
    ids::{OrderId, SessionId, UserId},
    order::{Order, OrderStatus},
    store::{AuditCursor, OrderFilter},
};

use super::Routes;
use crate::{
    dto::{
        List,
        audit::AuditRecordView,
        orders::{AdminOrder, RefundView},
        page_of,
    },
    error::ApiError,
    extract::{Admin, Id, Paging, PathId, Query, Trace, caller},
    state::App,
};

/// Payments read at once for one list.
const PAYMENTS_AT_ONCE: usize = 8;

/// What was bought and by whom, giving it back, and who did what.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/admin/orders", get(orders))
        .route("/api/admin/orders/{order_id}", get(order))
        .route("/api/admin/orders/{order_id}/refund", post(refund))
        .route("/api/admin/audit", get(audit))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderQuery {
    session_id: Option<SessionId>,
    user_id: Option<UserId>,
    status: Option<OrderStatus>,
}

async fn orders(
    State(app): State<App>,
    _: Admin,
    Query(OrderQuery { session_id, user_id, status }): Query<OrderQuery>,
    Paging(page): Paging,
) -> Result<Json<List<AdminOrder>>, ApiError> {
    let filter = OrderFilter { session_id, user_id, status };
    let page = app.ticketing.queries().orders(filter, page_of::<OrderId>(page)?).await?;
    let views = stream::iter(page.items).map(|order| view(&app, order));
    let items = views.buffered(PAYMENTS_AT_ONCE).try_collect().await?;
    Ok(Json(List { items, next_cursor: page.next }))
}

async fn order(State(app): State<App>, _: Admin, Id(id): Id<OrderId>) -> Result<Json<AdminOrder>, ApiError> {
    let order = app.ticketing.queries().order(id).await?.ok_or_else(OrderId::not_found)?;
    Ok(Json(view(&app, order).await?))
}

async fn refund(
    State(app): State<App>,
    Admin(user): Admin,
    Trace(trace): Trace,
    Id(id): Id<OrderId>,
) -> Result<Json<RefundView>, ApiError> {
    Ok(Json(app.ticketing.refund_order(caller(user, trace), id).await?.into()))
}

async fn view(app: &App, order: Order) -> Result<AdminOrder, ApiError> {
    let payment = app.ticketing.queries().payment(order.payment_id).await?;
    let payment = payment.ok_or_else(|| ApiError::internal(format_args!("{} without its payment", order.id)))?;
    Ok(AdminOrder::new(order, payment))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditQuery {
    target_id: Option<String>,
    actor_id: Option<String>,
}

async fn audit(
    State(app): State<App>,
    _: Admin,
    Query(AuditQuery { target_id, actor_id }): Query<AuditQuery>,
    Paging(page): Paging,
) -> Result<Json<List<AuditRecordView>>, ApiError> {
    if target_id.as_ref().is_some_and(|target| target.contains('\0')) {
        // Some stores take no such text, not even to find nothing.
        return Err(ApiError::invalid_field("targetId", "what something is called; nothing has a NUL in its name"));
    }
    let wrong = |_| ApiError::invalid_field("actorId", "a user id, or operator, gateway or engine");
    let actor = actor_id.map(|text| text.parse::<Actor>().map_err(wrong)).transpose()?;
    let found = app.ticketing.audit_records(target_id, actor, page_of::<AuditCursor>(page)?).await?;
    Ok(Json(found.map(AuditRecordView::from).into()))
}
