//! Visitors of a room that is kept apart: they come, look, and go.

use std::sync::Arc;

use super::{Failure, Look, Rooms, gather::Serve, widened};
use crate::{
    audit::{Actor, Caller},
    clock::Timestamp,
    command::{ClearQueue, LeaveQueue, QueueRefusal},
    decide::queue::no_new_places,
    engine::{EngineError, QueueStatus, QueueStatusRefusal, Ticketing},
    event::EventStatus,
    ids::{SessionId, UserId},
    payment::PaymentLink,
    session::{SaleStatus, Session},
    store::SessionView,
    waiting_room::{
        Arrival, Arrived, GivenUp, Place, PlaceState, QueuePolicy, Reply, Room, Standing, Terms, Visitor,
        token::PlaceClaim,
    },
};

/// A place that somebody was given, or has had.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Welcome {
    pub(in crate::engine) claim: PlaceClaim,
    pub(in crate::engine) standing: Standing,
    pub(in crate::engine) position: u64,
    pub(in crate::engine) policy: Arc<QueuePolicy>,
    pub(in crate::engine) existing: bool,
    pub(in crate::engine) at: Timestamp,
}

impl Ticketing {
    /// As [`Ticketing::join_queue`].
    pub(in crate::engine) async fn join_apart(
        &self,
        rooms: &Rooms,
        session_id: SessionId,
        user_id: UserId,
    ) -> Result<Welcome, EngineError<QueueRefusal>> {
        let serve = || -> Serve<UserId, Result<Welcome, QueueRefusal>> {
            let engine = self.clone();
            Arc::new(move |session_id, users| {
                let engine = engine.clone();
                Box::pin(async move { engine.welcome(session_id, &users).await })
            })
        };
        let answer = rooms.joins.ask(&*self.inner.spawn, session_id, user_id, serve).await;
        answer.map_err(widened)?.map_err(EngineError::Refused)
    }

    /// Gives each of `users` a place, or finds theirs.
    async fn welcome(
        &self,
        session_id: SessionId,
        users: &[UserId],
    ) -> Result<Vec<Result<Welcome, QueueRefusal>>, Failure> {
        let refused = |refusal: QueueRefusal| Ok(vec![Err(refusal); users.len()]);
        let Some(rooms) = &self.inner.apart else { return refused(QueueRefusal::KeptApart) };
        let published = |view: &SessionView| view.event_status == EventStatus::Published;
        let session = self.session(session_id).await?.filter(|view| published(view));
        let Some(mut view) = session else { return refused(QueueRefusal::SessionNotFound) };
        let now = self.queries().now().await?;
        let mut refusal = no_new_places(&view.session, now);
        if refusal == Some(QueueRefusal::SoldOut) {
            // What is shown may be a second old, and nobody is sent away for stock that is back since.
            let latest = self.queries().session(session_id).await?.filter(published);
            let Some(latest) = latest else { return refused(QueueRefusal::SessionNotFound) };
            refusal = no_new_places(&latest.session, now);
            view = Arc::new(latest);
        }
        let session = &view.session;
        let door = Door { session, refusal, policy: Arc::new(session.queue.clone()), now };

        let mut arrivals: Vec<Arrival> = users.iter().map(|user| Arrival { user_id: *user, over: None }).collect();
        let appended = self.append(rooms, &door, arrivals.clone()).await;
        // Once they are in: who reads the room from now on sees them. Also where nobody knows whether they are.
        rooms.known.note_life(session_id);
        let Some(reply) = appended? else {
            return refused(QueueRefusal::SessionNotFound);
        };
        let mut answers: Vec<_> = reply.found.iter().map(|arrived| door.answer(&reply, arrived)).collect();
        // Places that are over make room, for those who have them and for others.
        let again: Vec<usize> = (0..users.len()).filter(|index| door.may_try_again(&answers[*index])).collect();
        if again.is_empty() {
            return Ok(answers.into_iter().map(|answer| answer.map_err(|(refusal, _)| refusal)).collect());
        }
        let is_full =
            door.terms().max_length.is_some_and(|most| reply.room.waiting + reply.room.active >= u64::from(most));
        if is_full {
            self.admit_apart(rooms, session_id).await?;
        }
        for index in &again {
            arrivals[*index].over = answers[*index].as_ref().err().and_then(|(_, over)| *over);
        }
        let second = again.iter().map(|index| arrivals[*index]).collect();
        if let Some(reply) = self.append(rooms, &door, second).await? {
            for (index, arrived) in again.iter().zip(&reply.found) {
                answers[*index] = door.answer(&reply, arrived);
            }
        }
        Ok(answers.into_iter().map(|answer| answer.map_err(|(refusal, _)| refusal)).collect())
    }

