//! The door in JSON.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use ticketing_core::{
    clock::Timestamp,
    command::RedeemRefusal,
    ids::{EventId, SessionId, TicketId},
    seat::SeatId,
    ticket::{ScanNonce, Ticket},
};

use crate::error::{ApiError, IntoApi};

/// A scan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RedeemBody {
    /// The ticket's code, as printed.
    pub qr: String,
    /// The scanner's own name for this scan.
    pub nonce: ScanNonce,
    /// The session that this door is for; without it, the ticket's own.
    pub session_id: Option<SessionId>,
}

/// Come in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Admitted {
    result: &'static str,
    ticket_id: TicketId,
    event_id: EventId,
    session_id: SessionId,
    seat_id: Option<SeatId>,
    redeemed_at: Timestamp,
}

impl Admitted {
    /// The answer to the scan that admitted `ticket`.
    ///
    /// # Errors
    /// When the ticket was not used, which is a defect.
    pub fn new(ticket: Ticket) -> Result<Self, ApiError> {
        let used = ticket.redemption.ok_or_else(|| ApiError::internal("a ticket was admitted and is not used"))?;
        Ok(Self {
            result: "admitted",
            ticket_id: ticket.id,
            event_id: ticket.event_id,
            session_id: ticket.session_id,
            seat_id: ticket.seat_id,
            redeemed_at: used.at,
        })
    }
}

impl IntoApi for RedeemRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        let conflict = |reason| ApiError::new(StatusCode::CONFLICT, reason, detail.clone());
        match self {
            Self::InvalidTicket => ApiError::new(StatusCode::BAD_REQUEST, "invalid_ticket", detail),
            Self::WrongSession => conflict("wrong_session"),
            Self::Revoked => conflict("revoked"),
            Self::AlreadyRedeemed { at } => conflict("already_redeemed").with("redeemedAt", at.to_string()),
            _ => ApiError::internal(detail),
        }
    }
}
