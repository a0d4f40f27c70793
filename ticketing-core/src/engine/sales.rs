//! Holds.

use super::{EngineError, Ticketing};
use crate::{
    audit::{Actor, Caller},
    command::{HoldRefusal, PlaceHold, Placed, QueueTicket, ReleaseBy, ReleaseHold, ReleaseRefusal},
    hold::{Hold, IdempotencyKey, Wanted},
    ids::{HoldId, SessionId, UserId},
    session::Stock,
    store::StoreError,
};

/// A wish to set stock aside.
#[derive(Debug, Clone)]
pub struct HoldRequest {
    /// Who asks.
    pub caller: Caller,
    /// Whose stock.
    pub session_id: SessionId,
    /// For whom.
    pub user_id: UserId,
    /// How much, or which seats.
    pub wanted: Wanted,
    /// The client's key.
    pub key: IdempotencyKey,
    /// The queue token, if there is one.
    pub queue_token: Option<String>,
}

impl HoldRequest {
    /// The user's own wish, without a queue token and outside of any trace.
    pub fn of(user_id: UserId, session_id: SessionId, wanted: Wanted, key: IdempotencyKey) -> Self {
        Self { caller: Caller::of(Actor::User(user_id)), session_id, user_id, wanted, key, queue_token: None }
    }
}

/// Numbers of one session, exact as of the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionStats {
    /// Stock by the books: overdue holds count as held until they are reclaimed.
    pub stock: Stock,
    /// Tickets of overdue holds.
    pub overdue: i64,
    /// Places that wait.
    pub waiting: u64,
    /// Admitted places whose window runs. Who has bought counts no more where the policy limits
    /// places, and until the window's end where it does not.
    pub active: u64,
}

impl Ticketing {
    /// Sets stock aside, once per (session, user, key): asked again, it answers the same hold.
    ///
    /// # Errors
    /// [`HoldRefusal`], or the engine's own. After [`StoreError::OutcomeUnknown`] ask again under
    /// the same key.
    pub async fn hold(&self, request: HoldRequest) -> Result<Placed, EngineError<HoldRefusal>> {
        let claim = match &request.queue_token {
            None => QueueTicket::Missing,
            Some(token) => self.inner.keys.queue_token.verify(token).map_or(QueueTicket::Forged, QueueTicket::Claim),
        };
        let command = PlaceHold {
            caller: request.caller,
            id: HoldId::from_uuid(self.uuid()),
            session_id: request.session_id,
            user_id: request.user_id,
            wanted: request.wanted,
            key: request.key,
            claim,
        };
        let answer = match self.ask(command.clone()).await {
            Err(EngineError::Refused(HoldRefusal::NotAdmitted)) if self.is_admitted_by_now(&command).await => {
                self.ask(command).await
            }
            answer => answer,
        };
        match &answer {
            Ok(placed) if placed.replayed => metrics::counter!("ticketing_hold_replayed_total").increment(1),
            Ok(_) => metrics::counter!("ticketing_hold_success_total").increment(1),
            Err(_) => metrics::counter!("ticketing_hold_fail_total").increment(1),
        }
        answer
    }

    /// Whether the waiting room has admitted the place of a hold that the ledger refused as too early.
    async fn is_admitted_by_now(&self, command: &PlaceHold) -> bool {
        let (Some(rooms), QueueTicket::Claim(claim)) = (&self.inner.apart, command.claim) else { return false };
        let Ok(Some(view)) = self.session(command.session_id).await else { return false };
        // Without the room the ledger's word is the last.
        self.is_admitted_since(rooms, &claim, &view.session.queue).await.unwrap_or(false)
    }

    /// Gives a hold up. Asked again, or after its end, it answers the same.
    ///
    /// # Errors
    /// [`ReleaseRefusal`], or the engine's own.
    pub async fn release(
        &self,
        caller: Caller,
        hold_id: HoldId,
        by: ReleaseBy,
    ) -> Result<Hold, EngineError<ReleaseRefusal>> {
        let hold = self.found(self.queries().hold(hold_id), ReleaseRefusal::HoldNotFound).await?;
        self.ask(ReleaseHold { caller, session_id: hold.session_id, hold_id, by }).await
    }

    /// A session's numbers, read now.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn session_stats(&self, id: SessionId) -> Result<Option<SessionStats>, StoreError> {
        let (Some(view), Some(queue)) = (self.queries().session(id).await?, self.queries().queue(id).await?) else {
            return Ok(None);
        };
        let (waiting, active) = match &self.inner.apart {
            Some(rooms) => self.count_apart(rooms, &queue.room).await,
            None => (queue.room.waiting, queue.room.active),
        };
        Ok(Some(SessionStats { stock: view.session.stock, overdue: view.overdue, waiting, active }))
    }
}
