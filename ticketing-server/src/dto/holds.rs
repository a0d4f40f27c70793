//! Holds in JSON.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use ticketing_core::{
    clock::Timestamp,
    command::{HoldRefusal, ReleaseRefusal},
    hold::{Hold, HoldStatus, Wanted},
    ids::{HoldId, SessionId},
    money::Currency,
    seat::SeatId,
    session::{SessionKind, limits::QUANTITY_MAX},
};

use super::queue::token_required;
use crate::error::{ApiError, IntoApi};

/// Asks for a hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlaceHoldRequest {
    session_id: Option<SessionId>,
    quantity: Option<i64>,
    seat_ids: Option<Vec<String>>,
    queue_token: Option<String>,
}

/// What a well-formed request asks for.
#[derive(Debug)]
pub struct WantedHold {
    /// Whose stock.
    pub session_id: SessionId,
    /// How much, or which seats.
    pub wanted: Wanted,
    /// The queue token, if there is one.
    pub queue_token: Option<String>,
}

impl PlaceHoldRequest {
    /// What it asks for. Seats without a session are of the session that `session_of_token` reads
    /// from the queue token.
    ///
    /// # Errors
    /// 400 that names the field.
    pub fn parse(self, session_of_token: impl FnOnce(&str) -> Option<SessionId>) -> Result<WantedHold, ApiError> {
        let Self { session_id, quantity, seat_ids, queue_token } = self;
        let session_id = session_id.or_else(|| {
            let token = queue_token.as_deref().filter(|_| seat_ids.is_some())?;
            session_of_token(token)
        });
        let session_id = session_id.ok_or_else(|| ApiError::invalid_field("sessionId", "required"))?;
        let wanted = match (quantity, seat_ids) {
            (Some(quantity), None) => Wanted::Quantity(parse_quantity(quantity)?),
            (None, Some(seat_ids)) => Wanted::Seats(parse_seats(seat_ids)?),
            (Some(_), Some(_)) => return Err(one_form("either quantity or seatIds, not both")),
            (None, None) => return Err(one_form("either quantity or seatIds is required")),
        };
        Ok(WantedHold { session_id, wanted, queue_token })
    }
}

fn one_form(message: &str) -> ApiError {
    ApiError::invalid(message).with_field("quantity", message).with_field("seatIds", message)
}

fn parse_quantity(quantity: i64) -> Result<u32, ApiError> {
    let parsed = u32::try_from(quantity).ok().filter(|quantity| (1..=QUANTITY_MAX).contains(quantity));
    parsed.ok_or_else(|| ApiError::invalid_field("quantity", format!("1 to {QUANTITY_MAX}")))
}

/// The seats in ascending order, each once.
fn parse_seats(labels: Vec<String>) -> Result<Vec<SeatId>, ApiError> {
    if !(1..=QUANTITY_MAX as usize).contains(&labels.len()) {
        return Err(ApiError::invalid_field("seatIds", format!("1 to {QUANTITY_MAX} seats")));
    }
    let mut seats = Vec::with_capacity(labels.len());
    for (at, label) in labels.into_iter().enumerate() {
        let seat = SeatId::try_from(label);
        seats.push(seat.map_err(|error| ApiError::invalid_field(format!("seatIds[{at}]"), error.to_string()))?);
    }
    seats.sort_unstable();
    match seats.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ApiError::invalid_field("seatIds", format!("{} is named more than once", pair[0]))),
        None => Ok(seats),
    }
}

/// A hold.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldView<'a> {
    hold_id: HoldId,
    session_id: SessionId,
    quantity: u32,
    seat_ids: &'a [SeatId],
    amount: i64,
    currency: Currency,
    status: HoldStatus,
    expires_at: Timestamp,
}

impl<'a> HoldView<'a> {
    /// The hold, being `status` by now.
    pub fn new(hold: &'a Hold, status: HoldStatus) -> Self {
        Self {
            hold_id: hold.id,
            session_id: hold.session_id,
            quantity: hold.quantity(),
            seat_ids: hold.wanted.seat_ids(),
            amount: hold.amount.minor,
            currency: hold.amount.currency,
            status,
            expires_at: hold.expires_at,
        }
    }
}

impl IntoApi for HoldRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        let new = |status, reason| ApiError::new(status, reason, detail.clone());
        let conflict = |reason| new(StatusCode::CONFLICT, reason);
        match self {
            Self::InvalidWanted => ApiError::invalid(detail),
            Self::KeyReused => new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused"),
            Self::SessionNotFound => new(StatusCode::NOT_FOUND, "session_not_found"),
            Self::SeatNotFound { seat_ids } => {
                new(StatusCode::NOT_FOUND, "seat_not_found").with("seatIds", labels(seat_ids))
            }
            Self::WrongKind { kind: SessionKind::Seated } => ApiError::invalid_field("seatIds", detail),
            Self::WrongKind { kind: SessionKind::Quantity } => ApiError::invalid_field("quantity", detail),
            Self::NotOnSale => conflict("not_on_sale"),
            Self::SalePaused => conflict("sale_paused"),
            Self::SaleClosed => conflict("sale_closed"),
            Self::TokenRequired => token_required(),
            Self::TokenExpired => new(StatusCode::FORBIDDEN, "queue_token_expired"),
            Self::NotAdmitted => new(StatusCode::FORBIDDEN, "not_admitted"),
            Self::TokenMismatch => new(StatusCode::FORBIDDEN, "queue_token_mismatch"),
            Self::CoolingDown { retry_after_seconds } => {
                new(StatusCode::TOO_MANY_REQUESTS, "cooling_down").retry_after(retry_after_seconds)
            }
            Self::SoldOut { remaining } => conflict("sold_out").with("remaining", remaining),
            Self::SeatTaken { seat_ids } => conflict("seat_taken").with("seatIds", labels(seat_ids)),
            Self::HoldExists { hold_id } => conflict("hold_exists").with("holdId", hold_id.to_string()),
            Self::LimitExceeded { max_per_user } => conflict("limit_exceeded").with("maxPerUser", max_per_user),
            Self::TooManyHolds => conflict("too_many_holds"),
            _ => ApiError::internal(detail),
        }
    }
}

fn labels(seat_ids: Vec<SeatId>) -> Vec<String> {
    seat_ids.into_iter().map(Into::into).collect()
}

impl IntoApi for ReleaseRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        match self {
            Self::HoldNotFound => ApiError::new(StatusCode::NOT_FOUND, "hold_not_found", detail),
            Self::AlreadySold => ApiError::new(StatusCode::CONFLICT, "already_sold", detail),
            _ => ApiError::internal(detail),
        }
    }
}
