//! What a decision sees and what it changes.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::BuildHasherDefault,
};

use super::read::{Missing, Read, Record};
use crate::{
    audit::{AuditRecord, Stream},
    event::Event,
    hold::{Hold, HoldStatus},
    ids::{HoldId, SessionId, UserId},
    order::Order,
    outbox::OutboxMessage,
    payment::{Callback, Payment},
    seat::Seat,
    session::Session,
    ticket::Ticket,
    user::{Email, User, login::Login},
    waiting_room::{Place, Room},
};

/// Maps whose layout is the same in every run: a seed must replay byte for byte.
type FixedMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// How a record is to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Write<R> {
    /// It is new; a record with its key, or with one of its unique values, is a conflict.
    Insert(R),
    /// It was loaded and is replaced whole.
    Update(R),
}

impl<R> Write<R> {
    /// The record as it will be.
    pub fn record(&self) -> &R {
        match self {
            Self::Insert(record) | Self::Update(record) => record,
        }
    }
}

/// The records of one kind: as loaded, and as changed.
#[derive(Debug)]
pub struct Table<R: Record> {
    loaded: FixedMap<R::Key, Option<R>>,
    changed: FixedMap<R::Key, R>,
    order: Vec<R::Key>,
}

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self { loaded: FixedMap::default(), changed: FixedMap::default(), order: Vec::new() }
    }
}

impl<R: Record> Table<R> {
    /// Takes in what a store found under `key`.
    pub fn load(&mut self, key: R::Key, found: Option<R>) {
        self.loaded.insert(key, found);
    }

    /// The record of `key` as it is now, or `None` if there is none.
    ///
    /// # Errors
    /// [`Missing`] when it was never loaded.
    pub fn get(&self, key: &R::Key) -> Result<Option<&R>, Missing> {
        if let Some(changed) = self.changed.get(key) {
            return Ok(Some(changed));
        }
        self.loaded.get(key).map(Option::as_ref).ok_or_else(|| Missing(R::read(key)))
    }

    /// Writes `record`: an update of the one with its key, or a new one.
    pub fn put(&mut self, record: R) {
        let key = record.key();
        if self.changed.insert(key.clone(), record).is_none() {
            self.order.push(key);
        }
    }

    fn is_loaded(&self, key: &R::Key) -> bool {
        self.loaded.contains_key(key)
    }

    fn reset(&mut self) {
        self.changed.clear();
        self.order.clear();
    }

    fn take(&mut self) -> Vec<Write<R>> {
        let writes = self.order.drain(..).map(|key| {
            let record = self.changed.remove(&key).expect("every key in the order has its change");
            if self.loaded.get(&key).is_some_and(Option::is_some) {
                Write::Update(record)
            } else {
                Write::Insert(record)
            }
        });
        writes.collect()
    }
}

/// What a [`Read::EarliestHolds`] found.
#[derive(Debug, Clone, Default)]
pub struct Earliest {
    /// The holds, in order of their end.
    pub holds: Vec<HoldId>,
    /// How many were asked for: fewer means that these are all.
    pub limit: u32,
}

/// Everything a decision sees. Starts as loaded; carries its changes until they are taken.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Chain heads of streams without a record of their own.
    pub streams: Table<Stream>,
    /// Accounts.
    pub users: Table<User>,
    /// Events.
    pub events: Table<Event>,
    /// Sessions.
    pub sessions: Table<Session>,
    /// Waiting rooms.
    pub rooms: Table<Room>,
    /// Places in them.
    pub places: Table<Place>,
    /// Seats.
    pub seats: Table<Seat>,
    /// Holds.
    pub holds: Table<Hold>,
    /// Orders.
    pub orders: Table<Order>,
    /// Payments.
    pub payments: Table<Payment>,
    /// Kept callbacks.
    pub callbacks: Table<Callback>,
    /// The outbox.
    pub outbox: Table<OutboxMessage>,
    /// Tickets.
    pub tickets: Table<Ticket>,
    /// Logins.
    pub logins: Table<Login>,
    audit: Vec<AuditRecord>,
    by_email: FixedMap<Email, Option<UserId>>,
    by_email_new: FixedMap<Email, UserId>,
    of_user: FixedMap<(SessionId, UserId), Vec<HoldId>>,
    of_user_new: FixedMap<(SessionId, UserId), Vec<HoldId>>,
    place_of_user: FixedMap<(SessionId, UserId), Option<u64>>,
    place_of_user_new: FixedMap<(SessionId, UserId), u64>,
    place_ranges: FixedMap<(SessionId, u64, u32), Vec<u64>>,
    earliest: FixedMap<SessionId, Earliest>,
}

