//! The waiting room, as its visitors see it.

use super::{EngineError, QueueStatusRefusal, Ticketing};
use crate::{
    audit::{Actor, Caller},
    clock::Timestamp,
    command::{ClearQueue, JoinQueue, LeaveQueue, QueueRefusal},
    ids::{SessionId, UserId},
    state_enum,
    waiting_room::{PlaceState, QueuePolicy, Standing, token::PlaceClaim},
};

state_enum! {
    /// What a visitor is told.
    pub enum QueueState {
        /// The turn has not come.
        Waiting = "WAITING",
        /// Holds are open to the token.
        Allowed = "ALLOWED",
        /// Nothing is left that could come back.
        SoldOut = "SOLD_OUT",
    }
}

/// Where a visitor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStatus {
    /// The token.
    pub token: String,
    /// Whether holds are open to it.
    pub state: QueueState,
    /// Those still waiting ahead, plus one; 0 once allowed.
    pub position: u64,
    /// When the wait or the window ends; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// Seconds until the turn comes, as far as the policy tells.
    pub eta_seconds: Option<u64>,
    /// The visitor had the place before.
    pub existing: bool,
    /// When this was so.
    pub as_of: Timestamp,
}

impl Ticketing {
    /// Takes a place in a session's waiting room; the same user finds the place they have.
    ///
    /// # Errors
    /// [`QueueRefusal`], or the engine's own.
    pub async fn join_queue(
        &self,
        caller: Caller,
        session_id: SessionId,
        user_id: UserId,
    ) -> Result<QueueStatus, EngineError<QueueRefusal>> {
        if let Some(rooms) = &self.inner.apart {
            let welcome = self.join_apart(rooms, session_id, user_id).await?;
            let at_once = !welcome.existing && welcome.claim.admitted_at_once;
            count_join(welcome.existing, at_once);
            let (claim, policy) = (&welcome.claim, &welcome.policy);
            let existing = welcome.existing;
            return Ok(self.status(claim, welcome.standing, welcome.position, policy, false, existing, welcome.at));
        }
        let joined = self.ask(JoinQueue { caller, session_id, user_id }).await?;
        let claim = PlaceClaim::of(&joined.place, joined.room.epoch);
        let given_up = if joined.existing && claim.number > joined.room.head() {
            self.queries().queue(session_id).await?.map_or_else(Vec::new, |view| view.given_up)
        } else {
            // A new place stands behind everyone, and the room counts those who wait.
            let behind = joined.room.next - 1 - joined.room.head();
            let gone = behind.saturating_sub(joined.room.waiting);
            (claim.number.saturating_sub(gone)..claim.number).collect()
        };
        let at_once = !joined.existing && claim.admitted_at_once;
        count_join(joined.existing, at_once);
        let standing =
            joined.room.standing(&joined.policy, claim.number, claim.issued_at, claim.admitted_at_once, joined.at);
        let position = joined.room.position(claim.number, &given_up);
        Ok(self.status(&claim, standing, position, &joined.policy, false, joined.existing, joined.at))
    }

    /// Where `user_id` stands with `token`, as of less than a second ago. Reads only.
    ///
    /// # Errors
    /// [`QueueStatusRefusal`], or the engine's own.
    pub async fn queue_status(
        &self,
        token: &str,
        user_id: UserId,
    ) -> Result<QueueStatus, EngineError<QueueStatusRefusal>> {
        let refused = |refusal| Err(EngineError::Refused(refusal));
        let Some(claim) = self.inner.keys.queue_token.verify(token).filter(|claim| claim.user_id == user_id) else {
            return refused(QueueStatusRefusal::UnknownToken);
        };
        if let Some(rooms) = &self.inner.apart {
            return self.status_apart(rooms, &claim).await;
        }
        let engine = self.clone();
        let read = |_| async move { engine.queries().queue(claim.session_id).await };
        let Some(view) = self.inner.rooms.get(claim.session_id, self.inner.clock.now(), read).await? else {
            return refused(QueueStatusRefusal::UnknownToken);
        };
        if !view.room.honours(&claim) {
            return refused(QueueStatusRefusal::Expired);
        }
        let now = self.queries().now().await?;
        let policy = &view.session.queue;
        let place = self.queries().place(claim.session_id, claim.number).await?;
        let state = place.filter(|place| place.user_id == user_id).map(|place| place.state);
        // Before its time is asked about: an abandoned place at the front counts as ended from the next tick on.
        if state == Some(PlaceState::Left) {
            return refused(QueueStatusRefusal::UnknownToken);
        }
        let standing = view.room.standing(policy, claim.number, claim.issued_at, claim.admitted_at_once, now);
        if standing == Standing::Expired {
            return refused(QueueStatusRefusal::Expired);
        }
        match state {
            Some(PlaceState::In | PlaceState::Bought) => {}
            None if view.room.is_believed(&claim) => {}
            // Or lost with the store that gave it.
            Some(PlaceState::Left | PlaceState::Expired) | None => return refused(QueueStatusRefusal::Expired),
        }
        let stock = view.session.stock;
        let sold_out = stock.available + stock.held <= 0;
        let position = view.room.position(claim.number, &view.given_up);
        Ok(self.status(&claim, standing, position, policy, sold_out, true, now))
    }

