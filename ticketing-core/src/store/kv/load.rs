//! Bringing what a decision asks for into its snapshot.

use std::collections::BTreeMap;

use super::{
    Lookup, Pair, View,
    encode::Key,
    keys,
    records::{Stored, decode},
};
use crate::{
    audit::StreamId,
    clock::Timestamp,
    store::{Read, Record, Snapshot, StoreError, Table},
};

/// What was loaded for one decision.
#[derive(Debug)]
pub(super) struct Loaded {
    /// What the decision sees.
    pub(super) snapshot: Snapshot,
    /// When it was so.
    pub(super) at: Timestamp,
    /// The same by the store's own measure.
    pub(super) stamp: u64,
    /// The locks as first read.
    pub(super) fences: Vec<Option<Vec<u8>>>,
    /// The bytes of every record in the snapshot, by their keys.
    pub(super) seen: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What to ask for `locks` and `reads`: the locks come first.
pub(super) fn lookups(locks: &[StreamId], reads: &[Read]) -> Vec<Lookup> {
    let fences = locks.iter().map(|stream| Lookup::Get(keys::fence(stream).into_bytes()));
    fences.chain(reads.iter().map(lookup)).collect()
}

fn lookup(read: &Read) -> Lookup {
    let get = |key: Key| Lookup::Get(key.into_bytes());
    match read {
        Read::Stream(id) => get(keys::stream(id)),
        Read::User(id) => get(keys::user(id)),
        Read::UserByEmail(email) => Lookup::Follow(keys::email(email.as_str()).only()),
        Read::Event(id) => get(keys::event(id)),
        Read::Session(id) => get(keys::session(id)),
        Read::Room(session) => get(keys::room(session)),
        Read::Place(session, number) => get(keys::place(session, number)),
        Read::PlaceOfUser(session, user) => {
            Lookup::Follow(keys::places_of_user(session, user).all().descending().limit(1))
        }
        Read::Places { session_id, after, limit } => {
            Lookup::Scan(keys::places(session_id).behind(after).limit(*limit as usize))
        }
        Read::Seat(session, seat) => get(keys::seat(session, seat.as_str())),
        Read::Hold(_, hold) => get(keys::hold(hold)),
        Read::HoldsOfUser(session, user) => {
            // One more than is kept track of, so that the decision sees when there are too many.
            Lookup::Follow(keys::holds_in_session_of_user(session, user).all().limit(Read::HOLDS_OF_USER_MAX + 1))
        }
        Read::EarliestHolds { session_id, limit } => {
            Lookup::Follow(keys::active_holds(session_id).all().limit(*limit as usize))
        }
        Read::Ticket(_, id) => get(keys::ticket(id)),
        Read::Login(id) => get(keys::login(id)),
        Read::Order(_, order) => get(keys::order(order)),
        Read::Payment(_, payment) => get(keys::payment(payment)),
        Read::Callback(id) => get(keys::callback(id)),
        Read::Outbox(session, message) => get(keys::outbox(session, message)),
    }
}

impl Loaded {
    /// Nothing yet, behind the locks as `view` has them.
    pub(super) fn behind(locks: usize, view: &View) -> Self {
        let (at, stamp, fences) = (view.at, view.stamp, fences(locks, view));
        Self { snapshot: Snapshot::default(), at, stamp, fences, seen: BTreeMap::new() }
    }

    /// Takes in what `view` found for the same locks and `reads`. `false`: somebody has written
    /// behind a lock since it was first read, so what is here and what came now do not belong
    /// together.
    pub(super) fn accept(&mut self, reads: &[Read], view: View) -> Result<bool, StoreError> {
        let locks = self.fences.len();
        if fences(locks, &view) != self.fences {
            return Ok(false);
        }
        (self.at, self.stamp) = (view.at, view.stamp);
        for (read, pairs) in reads.iter().zip(view.found.into_iter().skip(locks)) {
            self.take_in(read, pairs)?;
        }
        Ok(true)
    }

    fn take_in(&mut self, read: &Read, pairs: Vec<Pair>) -> Result<(), StoreError> {
        match read {
            Read::Stream(id) => self.record(pairs, *id, |s| &mut s.streams),
            Read::User(id) => self.record(pairs, *id, |s| &mut s.users),
            Read::Event(id) => self.record(pairs, *id, |s| &mut s.events),
            Read::Session(id) => self.record(pairs, *id, |s| &mut s.sessions),
            Read::Room(session) => self.record(pairs, *session, |s| &mut s.rooms),
            Read::Place(session, number) => self.record(pairs, (*session, *number), |s| &mut s.places),
            Read::Seat(session, seat) => self.record(pairs, (*session, seat.clone()), |s| &mut s.seats),
            Read::Hold(session, hold) => self.record(pairs, (*session, *hold), |s| &mut s.holds),
            Read::Ticket(session, ticket) => self.record(pairs, (*session, *ticket), |s| &mut s.tickets),
            Read::Login(id) => self.record(pairs, *id, |s| &mut s.logins),
            Read::Order(session, order) => self.record(pairs, (*session, *order), |s| &mut s.orders),
            Read::Payment(session, payment) => self.record(pairs, (*session, *payment), |s| &mut s.payments),
            Read::Callback(id) => self.record(pairs, *id, |s| &mut s.callbacks),
            Read::Outbox(session, message) => self.record(pairs, (*session, *message), |s| &mut s.outbox),
            Read::UserByEmail(email) => {
                let found = self.decode(pairs)?.pop();
                self.snapshot.load_user_by_email(email.clone(), found);
                Ok(())
            }
            Read::PlaceOfUser(session, user) => {
                let found = self.decode(pairs)?.pop();
                self.snapshot.load_place_of_user(*session, *user, found);
                Ok(())
            }
            Read::Places { session_id, after, limit } => {
                let found = self.decode(pairs)?;
                self.snapshot.load_places(*session_id, *after, *limit, found);
                Ok(())
            }
            Read::HoldsOfUser(session, user) => {
                let found = self.decode(pairs)?;
                self.snapshot.load_holds_of_user(*session, *user, found);
                Ok(())
            }
            Read::EarliestHolds { session_id, limit } => {
                let found = self.decode(pairs)?;
                self.snapshot.load_earliest_holds(*session_id, *limit, found);
                Ok(())
            }
        }
    }

    fn record<R: Stored + Record>(
        &mut self,
        pairs: Vec<Pair>,
        key: R::Key,
        table: impl FnOnce(&mut Snapshot) -> &mut Table<R>,
    ) -> Result<(), StoreError> {
        // Found by its id, it may be another session's than the one it was asked for in.
        let found = self.decode(pairs)?.pop().filter(|found: &R| found.key() == key);
        table(&mut self.snapshot).load(key, found);
        Ok(())
    }

    fn decode<R: Stored>(&mut self, pairs: Vec<Pair>) -> Result<Vec<R>, StoreError> {
        let records = pairs.iter().map(decode).collect();
        self.seen.extend(pairs.into_iter().map(|pair| (pair.key, pair.value)));
        records
    }
}

fn fences(locks: usize, view: &View) -> Vec<Option<Vec<u8>>> {
    view.found.iter().take(locks).map(|found| found.first().map(|pair| pair.value.clone())).collect()
}