/// Taking in what a store found. One method per read by index; reads by key use [`Table::load`].
impl Snapshot {
    /// Takes in what [`Read::UserByEmail`] found.
    pub fn load_user_by_email(&mut self, email: Email, found: Option<User>) {
        self.by_email.insert(email, found.as_ref().map(|user| user.id));
        if let Some(user) = found {
            self.users.load(user.id, Some(user));
        }
    }

    /// Takes in what [`Read::HoldsOfUser`] found.
    pub fn load_holds_of_user(&mut self, session_id: SessionId, user_id: UserId, found: Vec<Hold>) {
        self.of_user.insert((session_id, user_id), found.iter().map(|hold| hold.id).collect());
        for hold in found {
            self.holds.load(hold.key(), Some(hold));
        }
    }

    /// Takes in what [`Read::PlaceOfUser`] found.
    pub fn load_place_of_user(&mut self, session_id: SessionId, user_id: UserId, found: Option<Place>) {
        self.place_of_user.insert((session_id, user_id), found.map(|place| place.number));
        if let Some(place) = found {
            self.places.load(place.key(), Some(place));
        }
    }

    /// Takes in what [`Read::Places`] found.
    pub fn load_places(&mut self, session_id: SessionId, after: u64, limit: u32, found: Vec<Place>) {
        self.place_ranges.insert((session_id, after, limit), found.iter().map(|place| place.number).collect());
        for place in found {
            self.places.load(place.key(), Some(place));
        }
    }

    /// Takes in what [`Read::EarliestHolds`] found.
    pub fn load_earliest_holds(&mut self, session_id: SessionId, limit: u32, found: Vec<Hold>) {
        self.earliest.insert(session_id, Earliest { holds: found.iter().map(|hold| hold.id).collect(), limit });
        for hold in found {
            self.holds.load(hold.key(), Some(hold));
        }
    }

    /// Whether `read` has been answered.
    pub fn has(&self, read: &Read) -> bool {
        match read {
            Read::Stream(id) => self.streams.is_loaded(id),
            Read::User(id) => self.users.is_loaded(id),
            Read::UserByEmail(email) => self.by_email.contains_key(email),
            Read::Event(id) => self.events.is_loaded(id),
            Read::Session(id) => self.sessions.is_loaded(id),
            Read::Room(id) => self.rooms.is_loaded(id),
            Read::Place(session, number) => self.places.is_loaded(&(*session, *number)),
            Read::PlaceOfUser(session, user) => self.place_of_user.contains_key(&(*session, *user)),
            Read::Places { session_id, after, limit } => self.place_ranges.contains_key(&(*session_id, *after, *limit)),
            Read::Seat(session, seat) => self.seats.is_loaded(&(*session, seat.clone())),
            Read::Hold(session, hold) => self.holds.is_loaded(&(*session, *hold)),
            Read::HoldsOfUser(session, user) => self.of_user.contains_key(&(*session, *user)),
            Read::EarliestHolds { session_id, limit } => {
                self.earliest.get(session_id).is_some_and(|found| found.limit >= *limit)
            }
            Read::Ticket(session, ticket) => self.tickets.is_loaded(&(*session, *ticket)),
            Read::Login(id) => self.logins.is_loaded(id),
            Read::Order(session, order) => self.orders.is_loaded(&(*session, *order)),
            Read::Payment(session, payment) => self.payments.is_loaded(&(*session, *payment)),
            Read::Callback(id) => self.callbacks.is_loaded(id),
            Read::Outbox(session, message) => self.outbox.is_loaded(&(*session, *message)),
        }
    }
}

/// Seeing through indexes, changes included.
impl Snapshot {
    /// The account of `email`.
    ///
    /// # Errors
    /// [`Missing`] when it was never loaded; so everywhere below.
    pub fn user_by_email(&self, email: &Email) -> Result<Option<UserId>, Missing> {
        if let Some(id) = self.by_email_new.get(email) {
            return Ok(Some(*id));
        }
        self.by_email.get(email).copied().ok_or_else(|| Missing(Read::UserByEmail(email.clone())))
    }

    /// Every hold of `user` in `session`.
    pub fn holds_of_user(&self, session: SessionId, user: UserId) -> Result<Vec<&Hold>, Missing> {
        let key = (session, user);
        let loaded = self.of_user.get(&key).ok_or(Missing(Read::HoldsOfUser(session, user)))?;
        let new = self.of_user_new.get(&key).map_or(&[][..], Vec::as_slice);
        let found = loaded.iter().chain(new).map(|id| self.known_hold(session, *id));
        found.collect()
    }