    /// Gives a place up. A token that is not the user's, or not a place any more, changes nothing.
    ///
    /// # Errors
    /// [`QueueStatusRefusal::UnknownToken`], or the engine's own.
    pub async fn leave_queue(&self, token: &str, user_id: UserId) -> Result<(), EngineError<QueueStatusRefusal>> {
        let claim = self.inner.keys.queue_token.verify(token).filter(|claim| claim.user_id == user_id);
        let claim = claim.ok_or(EngineError::Refused(QueueStatusRefusal::UnknownToken))?;
        if let Some(rooms) = &self.inner.apart {
            return self.leave_apart(rooms, claim).await;
        }
        let left = self.inner.batcher.ask(LeaveQueue { caller: Caller::of(Actor::User(user_id)), claim }).await?;
        match left {
            Ok(()) => Ok(()),
            Err(never) => match never {},
        }
    }

    /// Sends away everybody who waits in a session's waiting room; who is admitted stays. Answers how many
    /// that were. They may come again, at the end of the line; whoever comes meanwhile stays.
    ///
    /// A long line goes step by step, from its head on: after an error some may be gone already.
    ///
    /// # Errors
    /// [`QueueRefusal::SessionNotFound`], or the engine's own.
    pub async fn clear_queue(&self, caller: Caller, session_id: SessionId) -> Result<u64, EngineError<QueueRefusal>> {
        if let Some(rooms) = &self.inner.apart {
            return self.clear_apart(rooms, caller, session_id).await;
        }
        let (mut sent_away, mut through) = (0, None);
        loop {
            let cleared = self.ask(ClearQueue { caller, session_id, through, apart: None }).await?;
            sent_away += cleared.sent_away;
            if !cleared.more {
                return Ok(sent_away);
            }
            through = Some(cleared.through);
        }
    }

    /// The session whose waiting room signed `token`; `None` when nobody here did. Whether the place
    /// is still one, and whose, is not asked.
    pub fn session_of_token(&self, token: &str) -> Option<SessionId> {
        self.inner.keys.queue_token.verify(token).map(|claim| claim.session_id)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one answer, put together in one place")]
    pub(super) fn status(
        &self,
        claim: &PlaceClaim,
        standing: Standing,
        position: u64,
        policy: &QueuePolicy,
        sold_out: bool,
        existing: bool,
        as_of: Timestamp,
    ) -> QueueStatus {
        let (state, expires_at) = match standing {
            Standing::Allowed { until } => (QueueState::Allowed, until),
            Standing::Waiting { until } if sold_out => (QueueState::SoldOut, until),
            Standing::Waiting { until } => (QueueState::Waiting, until),
            // Only a place that was just given or found live gets here with its end behind it.
            Standing::Expired => (QueueState::Waiting, Some(as_of)),
        };
        let position = if state == QueueState::Allowed { 0 } else { position };
        let eta_seconds = match state {
            QueueState::Allowed => Some(0),
            // How soon places become free is not known.
            QueueState::Waiting if policy.max_active.is_some() => None,
            QueueState::Waiting => policy.admit_per_second.map(|rate| position.div_ceil(u64::from(rate.max(1)))),
            QueueState::SoldOut => None,
        };
        let token = self.inner.keys.queue_token.sign(claim);
        QueueStatus { token, state, position, expires_at, eta_seconds, existing, as_of }
    }
}

fn count_join(existing: bool, at_once: bool) {
    metrics::counter!("ticketing_queue_enqueue_total").increment(u64::from(!existing));
    metrics::counter!("ticketing_queue_allowed_total").increment(u64::from(at_once));
}
