use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    ids::{SessionId, TicketId},
    seat::SeatId,
    ticket::{Ticket, TicketStatus, qr::QrClaims},
};

use crate::output::{Show, or_blank, when};

/// What a genuine code says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimsRow {
    genuine: bool,
    ticket_id: TicketId,
    session_id: SessionId,
    seat_id: Option<SeatId>,
}

impl From<QrClaims> for ClaimsRow {
    fn from(claims: QrClaims) -> Self {
        let QrClaims { ticket_id, session_id, seat_id } = claims;
        Self { genuine: true, ticket_id, session_id, seat_id }
    }
}

impl Show for ClaimsRow {
    const COLUMNS: &'static [&'static str] = &["ticket", "session", "seat"];

    fn cells(&self) -> Vec<String> {
        vec![self.ticket_id.to_string(), self.session_id.to_string(), or_blank(self.seat_id.as_ref())]
    }
}

/// A ticket whose holder is in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedeemedRow {
    result: &'static str,
    ticket_id: TicketId,
    session_id: SessionId,
    seat_id: Option<SeatId>,
    status: TicketStatus,
    redeemed_at: Option<Timestamp>,
}

impl From<Ticket> for RedeemedRow {
    fn from(ticket: Ticket) -> Self {
        Self {
            result: "admitted",
            ticket_id: ticket.id,
            session_id: ticket.session_id,
            seat_id: ticket.seat_id,
            status: ticket.status,
            redeemed_at: ticket.redemption.map(|used| used.at),
        }
    }
}

impl Show for RedeemedRow {
    const COLUMNS: &'static [&'static str] = &["result", "ticket", "session", "seat", "at"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.result.to_owned(),
            self.ticket_id.to_string(),
            self.session_id.to_string(),
            or_blank(self.seat_id.as_ref()),
            self.redeemed_at.map_or_else(String::new, when),
        ]
    }
}