    /// The holds of `session` that end first.
    pub fn earliest_holds(&self, session: SessionId, limit: u32) -> Result<&Earliest, Missing> {
        (self.earliest.get(&session).filter(|found| found.limit >= limit))
            .ok_or(Missing(Read::EarliestHolds { session_id: session, limit }))
    }

    /// The newest place of `user` in `session` that is `IN`.
    pub fn place_of_user(&self, session: SessionId, user: UserId) -> Result<Option<Place>, Missing> {
        let key = (session, user);
        let number = match self.place_of_user_new.get(&key) {
            Some(number) => Some(*number),
            None => *self.place_of_user.get(&key).ok_or(Missing(Read::PlaceOfUser(session, user)))?,
        };
        let Some(number) = number else { return Ok(None) };
        let place = self.places.get(&(session, number))?;
        Ok(place.copied().filter(|place| place.state == crate::waiting_room::PlaceState::In))
    }

    /// Places of `session` behind `after`, in order, at most `limit`.
    pub fn places(&self, session: SessionId, after: u64, limit: u32) -> Result<Vec<Place>, Missing> {
        let missing = Missing(Read::Places { session_id: session, after, limit });
        let numbers = self.place_ranges.get(&(session, after, limit)).ok_or(missing)?;
        let mut places = Vec::with_capacity(numbers.len());
        for number in numbers {
            places.extend(self.places.get(&(session, *number))?.copied());
        }
        Ok(places)
    }

    fn known_hold(&self, session: SessionId, id: HoldId) -> Result<&Hold, Missing> {
        let missing = || Missing(Read::Hold(session, id));
        self.holds.get(&(session, id))?.ok_or_else(missing)
    }
}

/// Writing.
impl Snapshot {
    /// Adds an account.
    pub fn add_user(&mut self, user: User) {
        self.by_email_new.insert(user.email.clone(), user.id);
        self.users.put(user);
    }

    /// Adds a hold.
    pub fn add_hold(&mut self, hold: Hold) {
        debug_assert_eq!(hold.status, HoldStatus::Active, "a hold starts out active");
        self.of_user_new.entry((hold.session_id, hold.user_id)).or_default().push(hold.id);
        self.holds.put(hold);
    }

    /// Adds a place.
    pub fn add_place(&mut self, place: Place) {
        self.place_of_user_new.insert((place.session_id, place.user_id), place.number);
        self.places.put(place);
    }

    /// Adds a ticket.
    pub fn add_ticket(&mut self, ticket: Ticket) {
        self.tickets.put(ticket);
    }

    /// Adds a record of the audit log.
    pub fn add_audit(&mut self, record: AuditRecord) {
        self.audit.push(record);
    }

    /// Forgets every change; what was loaded stays.
    pub fn reset(&mut self) {
        self.streams.reset();
        self.users.reset();
        self.events.reset();
        self.sessions.reset();
        self.rooms.reset();
        self.places.reset();
        self.seats.reset();
        self.holds.reset();
        self.orders.reset();
        self.payments.reset();
        self.callbacks.reset();
        self.outbox.reset();
        self.tickets.reset();
        self.logins.reset();
        self.audit.clear();
        self.by_email_new.clear();
        self.of_user_new.clear();
        self.place_of_user_new.clear();
    }

    /// Takes the changes out, in the order they were made within each kind.
    pub fn take_changes(&mut self) -> Changes {
        Changes {
            streams: self.streams.take(),
            users: self.users.take(),
            events: self.events.take(),
            sessions: self.sessions.take(),
            rooms: self.rooms.take(),
            places: self.places.take(),
            seats: self.seats.take(),
            holds: self.holds.take(),
            orders: self.orders.take(),
            payments: self.payments.take(),
            callbacks: self.callbacks.take(),
            outbox: self.outbox.take(),
            tickets: self.tickets.take(),
            logins: self.logins.take(),
            audit: std::mem::take(&mut self.audit),
        }
    }
}

/// What is to be written, all or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "one list per kind of record, named as in `Snapshot`")]
pub struct Changes {
    pub streams: Vec<Write<Stream>>,
    pub users: Vec<Write<User>>,
    pub events: Vec<Write<Event>>,
    pub sessions: Vec<Write<Session>>,
    pub rooms: Vec<Write<Room>>,
    pub places: Vec<Write<Place>>,
    pub seats: Vec<Write<Seat>>,
    pub holds: Vec<Write<Hold>>,
    pub orders: Vec<Write<Order>>,
    pub payments: Vec<Write<Payment>>,
    pub callbacks: Vec<Write<Callback>>,
    pub outbox: Vec<Write<OutboxMessage>>,
    pub tickets: Vec<Write<Ticket>>,
    pub logins: Vec<Write<Login>>,
    /// New records of the audit log.
    pub audit: Vec<AuditRecord>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
