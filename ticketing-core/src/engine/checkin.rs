//! The door.

use super::{EngineError, Ticketing};
use crate::{
    audit::Caller,
    command::{RedeemRefusal, RedeemTicket, Redeemed},
    ids::SessionId,
    ticket::{ScanNonce, qr},
};

/// A scan.
#[derive(Debug, Clone)]
pub struct RedeemRequest {
    /// Who scans.
    pub caller: Caller,
    /// The ticket's code.
    pub code: String,
    /// The scan's own name: sent again, it is answered the same.
    pub nonce: ScanNonce,
    /// The session that the door is for; `None`: any.
    pub session_id: Option<SessionId>,
}

impl Ticketing {
    /// Lets the holder of a ticket in, once.
    ///
    /// # Errors
    /// [`RedeemRefusal`], or the engine's own.
    pub async fn redeem(&self, request: RedeemRequest) -> Result<Redeemed, EngineError<RedeemRefusal>> {
        let redeemed = self.scan(request).await;
        let result = match &redeemed {
            Ok(Redeemed { replayed: true, .. }) => "replayed",
            Ok(_) => "admitted",
            Err(EngineError::Refused(_)) => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("ticketing_ticket_scan_total", "result" => result).increment(1);
        redeemed
    }

    async fn scan(&self, request: RedeemRequest) -> Result<Redeemed, EngineError<RedeemRefusal>> {
        let refused = |refusal| Err(EngineError::Refused(refusal));
        let Ok(claims) = qr::verify_with(&request.code, &self.ticket_keys()) else {
            return refused(RedeemRefusal::InvalidTicket);
        };
        let Some(view) = self.queries().ticket(claims.ticket_id).await? else {
            return refused(RedeemRefusal::InvalidTicket);
        };
        // What was signed is what was sold, or one of the two is not what it was.
        if view.ticket.session_id != claims.session_id || view.ticket.seat_id != claims.seat_id {
            return refused(RedeemRefusal::InvalidTicket);
        }
        if request.session_id.is_some_and(|door| door != claims.session_id) {
            return refused(RedeemRefusal::WrongSession);
        }
        let (session_id, ticket_id) = (claims.session_id, claims.ticket_id);
        self.ask(RedeemTicket { caller: request.caller, session_id, ticket_id, nonce: request.nonce }).await
    }
}
