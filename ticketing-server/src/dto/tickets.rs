//! Tickets in JSON.

use serde::Serialize;
use ticketing_core::{
    Ticketing,
    clock::Timestamp,
    ids::{EventId, OrderId, SessionId, TicketId},
    seat::SeatId,
    store,
    ticket::TicketStatus,
};

/// A ticket, with what is printed on it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketView {
    ticket_id: TicketId,
    order_id: OrderId,
    event_id: EventId,
    session_id: SessionId,
    title: String,
    start_at: Timestamp,
    seat_id: Option<SeatId>,
    status: TicketStatus,
    qr: String,
}

impl TicketView {
    /// The ticket with its code, signed now.
    pub fn new(ticketing: &Ticketing, view: store::TicketView) -> Self {
        let store::TicketView { ticket, title, start_at } = view;
        Self {
            qr: ticketing.ticket_code(&ticket),
            ticket_id: ticket.id,
            order_id: ticket.order_id,
            event_id: ticket.event_id,
            session_id: ticket.session_id,
            title,
            start_at,
            seat_id: ticket.seat_id,
            status: ticket.status,
        }
    }
}

/// The keys that tickets are signed with, as a JSON Web Key set (RFC 7517, RFC 8037).
#[derive(Debug, Serialize)]
pub struct TicketKeys {
    /// The keys.
    pub keys: Vec<TicketKey>,
}

/// A public key.
#[derive(Debug, Serialize)]
pub struct TicketKey {
    /// Its name, as tickets carry it.
    pub kid: String,
    /// Its kind.
    pub kty: &'static str,
    /// Its curve.
    pub crv: &'static str,
    /// How it is used.
    pub alg: &'static str,
    /// What it is for.
    #[serde(rename = "use")]
    pub purpose: &'static str,
    /// Its 32 bytes, base64url.
    pub x: String,
}
