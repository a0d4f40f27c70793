//! The door.

use axum::{Json, extract::State, routing::post};
use ticketing_core::engine::RedeemRequest;

use super::Routes;
use crate::{
    dto::checkin::{Admitted, RedeemBody},
    error::ApiError,
    extract::{Body, Staff, Trace, caller},
    state::App,
};

/// Letting people in.
pub(super) fn router() -> Routes {
    Routes::new().route("/api/checkin/redeem", post(redeem))
}

async fn redeem(
    State(app): State<App>,
    Staff(user): Staff,
    Trace(trace): Trace,
    Body(body): Body<RedeemBody>,
) -> Result<Json<Admitted>, ApiError> {
    let RedeemBody { qr, nonce, session_id } = body;
    let request = RedeemRequest { caller: caller(user, trace), code: qr, nonce, session_id };
    let redeemed = app.ticketing.redeem(request).await?;
    Ok(Json(Admitted::new(redeemed.ticket)?))
}
