//! From reads to records: one statement for each kind of read, whatever their number.

use std::collections::BTreeSet;

use ticketing_core::{
    audit::StreamId,
    hold::Hold,
    ids::{CallbackId, EventId, HoldId, LoginId, OrderId, OutboxId, PaymentId, SessionId, TicketId, UserId},
    seat::SeatId,
    store::{Read, Record, Snapshot, StoreError, Table},
    user::{Email, User},
    waiting_room::Place,
};
use tokio_postgres::{Row, types::Type};

use super::{
    columns::{Array, Id, int},
    flight::{Param, Query, params},
    tables::{
        Stored, callbacks, events, holds, logins, orders, outbox, payments, places, records, rooms, seats, sessions,
        streams, tickets, users,
    },
};

/// What becomes of the rows that a statement finds.
pub(super) type Fill = Box<dyn FnOnce(&[Row], &mut Snapshot) -> Result<(), StoreError> + Send>;

/// A statement, and what becomes of its rows.
pub(super) struct Load {
    pub(super) query: Query,
    pub(super) fill: Fill,
}

/// Locks streams in their order, and takes in what keeps their heads where `reads` ask for it: what a lock
/// finds is the latest there is.
pub(super) fn locks(locks: &[StreamId], reads: &[Read]) -> Vec<Load> {
    let wanted: BTreeSet<_> = reads.iter().filter_map(stream_of).collect();
    let mut keys = Keys::default();
    for stream in locks {
        match stream {
            StreamId::Session(id) => keys.sessions.push(*id),
            StreamId::Event(id) => keys.events.push(*id),
            StreamId::Users | StreamId::Callbacks => keys.streams.push(*stream),
        }
    }
    let mut loads = Vec::new();
    let of_session = |id: &SessionId| wanted.contains(&StreamId::Session(*id));
    let of_event = |id: &EventId| wanted.contains(&StreamId::Event(*id));
    lock(&mut loads, keys.sessions, |k| (&*sessions::LOCK, ids(k)), |s| &mut s.sessions, of_session);
    lock(&mut loads, keys.events, |k| (&*events::LOCK, ids(k)), |s| &mut s.events, of_event);
    lock(&mut loads, keys.streams, |k| (&*streams::LOCK, names(k)), |s| &mut s.streams, |id| wanted.contains(id));
    loads
}

/// Whose head a read is for, if it is for one.
fn stream_of(read: &Read) -> Option<StreamId> {
    match read {
        Read::Stream(id) => Some(*id),
        Read::Event(id) => Some(StreamId::Event(*id)),
        Read::Session(id) => Some(StreamId::Session(*id)),
        Read::User(_)
        | Read::UserByEmail(_)
        | Read::Room(_)
        | Read::Place(..)
        | Read::PlaceOfUser(..)
        | Read::Places { .. }
        | Read::Seat(..)
        | Read::Hold(..)
        | Read::HoldsOfUser(..)
        | Read::EarliestHolds { .. }
        | Read::Ticket(..)
        | Read::Login(_)
        | Read::Order(..)
        | Read::Payment(..)
        | Read::Callback(_)
        | Read::Outbox(..) => None,
    }
}

/// Reads what `reads` name, but for what was read when `locked`.
pub(super) fn reads(reads: &[Read], locked: &[StreamId]) -> Vec<Load> {
    let (mut keys, mut loads) = (Keys::default(), Vec::new());
    let locked: BTreeSet<_> = locked.iter().collect();
    for read in reads {
        match read {
            Read::Stream(id) if locked.contains(id) => {}
            Read::Session(id) if locked.contains(&StreamId::Session(*id)) => {}
            Read::Event(id) if locked.contains(&StreamId::Event(*id)) => {}
            Read::Stream(id) => keys.streams.push(*id),
            Read::User(id) => keys.users.push(*id),
            Read::UserByEmail(email) => keys.emails.push(email.clone()),
            Read::Event(id) => keys.events.push(*id),
            Read::Session(id) => keys.sessions.push(*id),
            Read::Room(id) => keys.rooms.push(*id),
            Read::Place(session, number) => keys.places.push((*session, *number)),
            Read::PlaceOfUser(session, user) => keys.places_of.push((*session, *user)),
            Read::Seat(session, seat) => keys.seats.push((*session, seat.clone())),
            Read::Hold(session, id) => keys.holds.push((*session, *id)),
            Read::HoldsOfUser(session, user) => keys.holds_of.push((*session, *user)),
            Read::Ticket(session, id) => keys.tickets.push((*session, *id)),
            Read::Login(id) => keys.logins.push(*id),
            Read::Order(session, id) => keys.orders.push((*session, *id)),
            Read::Payment(session, id) => keys.payments.push((*session, *id)),
            Read::Callback(id) => keys.callbacks.push(*id),
            Read::Outbox(session, id) => keys.outbox.push((*session, *id)),
            Read::Places { session_id, after, limit } => loads.push(places_behind(*session_id, *after, *limit)),
            Read::EarliestHolds { session_id, limit } => loads.push(earliest(*session_id, *limit)),
        }
    }
    keys.add_to(&mut loads);
    loads
}