    async fn append(
        &self,
        rooms: &Rooms,
        door: &Door<'_>,
        arrivals: Vec<Arrival>,
    ) -> Result<Option<Reply<Vec<Arrived>>>, Failure> {
        let terms = door.terms();
        self.in_room(rooms, door.session.id, |mark| rooms.store.append(door.session.id, mark, arrivals.clone(), terms))
            .await
    }

    /// Where the place of `claim` stands: the room, and the place in it.
    pub(super) async fn look_apart(&self, rooms: &Rooms, claim: &PlaceClaim) -> Result<Look, Failure> {
        let serve = || -> Serve<Visitor, Look> {
            let engine = self.clone();
            Arc::new(move |session_id, visitors| {
                let engine = engine.clone();
                Box::pin(async move { engine.look_at(session_id, visitors).await })
            })
        };
        let visitor = Visitor { user_id: claim.user_id, number: claim.number };
        rooms.looks.ask(&*self.inner.spawn, claim.session_id, visitor, serve).await
    }

    async fn look_at(&self, session_id: SessionId, visitors: Vec<Visitor>) -> Result<Vec<Look>, Failure> {
        let Some(rooms) = &self.inner.apart else { return Ok(Vec::new()) };
        rooms.known.note_life(session_id);
        let looked =
            self.in_room(rooms, session_id, |mark| rooms.store.look(session_id, mark, visitors.clone())).await?;
        let Some(Reply { room, mark, shown, at, found }) = looked else { return Ok(Vec::new()) };
        let reply = Arc::new(Reply { room, mark, shown, at, found: () });
        Ok(found.into_iter().map(|seen| (Arc::clone(&reply), seen)).collect())
    }

    /// As [`Ticketing::queue_status`], of a token that is the user's.
    pub(in crate::engine) async fn status_apart(
        &self,
        rooms: &Rooms,
        claim: &PlaceClaim,
    ) -> Result<QueueStatus, EngineError<QueueStatusRefusal>> {
        let refused = |refusal| Err(EngineError::Refused(refusal));
        let Some(view) = self.session(claim.session_id).await? else {
            return refused(QueueStatusRefusal::UnknownToken);
        };
        let (reply, seen) = self.look_apart(rooms, claim).await.map_err(widened)?;
        let policy = &view.session.queue;
        // Before its time is asked about: an abandoned place at the front counts as ended from the next tick on. Of a
        // number of another epoch the room cannot tell.
        if seen.state == Some(PlaceState::Left) && claim.epoch == reply.room.epoch {
            return refused(QueueStatusRefusal::UnknownToken);
        }
        let standing = told(&reply, policy, claim);
        if standing == Standing::Expired {
            return refused(QueueStatusRefusal::Expired);
        }
        match seen.state {
            Some(PlaceState::In | PlaceState::Bought) => {}
            Some(PlaceState::Left) => return refused(QueueStatusRefusal::UnknownToken),
            // Whoever was let in before the room was lost has only the mirror's word for it.
            None if claim.epoch != reply.room.epoch => {}
            // Lost with the store that gave it.
            Some(PlaceState::Expired) | None => return refused(QueueStatusRefusal::Expired),
        }
        let sold_out = !view.session.is_in_stock();
        Ok(self.status(claim, standing, seen.position, policy, sold_out, true, reply.at))
    }

    /// As [`Ticketing::leave_queue`], of a token that is the user's. The room first: one that cannot be reached has
    /// the place still, and whoever comes back to it must find a token that holds.
    pub(in crate::engine) async fn leave_apart(
        &self,
        rooms: &Rooms,
        claim: PlaceClaim,
    ) -> Result<(), EngineError<QueueStatusRefusal>> {
        let visitor = Visitor { user_id: claim.user_id, number: claim.number };
        self.give_up_apart(rooms, claim.session_id, visitor, PlaceState::Left).await.map_err(widened)?;
        let caller = Caller::of(Actor::User(claim.user_id));
        self.asked(LeaveQueue { caller, claim }).await.map_err(widened)
    }

