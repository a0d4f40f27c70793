//! What every rule works with.

use super::Rules;
use crate::{
    audit::{Action, Actor, Caller, ChainHead, Entry, Stream, StreamId},
    clock::Timestamp,
    event::EventStatus,
    hold::{Hold, HoldChurn},
    ids::{EventId, SessionId},
    planted::{Numbers, Planted, is_planted},
    seat::{Seat, SeatStatus},
    session::Session,
    store::{Missing, Read, Snapshot},
};

/// Why a rule did not come to its end.
#[derive(Debug)]
pub(super) enum Stop<R> {
    /// It must see more first.
    Missing(Missing),
    /// It says no.
    Refused(R),
}

impl<R> From<Missing> for Stop<R> {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

/// A rule's answer.
pub(super) type Verdict<T, R> = Result<T, Stop<R>>;

/// Says no.
pub(super) fn refuse<T, R>(refusal: R) -> Verdict<T, R> {
    Err(Stop::Refused(refusal))
}

/// The snapshot, the instant, and the pen of the audit log.
pub(super) struct Context<'a> {
    pub(super) snapshot: &'a mut Snapshot,
    pub(super) now: Timestamp,
    rules: &'a Rules,
    events_seen: Vec<(SessionId, EventId)>,
    wanted: Vec<Read>,
}

impl<'a> Context<'a> {
    pub(super) fn new(snapshot: &'a mut Snapshot, rules: &'a Rules, now: Timestamp) -> Self {
        Self { snapshot, now, rules, events_seen: Vec::new(), wanted: Vec::new() }
    }

    /// How many holds of one user may end unpaid before they cool down.
    pub(super) fn churn(&self) -> Option<HoldChurn> {
        self.rules.churn
    }

    /// How the waiting room's numbers are given out.
    pub(super) fn numbers(&self) -> &Numbers {
        &self.rules.numbers
    }

    /// Sessions that were looked at, with their events.
    pub(super) fn events_seen(&self) -> &[(SessionId, EventId)] {
        &self.events_seen
    }

    /// What rules asked for besides the one read they stopped at.
    pub(super) fn wanted(&mut self) -> &mut Vec<Read> {
        &mut self.wanted
    }

    /// Makes sure that all of `reads` are loaded; asks for all the missing ones in one round.
    pub(super) fn need(&mut self, reads: impl IntoIterator<Item = Read>) -> Result<(), Missing> {
        let known = self.wanted.len();
        self.wanted.extend(reads.into_iter().filter(|read| !self.snapshot.has(read)));
        match self.wanted.get(known) {
            None => Ok(()),
            Some(first) => Err(Missing(first.clone())),
        }
    }

    pub(super) fn session(&self, id: SessionId) -> Result<Option<Session>, Missing> {
        self.snapshot.sessions.get(&id).map(Option::<&Session>::cloned)
    }

    /// A session that everyone may see: one whose event is published.
    pub(super) fn public_session(&mut self, id: SessionId) -> Result<Option<Session>, Missing> {
        let Some(session) = self.session(id)? else { return Ok(None) };
        if self.events_seen.last() != Some(&(id, session.event_id)) {
            self.events_seen.push((id, session.event_id));
        }
        let event = self.snapshot.events.get(&session.event_id)?;
        let public = event.is_some_and(|event| event.status == EventStatus::Published);
        Ok(public.then_some(session))
    }

    /// The version that a session will have once it is saved: what its changed seats are marked with.
    pub(super) fn next_version(&self, id: SessionId) -> Result<u64, Missing> {
        Ok(self.snapshot.sessions.get(&id)?.map_or(0, |session| session.version) + 1)
    }

    /// Writes a changed session; answers it as it is now.
    pub(super) fn save(&mut self, mut session: Session) -> Session {
        session.version += 1;
        self.snapshot.sessions.put(session.clone());
        session
    }

    /// Writes one audit record into the chain of `session`, which is to be saved afterwards.
    pub(super) fn audit(
        &mut self,
        session: &mut Session,
        caller: Caller,
        action: Action,
        target: impl ToString,
        meta: String,
    ) {
        self.append(StreamId::Session(session.id), &mut session.audit, caller, action, target, meta);
    }

    /// Writes one audit record into a stream that keeps its own head.
    pub(super) fn audit_stream(
        &mut self,
        stream: StreamId,
        caller: Caller,
        action: Action,
        target: impl ToString,
        meta: String,
    ) -> Result<(), Missing> {
        let mut audit = self.snapshot.streams.get(&stream)?.map_or(ChainHead::EMPTY, |known| known.audit);
        self.append(stream, &mut audit, caller, action, target, meta);
        self.snapshot.streams.put(Stream { id: stream, audit });
        Ok(())
    }

    /// Writes one audit record behind `head`.
    pub(super) fn append(
        &mut self,
        stream: StreamId,
        head: &mut ChainHead,
        caller: Caller,
        action: Action,
        target: impl ToString,
        meta: String,
    ) {
        let entry = Entry { at: self.now, caller, action, target: target.to_string(), meta };
        let record = self.rules.audit_key.append(stream, head, entry);
        self.snapshot.add_audit(record);
    }

    /// Sets the seats of `hold`.
    pub(super) fn set_seats(&mut self, hold: &Hold, status: SeatStatus) -> Result<(), Missing> {
        self.need(hold.wanted.seat_ids().iter().map(|id| Read::Seat(hold.session_id, id.clone())))?;
        let hold_id = (status != SeatStatus::Available).then_some(hold.id);
        let version = self.next_version(hold.session_id)?;
        let unseen = status == SeatStatus::Available && is_planted(Planted::FreedSeatUnseen);
        for id in hold.wanted.seat_ids() {
            if let Some(seat) = self.snapshot.seats.get(&(hold.session_id, id.clone()))?.cloned() {
                if is_planted(Planted::PartialSeatHold) && seat.hold_id.is_some_and(|holder| holder != hold.id) {
                    continue;
                }
                let version = if unseen { seat.version } else { version };
                self.snapshot.seats.put(Seat { status, hold_id, version, ..seat });
            }
        }
        Ok(())
    }

    /// What the engine does by itself is done in nobody's request.
    pub(super) const ENGINE: Caller = Caller::of(Actor::Engine);
}