/// What is asked for, by kind.
#[derive(Default)]
struct Keys {
    streams: Vec<StreamId>,
    users: Vec<UserId>,
    emails: Vec<Email>,
    events: Vec<EventId>,
    sessions: Vec<SessionId>,
    rooms: Vec<SessionId>,
    places: Vec<(SessionId, u64)>,
    places_of: Vec<(SessionId, UserId)>,
    seats: Vec<(SessionId, SeatId)>,
    holds: Vec<(SessionId, HoldId)>,
    holds_of: Vec<(SessionId, UserId)>,
    tickets: Vec<(SessionId, TicketId)>,
    logins: Vec<LoginId>,
    orders: Vec<(SessionId, OrderId)>,
    payments: Vec<(SessionId, PaymentId)>,
    callbacks: Vec<CallbackId>,
    outbox: Vec<(SessionId, OutboxId)>,
}

impl Keys {
    fn add_to(self, loads: &mut Vec<Load>) {
        add(loads, self.streams, |k| (&*streams::BY_NAMES, names(k)), |s| &mut s.streams);
        add(loads, self.users, |k| (&*users::BY_IDS, ids(k)), |s| &mut s.users);
        add(loads, self.events, |k| (&*events::BY_IDS, ids(k)), |s| &mut s.events);
        add(loads, self.sessions, |k| (&*sessions::BY_IDS, ids(k)), |s| &mut s.sessions);
        add(loads, self.rooms, |k| (&*rooms::BY_SESSIONS, ids(k)), |s| &mut s.rooms);
        add(loads, self.places, |k| (&*places::BY_NUMBERS, numbers(k)), |s| &mut s.places);
        add(loads, self.seats, |k| (&*seats::BY_IDS, labels(k)), |s| &mut s.seats);
        add(loads, self.holds, |k| (&*holds::IN_SESSIONS, pairs(k)), |s| &mut s.holds);
        add(loads, self.tickets, |k| (&*tickets::IN_SESSIONS, pairs(k)), |s| &mut s.tickets);
        add(loads, self.logins, |k| (&*logins::BY_IDS, ids(k)), |s| &mut s.logins);
        add(loads, self.orders, |k| (&*orders::IN_SESSIONS, pairs(k)), |s| &mut s.orders);
        add(loads, self.payments, |k| (&*payments::IN_SESSIONS, pairs(k)), |s| &mut s.payments);
        add(loads, self.callbacks, |k| (&*callbacks::BY_IDS, ids(k)), |s| &mut s.callbacks);
        add(loads, self.outbox, |k| (&*outbox::IN_SESSIONS, pairs(k)), |s| &mut s.outbox);
        loads.extend(by_email(self.emails));
        loads.extend(places_of_users(self.places_of));
        loads.extend(holds_of_users(self.holds_of));
    }
}

