//! Checkout, the gateway's callbacks, payments and orders.

use axum::{
    Extension, Json,
    extract::{FromRequest, Request, State},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use ticketing_core::{
    audit::Actor,
    engine::CheckoutRequest,
    ids::{OrderId, PaymentId},
    order::Order,
    payment::GatewayPaymentId,
};

use super::Routes;
use crate::{
    dto::{
        List, page_of,
        payments::{CallbackBody, CheckoutBody, CheckoutView, OrderView, PaymentView},
    },
    error::ApiError,
    extract::{Body, Id, Paging, PathId, RawBody, Trace, User, caller, is_json, not_json, parse},
    gateway::{
        redact,
        signature::{self, SignatureError},
    },
    state::App,
    telemetry::spans::PurchaseStep,
};

/// What a callback is in the trace of its purchase.
const CALLBACK_STEP: &str = "payment.callback";
/// Receipts put together at once for one list.
const RECEIPTS_AT_ONCE: usize = 8;

/// Paying for holds, and what became of it.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/payments/checkout", post(checkout))
        .route("/api/payments/callback", post(callback))
        .route("/api/payments/{payment_id}", get(payment))
        .route("/api/me/orders", get(orders))
        .route("/api/me/orders/{order_id}", get(order))
}

async fn checkout(
    State(app): State<App>,
    user: User,
    Trace(trace): Trace,
    Body(CheckoutBody { hold_id, method }): Body<CheckoutBody>,
) -> Result<(StatusCode, Option<Extension<PurchaseStep>>, Json<CheckoutView>), ApiError> {
    let request = CheckoutRequest { caller: caller(user, trace), user_id: user.id, hold_id, method };
    let open = app.ticketing.checkout(request).await?;
    let code = if open.existing { StatusCode::OK } else { StatusCode::CREATED };
    let step = PurchaseStep::of("payment.checkout", &open.order);
    if let (Some(spans), Some(step)) = (&app.spans, step) {
        spans.remember(open.gateway.pg_payment_id.clone(), step);
    }
    Ok((code, step.map(Extension), Json(open.into())))
}

/// `{}`.
#[derive(Debug, Serialize)]
struct Nothing {}

async fn callback(
    State(app): State<App>,
    Trace(trace): Trace,
    Signed(body): Signed,
) -> Result<(Option<Extension<PurchaseStep>>, Json<Nothing>), ApiError> {
    let report = parse::<CallbackBody>(&body)?;
    let raw = std::str::from_utf8(&body).map_err(|_| ApiError::invalid("the body is not UTF-8"))?;
    let kept = redact::without_card_data(raw).map_err(|error| ApiError::invalid(error.to_string()))?;
    let report = report.into_report(kept);
    let name = report.pg_payment_id.clone();
    app.ticketing.payment_callback(trace.caller(Actor::Gateway), report).await?;
    let step = match &app.spans {
        Some(spans) => match spans.remembered(&name, CALLBACK_STEP) {
            Some(step) => Some(step),
            None => purchase_of(&app, name).await,
        },
        None => None,
    };
    Ok((step.map(Extension), Json(Nothing {})))
}

/// The purchase that a callback was about, for its trace, where another node opened the payment. That it cannot be
/// read does not fail the callback.
async fn purchase_of(app: &App, name: GatewayPaymentId) -> Option<PurchaseStep> {
    let payment = app.ticketing.queries().payment_by_gateway(name).await.ok()??;
    let order = app.ticketing.queries().order(payment.order_id).await.ok()??;
    PurchaseStep::of(CALLBACK_STEP, &order)
}

/// The body of a callback whose signature holds.
struct Signed(Bytes);

impl FromRequest<App> for Signed {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let headers = request.headers();
        let signature = headers.get(signature::HEADER).cloned();
        // Who can sign need not name the type; who names one must mean it.
        let json = is_json(headers) || !headers.contains_key(header::CONTENT_TYPE);
        let RawBody(body) = <RawBody>::from_request(request, app).await?;
        let verified = app.callback_verifier.verify(signature.as_ref().map(HeaderValue::as_bytes), &body);
        let refused =
            |error: SignatureError| ApiError::new(StatusCode::UNAUTHORIZED, "bad_signature", error.to_string());
        verified.map_err(refused)?;
        if json { Ok(Self(body)) } else { Err(not_json()) }
    }
}

async fn payment(State(app): State<App>, user: User, Id(id): Id<PaymentId>) -> Result<Json<PaymentView>, ApiError> {
    let payment = app.ticketing.queries().payment(id).await?.filter(|payment| payment.user_id == user.id);
    Ok(Json(payment.ok_or_else(PaymentId::not_found)?.into()))
}

async fn orders(State(app): State<App>, user: User, Paging(page): Paging) -> Result<Json<List<OrderView>>, ApiError> {
    let page = app.ticketing.queries().orders_of_user(user.id, page_of::<OrderId>(page)?).await?;
    let receipts = stream::iter(page.items).map(|order| receipt(&app, order));
    let items = receipts.buffered(RECEIPTS_AT_ONCE).try_collect().await?;
    Ok(Json(List { items, next_cursor: page.next }))
}

async fn order(State(app): State<App>, user: User, Id(id): Id<OrderId>) -> Result<Json<OrderView>, ApiError> {
    let order = app.ticketing.queries().order(id).await?.filter(|order| order.user_id == user.id);
    Ok(Json(receipt(&app, order.ok_or_else(OrderId::not_found)?).await?))
}

async fn receipt(app: &App, order: Order) -> Result<OrderView, ApiError> {
    let missing = |what: &dyn std::fmt::Display| ApiError::internal(format_args!("{} without {what}", order.id));
    let payment = app.ticketing.queries().payment(order.payment_id).await?;
    let payment = payment.ok_or_else(|| missing(&order.payment_id))?;
    let view = app.ticketing.session(order.session_id).await?.ok_or_else(|| missing(&order.session_id))?;
    let event_id = view.session.event_id;
    let event = app.ticketing.queries().event(event_id).await?.ok_or_else(|| missing(&event_id))?;
    Ok(OrderView::new(order, &payment, &view.session, &event))
}
