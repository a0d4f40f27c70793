//! What is shown of a session: itself, its seats, its waiting room, and all of it at once.

use std::{collections::BTreeSet, fmt};

use super::{Asked, Key, KeyValue, KvStore, Lookup, Pair, Stored, decode, keys};
use crate::{
    audit::{AuditRecord, ChainHead, Stream, StreamId},
    clock::Timestamp,
    event::Event,
    ids::{EventId, HoldId, SessionId},
    seat::{Seat, SeatStatus},
    session::Session,
    store::{Ledger, Page, PageRequest, QueueView, SessionView, StoreError},
    waiting_room::Room,
};

impl<K: KeyValue> KvStore<K> {
    pub(super) async fn show_session(&self, id: SessionId) -> Result<Option<SessionView>, StoreError> {
        let view = self.view(vec![get(keys::session(&id))]).await?;
        Ok(self.show(decode_all(&view.found[0])?, view.at).await?.pop())
    }

    pub(super) async fn show_sessions(
        &self,
        event: Option<EventId>,
        page: PageRequest,
    ) -> Result<Page<SessionView>, StoreError> {
        let asked = Asked::<SessionId>::of(&page)?;
        let lookup = match event {
            None => Lookup::Scan(asked.ascending(keys::sessions())),
            Some(event) => Lookup::Follow(asked.ascending(keys::sessions_of_event(&event))),
        };
        let view = self.view(vec![lookup]).await?;
        let shown = self.show(decode_all(&view.found[0])?, view.at).await?;
        Ok(Page::of(shown, asked.limit, |view| view.session.id.to_string()))
    }

    /// The sessions as shown, in one consistent view, with what is overdue at `now`. They are read
    /// again: of those given only what can never change is used.
    async fn show(&self, sessions: Vec<Session>, now: Timestamp) -> Result<Vec<SessionView>, StoreError> {
        let of_one = |session: &Session| {
            [get(keys::session(&session.id)), get(keys::event(&session.event_id)), overdue(&session.id, now)]
        };
        let view = self.view(sessions.iter().flat_map(of_one).collect()).await?;
        let show_one = |(known, found): (&Session, &[Vec<Pair>])| {
            let session: Session = the_only(&found[0], known.id)?;
            let event: Event = the_only(&found[1], session.event_id)?;
            let quantities = found[2].iter().map(|pair| Ok(i64::from(keys::active_hold_in(&pair.key)?.1)));
            let overdue = quantities.sum::<Result<i64, StoreError>>()?;
            Ok(SessionView { session, event_status: event.status, overdue, as_of: now })
        };
        sessions.iter().zip(view.found.chunks_exact(3)).map(show_one).collect()
    }

    pub(super) async fn show_seats(
        &self,
        id: SessionId,
        since: Option<u64>,
    ) -> Result<Option<(Session, Vec<Seat>)>, StoreError> {
        let now = self.view(Vec::new()).await?.at;
        let lookups = vec![get(keys::session(&id)), Lookup::Scan(keys::seats(&id).all()), overdue(&id, now)];
        let found = self.view(lookups).await?.found;
        let Some(session) = found[0].first() else { return Ok(None) };
        let overdue = found[2].iter().map(|pair| Ok(keys::active_hold_in(&pair.key)?.0));
        let overdue = overdue.collect::<Result<BTreeSet<HoldId>, StoreError>>()?;
        let mut seats: Vec<Seat> = decode_all(&found[1])?;
        let mut shown_free = BTreeSet::new();
        for seat in seats.iter_mut().filter(|seat| seat.hold_id.is_some_and(|hold| overdue.contains(&hold))) {
            seat.status = SeatStatus::Available;
            seat.hold_id = None;
            shown_free.insert(seat.id.clone());
        }
        if let Some(since) = since {
            seats.retain(|seat| seat.version > since || shown_free.contains(&seat.id));
        }
        Ok(Some((decode(session)?, seats)))
    }

