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
        let Ok(claims) = qr::verify_with(&request.code, &self.ticket_keys()) else {
            return Err(EngineError::Refused(RedeemRefusal::InvalidTicket));
        };
        self.ask(RedeemTicket {
            caller: request.caller,
            session_id: claims.session_id,
            ticket_id: claims.ticket_id,
            seat_id: claims.seat_id,
            door: request.session_id,
            nonce: request.nonce,
        })
        .await
    }
}