    async fn give_up_apart(
        &self,
        rooms: &Rooms,
        session_id: SessionId,
        visitor: Visitor,
        state: PlaceState,
    ) -> Result<(), Failure> {
        let places = vec![GivenUp { visitor, state }];
        self.in_room(rooms, session_id, |mark| rooms.store.give_up(session_id, mark, places.clone())).await?;
        Ok(())
    }

    /// A buyer's place is free at once, where places are limited in number. Only a hint: the window's end frees
    /// it as well.
    pub(in crate::engine) async fn free_place_apart(&self, rooms: &Rooms, link: &PaymentLink) -> Result<(), Failure> {
        let Some(hold) = self.queries().hold(link.hold_id).await? else { return Ok(()) };
        let Some(view) = self.session(hold.session_id).await? else { return Ok(()) };
        let policy = &view.session.queue;
        let counted = policy.max_active.is_some() || policy.max_length.is_some();
        let Some(number) = hold.place.filter(|_| counted) else { return Ok(()) };
        let visitor = Visitor { user_id: hold.user_id, number };
        self.give_up_apart(rooms, hold.session_id, visitor, PlaceState::Bought).await
    }

    /// As [`Ticketing::clear_queue`].
    pub(in crate::engine) async fn clear_apart(
        &self,
        rooms: &Rooms,
        caller: Caller,
        session_id: SessionId,
    ) -> Result<u64, EngineError<QueueRefusal>> {
        let cleared = self.in_room(rooms, session_id, |mark| rooms.store.clear(session_id, mark)).await;
        let Some(reply) = cleared.map_err(widened)? else {
            return Err(EngineError::Refused(QueueRefusal::SessionNotFound));
        };
        let record = ClearQueue { caller, session_id, through: None, apart: Some(reply.found) };
        let sent_away = self.ask(record).await?.sent_away;
        self.mirror(rooms, &reply.room, reply.at).await.map_err(widened)?;
        Ok(sent_away)
    }
}

/// Where the place of `claim` stands in `room`, whichever of its epochs gave it.
pub(super) fn standing(room: &Room, policy: &QueuePolicy, claim: &PlaceClaim, at: Timestamp) -> Standing {
    if !room.honours(claim) {
        return Standing::Expired;
    }
    room.standing(policy, claim.number, claim.issued_at, claim.admitted_at_once, at)
}

/// The same as visitors are told it: they wait until the ledger knows that they are admitted.
fn told<T>(reply: &Reply<T>, policy: &QueuePolicy, claim: &PlaceClaim) -> Standing {
    let standing = standing(&reply.room, policy, claim, reply.at);
    let is_news = !claim.admitted_at_once && claim.epoch == reply.room.epoch && claim.number > reply.shown;
    match standing {
        Standing::Allowed { .. } if is_news => Standing::Waiting { until: None },
        standing => standing,
    }
}

/// A session as those see it who come to its room.
struct Door<'a> {
    session: &'a Session,
    policy: Arc<QueuePolicy>,
    /// Why nobody is given a new place.
    refusal: Option<QueueRefusal>,
    now: Timestamp,
}

impl Door<'_> {
    fn terms(&self) -> Terms {
        let on_sale = self.session.sale_at(self.now) == SaleStatus::Open;
        Terms {
            open: self.refusal.is_none(),
            max_length: self.policy.max_length,
            at_once: on_sale && self.policy.admits_at_once(),
            waits_from: self.session.sales_open_at,
        }
    }

    /// What somebody is told; with a refusal, the number of their place that is over.
    fn answer<T>(&self, reply: &Reply<T>, arrived: &Arrived) -> Result<Welcome, (QueueRefusal, Option<u64>)> {
        let refusal = || self.refusal.clone().unwrap_or(QueueRefusal::QueueFull);
        let (place, position, existing): (&Place, u64, bool) = match arrived {
            Arrived::New { place, position } => (place, *position, false),
            Arrived::Had { place, position } => (place, *position, true),
            Arrived::Nothing => return Err((refusal(), None)),
        };
        let claim = PlaceClaim::of(place, reply.room.epoch);
        let standing = told(reply, &self.policy, &claim);
        if existing && standing == Standing::Expired {
            return Err((refusal(), Some(place.number)));
        }
        Ok(Welcome { claim, standing, position, policy: Arc::clone(&self.policy), existing, at: reply.at })
    }

    fn may_try_again(&self, answer: &Result<Welcome, (QueueRefusal, Option<u64>)>) -> bool {
        self.refusal.is_none() && answer.is_err()
    }
}