    pub(super) async fn show_queue(&self, id: SessionId) -> Result<Option<QueueView>, StoreError> {
        // The head only ever moves on: what lies behind an older one covers what lies behind a newer.
        let Some(earlier) = self.get::<Room>(keys::room(&id)).await? else { return Ok(None) };
        let given_up = Lookup::Scan(keys::places_given_up(&id).behind(&earlier.head()));
        let view = self.view(vec![get(keys::room(&id)), get(keys::session(&id)), given_up]).await?;
        let room: Room = the_only(&view.found[0], format_args!("the room of {id}"))?;
        let session: Session = the_only(&view.found[1], id)?;
        let numbers = view.found[2].iter().map(|pair| keys::place_number_in(&pair.key));
        let mut given_up = numbers.collect::<Result<Vec<u64>, StoreError>>()?;
        given_up.retain(|number| *number > room.head());
        Ok(Some(QueueView { room, session, given_up, as_of: view.at }))
    }

    pub(super) async fn whole_chain(&self, stream: StreamId) -> Result<(ChainHead, Vec<AuditRecord>), StoreError> {
        let owner = match &stream {
            StreamId::Session(id) => keys::session(id),
            StreamId::Event(id) => keys::event(id),
            StreamId::Users | StreamId::Callbacks => keys::stream(&stream),
        };
        let view = self.view(vec![get(owner), Lookup::Scan(keys::audit_of(&stream).all())]).await?;
        let head = view.found[0].first().map(|owner| match stream {
            StreamId::Session(_) => decode::<Session>(owner).map(|session| session.audit),
            StreamId::Event(_) => decode::<Event>(owner).map(|event| event.audit),
            StreamId::Users | StreamId::Callbacks => decode::<Stream>(owner).map(|stream| stream.audit),
        });
        Ok((head.transpose()?.unwrap_or(ChainHead::EMPTY), decode_all(&view.found[1])?))
    }

    pub(super) async fn whole_session(&self, id: SessionId) -> Result<Option<Ledger>, StoreError> {
        let lookups = vec![
            get(keys::session(&id)),
            Lookup::Scan(keys::seats(&id).all()),
            Lookup::Follow(keys::holds_of_session(&id).all()),
            Lookup::Follow(keys::orders_of_session(&id).all()),
            Lookup::Follow(keys::payments_of_session(&id).all()),
            Lookup::Follow(keys::tickets_of_session(&id).all()),
            Lookup::Scan(keys::outbox_of_session(&id).all()),
            Lookup::Follow(keys::callbacks_of_session(&id).all()),
            Lookup::Scan(keys::audit_of(&StreamId::Session(id)).all()),
        ];
        let found = self.view(lookups).await?.found;
        let Some(session) = found[0].first() else { return Ok(None) };
        Ok(Some(Ledger {
            session: decode(session)?,
            seats: decode_all(&found[1])?,
            holds: decode_all(&found[2])?,
            orders: decode_all(&found[3])?,
            payments: decode_all(&found[4])?,
            tickets: decode_all(&found[5])?,
            outbox: decode_all(&found[6])?,
            callbacks: decode_all(&found[7])?,
            audit: decode_all(&found[8])?,
        }))
    }
}

/// The entries of a session's overdue holds.
fn overdue(session: &SessionId, now: Timestamp) -> Lookup {
    Lookup::Scan(keys::active_holds(session).through(&now))
}

fn get(key: Key) -> Lookup {
    Lookup::Get(key.into_bytes())
}

fn decode_all<R: Stored>(pairs: &[Pair]) -> Result<Vec<R>, StoreError> {
    pairs.iter().map(decode).collect()
}

/// The record `what`, which exists because something names it and nothing is ever deleted.
fn the_only<R: Stored>(pairs: &[Pair], what: impl fmt::Display) -> Result<R, StoreError> {
    pairs.first().map_or_else(|| Err(StoreError::corrupt(format_args!("{what} is missing"))), decode)
}
