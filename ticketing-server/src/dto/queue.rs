//! The waiting room in JSON.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use ticketing_core::{
    clock::Timestamp,
    command::QueueRefusal,
    engine::{QueueState, QueueStatus, QueueStatusRefusal},
    ids::SessionId,
};

use crate::error::{ApiError, IntoApi};

/// Asks for a place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct QueueTokenRequest {
    /// In whose waiting room.
    pub session_id: SessionId,
}

/// A place.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueTokenView {
    queue_token: String,
    position: u64,
    allowed: bool,
    expires_at: Option<Timestamp>,
    eta_seconds: Option<u64>,
}

impl From<QueueStatus> for QueueTokenView {
    fn from(status: QueueStatus) -> Self {
        Self {
            queue_token: status.token,
            position: status.position,
            allowed: status.state == QueueState::Allowed,
            expires_at: status.expires_at,
            eta_seconds: status.eta_seconds,
        }
    }
}

/// Where a place stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatusView {
    state: QueueState,
    position: u64,
    allowed: bool,
    expires_at: Option<Timestamp>,
    eta_seconds: Option<u64>,
    server_time: Timestamp,
}

impl From<QueueStatus> for QueueStatusView {
    fn from(status: QueueStatus) -> Self {
        Self {
            state: status.state,
            position: status.position,
            allowed: status.state == QueueState::Allowed,
            expires_at: status.expires_at,
            eta_seconds: status.eta_seconds,
            server_time: status.as_of,
        }
    }
}

/// A token is required, and there is none.
pub fn token_required() -> ApiError {
    let detail = "a queue token is required; POST /api/queue/token gives one";
    ApiError::new(StatusCode::BAD_REQUEST, "queue_token_required", detail)
}

/// Seconds after which a full waiting room may have room again.
const QUEUE_FULL_RETRY_SECONDS: u32 = 5;

impl IntoApi for QueueRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        let conflict = |reason, detail| ApiError::new(StatusCode::CONFLICT, reason, detail);
        match self {
            Self::SessionNotFound => ApiError::new(StatusCode::NOT_FOUND, "session_not_found", detail),
            Self::NotOnSale => conflict("not_on_sale", detail),
            Self::SaleClosed => conflict("sale_closed", detail),
            Self::SoldOut => conflict("sold_out", detail),
            Self::QueueFull => {
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", detail).retry_after(QUEUE_FULL_RETRY_SECONDS)
            }
            Self::KeptApart => ApiError::queue_unavailable().caused_by(detail),
            _ => ApiError::internal(detail),
        }
    }
}

impl IntoApi for QueueStatusRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        match self {
            Self::UnknownToken => ApiError::new(StatusCode::NOT_FOUND, "queue_token_not_found", detail),
            Self::Expired => ApiError::new(StatusCode::GONE, "queue_token_expired", detail),
            _ => ApiError::internal(detail),
        }
    }
}
