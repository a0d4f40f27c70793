//! The door.

use crate::{
    audit::Caller,
    clock::Timestamp,
    ids::{SessionId, TicketId},
    seat::SeatId,
    ticket::{ScanNonce, Ticket},
};

/// Lets a ticket's holder in.
#[derive(Debug, Clone)]
pub struct RedeemTicket {
    /// Who scanned it.
    pub caller: Caller,
    /// The session that the ticket's code names.
    pub session_id: SessionId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The seat that its code names.
    pub seat_id: Option<SeatId>,
    /// The session that the door is for; `None`: any.
    pub door: Option<SessionId>,
    /// The scan's own name.
    pub nonce: ScanNonce,
}

/// A ticket was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The ticket.
    pub ticket: Ticket,
    /// By this very scan, earlier.
    pub replayed: bool,
}

/// Why nobody was let in, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedeemRefusal {
    /// The code is none of ours, or its ticket is not there.
    #[error("this is not a valid ticket")]
    InvalidTicket,
    /// It admits elsewhere.
    #[error("this ticket is for another session")]
    WrongSession,
    /// Its order was refunded.
    #[error("this ticket was revoked: its order was refunded")]
    Revoked,
    /// Somebody came in with it.
    #[error("this ticket was used before")]
    AlreadyRedeemed {
        /// When.
        at: Timestamp,
    },
}
