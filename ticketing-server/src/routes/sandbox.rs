//! The sandbox gateway's own pages, as a gateway elsewhere would serve them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Form,
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header, request::Parts};
use serde::Deserialize;
use ticketing_core::{
    clock::Timestamp,
    payment::{GatewayPaymentId, Payment, PaymentStatus},
};

use super::Routes;
use crate::{
    error::ApiError,
    extract::RawBody,
    gateway::{
        page::{self, PaymentPage, ResultPage},
        play::Decision,
        sandbox::{PAY_PATH, Sandbox},
    },
    state::App,
};

/// The path of the page behind the payment, in front of the payment's name.
const RESULT_PATH: &str = "/sandbox/result/";
/// Largest form.
const FORM_BYTES_MAX: usize = 1_024;
/// How long the buyer's browser waits for the shop before it is shown that it waits.
const DELIVERY_WAIT_MAX: Duration = Duration::from_secs(10);

/// The payment page and the page behind it.
pub(super) fn router() -> Routes {
    Routes::new()
        .route(&format!("{PAY_PATH}{{pg_payment_id}}"), get(show).post(decide))
        .route(&format!("{RESULT_PATH}{{pg_payment_id}}"), get(result))
}

#[derive(Debug, Deserialize)]
struct DecisionForm {
    decision: Decision,
}

/// The decision in a form; `None` when it has none. It has the bounds that every body has.
struct Pressed(Option<Decision>);

impl<S: Send + Sync> FromRequest<S> for Pressed {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let whole = Request::from_parts(parts.clone(), body);
        let RawBody(bytes) = RawBody::<FORM_BYTES_MAX>::from_request(whole, state).await?;
        let form = Form::<DecisionForm>::from_request(Request::from_parts(parts, Body::from(bytes)), state).await;
        Ok(Self(form.ok().map(|Form(form)| form.decision)))
    }
}

async fn show(State(app): State<App>, Name(name): Name) -> Result<Response, ApiError> {
    let Some((_, payment)) = find(&app, name).await? else { return Ok(not_found()) };
    let open = Open::read(&app, &payment).await?;
    if payment.status != PaymentStatus::Pending || open.is_over() {
        return Ok(see_result(&payment));
    }
    let Some(session) = app.ticketing.session(payment.session_id).await? else { return Ok(not_found()) };
    let event = app.ticketing.queries().event(session.session.event_id).await?;
    let page = PaymentPage {
        title: event.as_ref().map_or("", |event| &event.title),
        start_at: session.session.start_at,
        quantity: open.quantity,
        amount: payment.amount,
        order_id: payment.order_id,
        expires_at: open.expires_at,
        now: open.now,
    };
    Ok(html(StatusCode::OK, page.render()))
}

async fn decide(State(app): State<App>, Name(name): Name, Pressed(decision): Pressed) -> Result<Response, ApiError> {
    let Some((sandbox, payment)) = find(&app, name).await? else { return Ok(not_found()) };
    let Some(decision) = decision else {
        let text = "Send the form of the payment page, such as decision=pay or decision=decline.";
        return Ok(html(StatusCode::BAD_REQUEST, page::message("That was no decision", text)));
    };
    // What is settled, or can no longer be paid, is not charged.
    if payment.status != PaymentStatus::Pending {
        return Ok(see_result(&payment));
    }
    let open = Open::read(&app, &payment).await?;
    if open.is_over() {
        return Ok(see_result(&payment));
    }
    let delivery = match sandbox.report(&payment, decision, open.expires_at.since(open.now)).await {
        Ok(delivery) => delivery,
        Err(error) => {
            tracing::warn!(payment_id = %payment.id, %error, "a payment was turned away");
            let text = "This payment cannot be taken right now: nothing was charged. Try again in a moment.";
            let busy = html(StatusCode::SERVICE_UNAVAILABLE, page::message("Try again", text));
            return Ok(([(header::RETRY_AFTER, "1")], busy).into_response());
        }
    };
    // Whatever comes of it, the page behind tells how the payment stands. What is told later is not waited for.
    let wait = if decision.is_told_late() { Duration::ZERO } else { DELIVERY_WAIT_MAX };
    let _ = tokio::time::timeout(wait, delivery).await;
    Ok(see_result(&payment))
}

async fn result(State(app): State<App>, Name(name): Name) -> Result<Response, ApiError> {
    let Some((_, payment)) = find(&app, name).await? else { return Ok(not_found()) };
    let expired = payment.status == PaymentStatus::Pending && Open::read(&app, &payment).await?.is_over();
    let page = ResultPage { status: payment.status, expired, amount: payment.amount, order_id: payment.order_id };
    Ok(html(StatusCode::OK, page.render()))
}

/// The payment's name at the gateway, if the path has one.
struct Name(Option<GatewayPaymentId>);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await.ok();
        Ok(Self(path.and_then(|Path(name)| name.try_into().ok())))
    }
}

/// The payment that the sandbox knows by `name`, if it is one of its own.
async fn find(app: &App, name: Option<GatewayPaymentId>) -> Result<Option<(Arc<Sandbox>, Payment)>, ApiError> {
    let (Some(sandbox), Some(name)) = (&app.sandbox, name) else { return Ok(None) };
    let payment = app.ticketing.queries().payment_by_gateway(name).await?;
    Ok(payment.filter(|payment| sandbox.owns(payment)).map(|payment| (Arc::clone(sandbox), payment)))
}

/// How long a payment may still be made, and for how many tickets.
struct Open {
    quantity: u32,
    expires_at: Timestamp,
    now: Timestamp,
}

impl Open {
    async fn read(app: &App, payment: &Payment) -> Result<Self, ApiError> {
        let hold = app.ticketing.queries().hold(payment.hold_id).await?;
        let hold = hold.ok_or_else(|| ApiError::internal(format_args!("{} has no hold", payment.id)))?;
        let now = app.ticketing.queries().now().await?;
        // A hold that was given up can be paid no longer, however much of its time was left.
        let expires_at = hold.ended_at.unwrap_or(hold.expires_at);
        Ok(Self { quantity: hold.quantity(), expires_at, now })
    }

    fn is_over(&self) -> bool {
        self.now >= self.expires_at
    }
}

fn see_result(payment: &Payment) -> Response {
    let name = payment.gateway.as_ref().map_or("", |gateway| gateway.pg_payment_id.as_str());
    (StatusCode::SEE_OTHER, [(header::LOCATION, format!("{RESULT_PATH}{name}"))]).into_response()
}

fn not_found() -> Response {
    html(StatusCode::NOT_FOUND, page::message("No such payment", "This gateway knows no payment of that name."))
}

fn html(status: StatusCode, page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let policy = [(header::CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY.as_str())];
    (status, headers, policy, page).into_response()
}
