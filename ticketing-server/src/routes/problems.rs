//! What the reasons of refusals mean: the pages that a problem's `type` leads to.

use axum::{
    Json,
    extract::{RawPathParams, rejection::RawPathParamsRejection},
    routing::get,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::Routes;
use crate::error::ApiError;

/// Every reason, and what it means for whoever gets it.
pub(crate) const REASONS: &[(&str, &str)] = &[
    ("already_redeemed", "The ticket was used before, under another nonce."),
    ("already_sold", "The hold was paid; what is paid is not released."),
    ("bad_credentials", "No account has this e-mail address and this password."),
    ("bad_signature", "The callback's signature is missing, wrong or too old."),
    ("body_too_large", "The body is larger than this route takes."),
    ("conflict", "Too many changes of one thing at once. Nothing was done; try again."),
    ("cooling_down", "Too many of your holds in this session ended unpaid. Try again after `Retry-After`."),
    ("email_taken", "The e-mail address has an account. Case and surrounding space do not make a new address."),
    ("event_not_found", "There is no such event, or it is not published."),
    ("forbidden", "Your role may not do this."),
    ("gateway_refused", "The payment gateway refused the payment; trying again will not help."),
    ("gateway_unavailable", "The payment gateway did not answer. Try again: what was begun goes on."),
    ("hold_exists", "You have a live hold in this session; `holdId` names it. Pay it or release it first."),
    ("hold_not_active", "The hold has ended: it expired, was released or was paid."),
    ("hold_not_found", "There is no such hold, or it is another user's."),
    ("idempotency_key_invalid", "The `Idempotency-Key` is not 1 to 255 visible ASCII characters."),
    ("idempotency_key_required", "The request needs an `Idempotency-Key` header: 1 to 255 visible ASCII characters."),
    ("internal", "Something went wrong on our side. The trace id helps to find it."),
    ("invalid_argument", "The request is not of the expected shape; `errors` names the fields."),
    ("invalid_email", "The text is no e-mail address."),
    ("invalid_ticket", "The code is no ticket of ours, or was altered."),
    ("key_reused", "The `Idempotency-Key` was used for another request. Use a fresh key."),
    ("limit_exceeded", "With this you would have more tickets than the session allows per user."),
    ("method_not_allowed", "The address does not take this method; `Allow` names those it takes."),
    ("not_admitted", "The queue has not admitted this token yet."),
    ("not_on_sale", "Sales of the session have not opened."),
    ("not_ready", "The server is starting, going down, or its store is away."),
    ("order_not_found", "There is no such order, or it is another user's."),
    ("order_not_paid", "Only a paid order is given back; `orderStatus` tells what this one is."),
    ("outcome_unknown", "Whether the write was done is not known yet. Ask again in the same way, under the same key."),
    ("overloaded", "Too much at once. Nothing was done; try again after `Retry-After`."),
    ("payment_not_found", "There is no such payment, or it is another user's."),
    ("queue_full", "The waiting room is as long as it may be. Try again later."),
    ("queue_token_expired", "The queue token's wait or window has ended. Take a new place."),
    ("queue_token_mismatch", "The queue token is another user's or another session's."),
    ("queue_token_not_found", "There is no such queue token, or it is another user's."),
    ("queue_token_required", "The session asks for a queue token."),
    (
        "queue_unavailable",
        "The waiting room cannot be reached. Who is admitted may go on with the token; all others try again.",
    ),
    ("rate_limited", "Too many requests. Try again after `Retry-After`."),
    (
        "refresh_token_invalid",
        "The refresh token is none of ours, was used before, or its log-in has ended. Log in again.",
    ),
    ("request_timeout", "The request did not arrive in time."),
    ("revoked", "The ticket was refunded and admits nobody."),
    ("route_not_found", "There is nothing at this address."),
    ("sale_closed", "Sales of the session have closed."),
    ("sale_paused", "Sales of the session are halted for now."),
    ("seat_exists", "Some of these seats exist already; `seatIds` names them. None was added."),
    ("seat_not_found", "Some of these seats do not exist; `seatIds` names them."),
    ("seat_taken", "Somebody has some of these seats; `seatIds` names them. None was held."),
    ("session_not_found", "There is no such session, or its event is not published."),
    ("shutting_down", "The server is going down. Nothing was done; try again."),
    ("sold_out", "Not enough is left; `remaining` tells how much is."),
    ("stock_in_use", "More tickets are held and sold than the new stock has; `inUse` tells how many."),
    ("store_unavailable", "The store cannot be reached. Nothing was done; try again."),
    ("ticket_not_found", "There is no such ticket, or it is another user's."),
    ("ticket_used", "Somebody came in with a ticket of this order; `ticketIds` names it."),
    ("token_invalid", "The access token is not ours, or has expired. Log in again."),
    ("token_required", "The request needs an access token: `Authorization: Bearer …`."),
    ("too_many_holds", "You have placed more holds in this session than are kept track of."),
    ("unsupported_media_type", "The body must be JSON: `Content-Type: application/json`."),
    ("user_not_found", "There is no such user."),
    ("weak_password", "The password is too weak; `detail` tells what it lacks."),
    ("wrong_session", "The ticket admits to another session."),
];

/// The pages.
pub(super) fn router() -> Routes {
    Routes::new().route("/problems/{reason}", get(problem))
}

async fn problem(params: Result<RawPathParams, RawPathParamsRejection>) -> Result<Json<Value>, ApiError> {
    // What is not UTF-8 is no reason either.
    let asked = params.as_ref().ok().and_then(|params| params.iter().next()).map(|(_, reason)| reason);
    let found = REASONS.iter().find(|(reason, _)| Some(*reason) == asked);
    let (reason, meaning) = found
        .ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "route_not_found", "there is no problem of this name"))?;
    Ok(Json(json!({ "reason": reason, "meaning": meaning })))
}