/// Records by key, locked; those that are `wanted` are taken in.
fn lock<R: Record + Stored>(
    loads: &mut Vec<Load>,
    keys: Vec<R::Key>,
    query: impl FnOnce(&[R::Key]) -> (&'static str, Vec<Param>),
    table: fn(&mut Snapshot) -> &mut Table<R>,
    wanted: impl Fn(&R::Key) -> bool,
) {
    if keys.is_empty() {
        return;
    }
    let (sql, params) = query(&keys);
    let wanted: BTreeSet<_> = keys.into_iter().filter(|key| wanted(key)).collect();
    loads.push(Load { query: Query::new(sql, params), fill: take_in(wanted, table) });
}

/// Records by key: each that is not found is known to be absent.
fn add<R: Record + Stored>(
    loads: &mut Vec<Load>,
    keys: Vec<R::Key>,
    query: impl FnOnce(&[R::Key]) -> (&'static str, Vec<Param>),
    table: fn(&mut Snapshot) -> &mut Table<R>,
) {
    if keys.is_empty() {
        return;
    }
    let (sql, params) = query(&keys);
    loads.push(Load { query: Query::new(sql, params), fill: take_in(keys.into_iter().collect(), table) });
}

fn take_in<R: Record + Stored>(keys: BTreeSet<R::Key>, table: fn(&mut Snapshot) -> &mut Table<R>) -> Fill {
    Box::new(move |rows, snapshot| {
        let (table, found) = (table(snapshot), records::<R>(rows)?);
        let found: Vec<_> = found.into_iter().filter(|record| keys.contains(&record.key())).collect();
        keys.into_iter().for_each(|key| table.load(key, None));
        found.into_iter().for_each(|record| table.load(record.key(), Some(record)));
        Ok(())
    })
}

fn by_email(emails: Vec<Email>) -> Option<Load> {
    let emails = each_once(emails)?;
    let texts = Array::of(Type::TEXT, emails.iter().map(|email| email.as_str()));
    let fill: Fill = Box::new(move |rows, snapshot| {
        let mut found = records::<User>(rows)?;
        for email in emails {
            let user = found.iter().position(|user| user.email == email).map(|at| found.swap_remove(at));
            snapshot.load_user_by_email(email, user);
        }
        Ok(())
    });
    Some(Load { query: Query::new(&users::BY_EMAILS, params![texts]), fill })
}

fn places_of_users(keys: Vec<(SessionId, UserId)>) -> Option<Load> {
    let keys = each_once(keys)?;
    let params = pairs(&keys);
    let fill: Fill = Box::new(move |rows, snapshot| {
        for (session, user) in keys {
            snapshot.load_place_of_user(session, user, None);
        }
        for place in records::<Place>(rows)? {
            snapshot.load_place_of_user(place.session_id, place.user_id, Some(place));
        }
        Ok(())
    });
    Some(Load { query: Query::new(&places::OF_USERS, params), fill })
}

/// One more of each than are kept track of, so that a decision sees when there are too many.
fn holds_of_users(keys: Vec<(SessionId, UserId)>) -> Option<Load> {
    let keys = each_once(keys)?;
    let mut params = pairs(&keys);
    params.extend(params![int(Read::HOLDS_OF_USER_MAX as u64 + 1)]);
    let fill: Fill = Box::new(move |rows, snapshot| {
        let mut found = records::<Hold>(rows)?;
        found.sort_by_key(|hold| (hold.session_id, hold.user_id));
        let mut found = found.into_iter().peekable();
        for (session, user) in keys {
            let mut theirs = Vec::new();
            while let Some(hold) = found.next_if(|hold| (hold.session_id, hold.user_id) == (session, user)) {
                theirs.push(hold);
            }
            snapshot.load_holds_of_user(session, user, theirs);
        }
        Ok(())
    });
    Some(Load { query: Query::new(&holds::OF_USERS, params), fill })
}

fn places_behind(session: SessionId, after: u64, limit: u32) -> Load {
    let fill: Fill = Box::new(move |rows, snapshot| {
        snapshot.load_places(session, after, limit, records(rows)?);
        Ok(())
    });
    Load { query: Query::new(&places::BEHIND, params![Id::uuid(session), int(after), i64::from(limit)]), fill }
}

fn earliest(session: SessionId, limit: u32) -> Load {
    let fill: Fill = Box::new(move |rows, snapshot| {
        snapshot.load_earliest_holds(session, limit, records(rows)?);
        Ok(())
    });
    Load { query: Query::new(&holds::EARLIEST, params![Id::uuid(session), i64::from(limit)]), fill }
}

/// In order, each once; `None` when there is none.
fn each_once<K: Ord>(mut keys: Vec<K>) -> Option<Vec<K>> {
    keys.sort_unstable();
    keys.dedup();
    (!keys.is_empty()).then_some(keys)
}

fn ids<I: Id>(keys: &[I]) -> Vec<Param> {
    params![Array::ids(keys.iter().copied())]
}

fn names(keys: &[StreamId]) -> Vec<Param> {
    params![Array::of(Type::TEXT, keys.iter().map(ToString::to_string))]
}

fn pairs<A: Id, B: Id>(keys: &[(A, B)]) -> Vec<Param> {
    params![Array::ids(keys.iter().map(|key| key.0)), Array::ids(keys.iter().map(|key| key.1))]
}

fn numbers(keys: &[(SessionId, u64)]) -> Vec<Param> {
    params![Array::ids(keys.iter().map(|key| key.0)), Array::of(Type::INT8, keys.iter().map(|key| int(key.1)))]
}

fn labels(keys: &[(SessionId, SeatId)]) -> Vec<Param> {
    params![Array::ids(keys.iter().map(|key| key.0)), Array::of(Type::TEXT, keys.iter().map(|key| key.1.as_str()))]
}
