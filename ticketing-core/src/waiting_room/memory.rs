//! The reference: waiting rooms in this process's memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{BoxFuture, ready};
use uuid::Uuid;

use super::{
    Advance, Arrival, Arrived, GivenUp, LineSlice, Mark, Place, PlaceState, Reply, Room, RoomAnswer, RoomError, Seen,
    Terms, Visitor, WaitingRoom, tally::Tally,
};
use crate::{
    clock::{Clock, Timestamp},
    ids::{SessionId, UserId},
    store::StoreError,
};

/// Waiting rooms that last as long as the process.
#[derive(Debug)]
pub struct MemoryRooms {
    clock: Arc<dyn Clock>,
    lines: Mutex<HashMap<SessionId, Line>>,
}

impl MemoryRooms {
    /// Rooms that take their time from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    /// All rooms as they are now.
    pub fn remembered(&self) -> Remembered {
        Remembered(self.lines().clone())
    }

    /// Makes all rooms what they were when they were remembered, as when a copy takes over that lacks what
    /// happened since.
    pub fn fall_back_to(&self, remembered: Remembered) {
        *self.lines() = remembered.0;
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<SessionId, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `call` over the line of a room that is as far as `since`.
    fn on<T: Send + 'static>(
        &self,
        session_id: SessionId,
        since: Mark,
        call: impl FnOnce(&mut Line, Timestamp) -> T,
    ) -> RoomAnswer<'static, T> {
        let mut lines = self.lines();
        let line = lines.get_mut(&session_id);
        let found = line.as_ref().map(|line| line.mark());
        let Some(line) = line.filter(|line| line.mark() >= since) else {
            return Box::pin(ready(Err(RoomError::Lost { found })));
        };
        let at = self.clock.now();
        let found = call(line, at);
        Box::pin(ready(Ok(Reply { room: line.counted(), mark: line.mark(), shown: line.shown, at, found })))
    }
}

/// Waiting rooms at one instant; by default, none.
#[derive(Debug, Clone, Default)]
pub struct Remembered(HashMap<SessionId, Line>);

impl WaitingRoom for MemoryRooms {
    fn now(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        Box::pin(ready(Ok(self.clock.now())))
    }

    fn append(
        &self,
        session_id: SessionId,
        since: Mark,
        arrivals: Vec<Arrival>,
        terms: Terms,
    ) -> RoomAnswer<'_, Vec<Arrived>> {
        self.on(session_id, since, |line, at| arrivals.iter().map(|arrival| line.arrive(arrival, terms, at)).collect())
    }

    fn look(&self, session_id: SessionId, since: Mark, visitors: Vec<Visitor>) -> RoomAnswer<'_, Vec<Seen>> {
        self.on(session_id, since, |line, _| visitors.iter().map(|visitor| line.look(visitor)).collect())
    }

    fn give_up(&self, session_id: SessionId, since: Mark, places: Vec<GivenUp>) -> RoomAnswer<'_, ()> {
        self.on(session_id, since, |line, _| places.iter().for_each(|place| line.give_up(place)))
    }

    fn load(&self, session_id: SessionId, since: Mark, limit: u32) -> RoomAnswer<'_, LineSlice> {
        self.on(session_id, since, |line, _| line.slice(limit as usize))
    }

    fn advance_if(&self, advance: Advance) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut lines = self.lines();
        let line = lines.get_mut(&advance.room.session_id);
        let line = line.filter(|line| line.room.epoch == advance.room.epoch && line.steps == advance.steps);
        let applied = line.map(|line| line.advance(advance)).is_some();
        Box::pin(ready(Ok(applied)))
    }

    fn mirrored(&self, session_id: SessionId, epoch: u32, frontier: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        if let Some(line) = self.lines().get_mut(&session_id).filter(|line| line.room.epoch == epoch) {
            line.shown = line.shown.max(frontier);
        }
        Box::pin(ready(Ok(())))
    }

    fn clear(&self, session_id: SessionId, since: Mark) -> RoomAnswer<'_, u64> {
        self.on(session_id, since, |line, _| line.clear())
    }

    fn begin(&self, room: Room, keeps_line: bool) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut lines = self.lines();
        let found = lines.remove(&room.session_id);
        let (line, begun) = match found {
            Some(found) if found.room.epoch >= room.epoch => (found, false),
            Some(found) if keeps_line => (found.continued(room), true),
            Some(_) | None => (Line::begun(room), true),
        };
        lines.insert(line.room.session_id, line);
        Box::pin(ready(Ok(begun)))
    }
}

/// One place of a line.
#[derive(Debug, Clone, Copy)]
struct Entry {
    user_id: UserId,
    issued_at: Timestamp,
    admitted_at_once: bool,
    state: PlaceState,
}

/// One room's line. The entry at index 0 has the number `behind + 1`.
#[derive(Debug, Clone)]
struct Line {
    room: Room,
    version: u64,
    steps: u64,
    shown: u64,
    behind: u64,
    entries: VecDeque<Entry>,
    /// Which entries are in.
    present: Tally,
    of_user: HashMap<UserId, u64>,
}

/// Ended entries at the front are dropped once they are so many, and more than half.
const DROP_LEN: usize = 65_536;

impl Line {
    /// An empty line, but for places that count as taken.
    fn begun(room: Room) -> Self {
        let active = room.active.min(room.frontier.saturating_sub(room.window_ended_through));
        let behind = if active > 0 { room.frontier - active } else { room.next - 1 };
        let mut line = Self {
            behind,
            version: 1,
            steps: 0,
            shown: room.frontier,
            entries: VecDeque::new(),
            present: Tally::default(),
            of_user: HashMap::new(),
            room,
        };
        let nobody = Entry {
            user_id: UserId::from_uuid(Uuid::nil()),
            issued_at: Timestamp::from_micros(0),
            admitted_at_once: false,
            state: PlaceState::In,
        };
        for number in behind + 1..line.room.next {
            line.push(nobody);
            if number > line.room.frontier {
                line.end(number, PlaceState::Expired);
            }
        }
        line
    }

    /// The same line in another epoch.
    fn continued(mut self, room: Room) -> Self {
        self.version = 1;
        self.steps = 0;
        self.shown = room.frontier;
        while self.behind + (self.entries.len() as u64) < room.next - 1 {
            let number = self.behind + self.entries.len() as u64 + 1;
            self.push(Entry {
                user_id: UserId::from_uuid(Uuid::nil()),
                issued_at: Timestamp::from_micros(0),
                admitted_at_once: false,
                state: PlaceState::In,
            });
            self.end(number, PlaceState::Expired);
        }
        // Somebody may have come since `room` was looked at.
        let next = room.next.max(self.room.next);
        self.room = Room { next, ..room };
        self.end_all(self.room.frontier, self.room.wait_ended_through);
        self.end_all(0, self.room.window_ended_through);
        self
    }

    fn mark(&self) -> Mark {
        Mark { epoch: self.room.epoch, version: self.version }
    }

    fn counted(&self) -> Room {
        let waiting = self.present_within(self.room.head(), self.room.next);
        let active = self.present_within(self.room.window_ended_through, self.room.frontier + 1);
        Room { waiting, active, ..self.room.clone() }
    }

    /// How many places behind `after` and ahead of `before` are in.
    fn present_within(&self, after: u64, before: u64) -> u64 {
        let index = |number: u64| number.saturating_sub(self.behind + 1);
        self.present.ahead_of(index(before)).saturating_sub(self.present.ahead_of(index(after + 1)))
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let index = number.checked_sub(self.behind + 1)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }

    fn place(&self, number: u64) -> Option<Place> {
        let index = number.checked_sub(self.behind + 1)?;
        let entry = self.entries.get(usize::try_from(index).ok()?)?;
        let Entry { user_id, issued_at, admitted_at_once, state } = *entry;
        Some(Place { session_id: self.room.session_id, number, user_id, issued_at, admitted_at_once, state })
    }

    fn position(&self, number: u64) -> u64 {
        1 + self.present_within(self.room.head(), number)
    }

    fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        self.present.push();
    }

    /// The place `number` is over, as `state`.
    fn end(&mut self, number: u64, state: PlaceState) {
        let Some(index) = number.checked_sub(self.behind + 1) else { return };
        if self.present.clear(index)
            && let Some(entry) = self.entry(number)
        {
            entry.state = state;
            let user_id = entry.user_id;
            if self.of_user.get(&user_id) == Some(&number) {
                self.of_user.remove(&user_id);
            }
        }
    }

    /// Everybody behind `after` and through `through` is over.
    fn end_all(&mut self, after: u64, through: u64) {
        let (first, behind) = (after.saturating_sub(self.behind), self.behind);
        let present = self.present.from(first).map(|index| behind + 1 + index);
        let over: Vec<u64> = present.take_while(|number| *number <= through).collect();
        for number in over {
            self.end(number, PlaceState::Expired);
        }
    }

    fn arrive(&mut self, arrival: &Arrival, terms: Terms, at: Timestamp) -> Arrived {
        let has = self.of_user.get(&arrival.user_id).copied();
        if let Some(place) = has.filter(|number| arrival.over != Some(*number)).and_then(|number| self.place(number)) {
            return Arrived::Had { place, position: self.position(place.number) };
        }
        let room = self.counted();
        let is_taken = has.is_some_and(|number| number > room.window_ended_through);
        let taken = room.waiting + room.active - u64::from(is_taken);
        if !terms.open || terms.max_length.is_some_and(|most| taken >= u64::from(most)) {
            return Arrived::Nothing;
        }
        if let Some(number) = has {
            self.end(number, PlaceState::Expired);
        }
        let admitted_at_once = terms.at_once && self.counted().waiting == 0;
        let number = self.room.next;
        self.room.next += 1;
        self.version += 1;
        if admitted_at_once {
            self.room.frontier = number;
        }
        let issued_at = terms.waits_from.map_or(at, |from| at.max(from));
        self.push(Entry { user_id: arrival.user_id, issued_at, admitted_at_once, state: PlaceState::In });
        self.of_user.insert(arrival.user_id, number);
        let place = self.place(number).expect("it was just put there");
        Arrived::New { place, position: self.position(number) }
    }

    fn look(&self, visitor: &Visitor) -> Seen {
        let place = self.place(visitor.number).filter(|place| place.user_id == visitor.user_id);
        let state = place.map(|place| place.state).filter(|state| *state != PlaceState::Expired);
        Seen { state, position: self.position(visitor.number) }
    }

    fn give_up(&mut self, GivenUp { visitor, state }: &GivenUp) {
        let Some(place) = self.place(visitor.number) else { return };
        // Whoever was let in before the room was lost left nobody's name.
        if place.state == PlaceState::In && (place.user_id == visitor.user_id || place.user_id.uuid().is_nil()) {
            self.end(visitor.number, *state);
            self.version += 1;
        }
    }

    fn slice(&self, limit: usize) -> LineSlice {
        let behind = |number: u64| {
            let present = self.present.from(number.saturating_sub(self.behind));
            present.filter_map(|index| self.place(self.behind + 1 + index)).take(limit)
        };
        let (room, steps) = (&self.room, self.steps);
        let admitted = behind(room.window_ended_through).take_while(|place| place.number <= room.frontier);
        LineSlice { admitted: admitted.collect(), line: behind(room.head()).collect(), steps }
    }

    fn advance(&mut self, Advance { before, room, .. }: Advance) {
        self.end_all(before.head(), room.wait_ended_through);
        self.end_all(0, room.window_ended_through);
        let frontier = self.room.frontier.max(room.frontier);
        let next = self.room.next;
        self.room = Room { next, frontier, ..room };
        self.steps += 1;
        self.version += 1;
        self.drop_ended();
    }

    fn clear(&mut self) -> u64 {
        let sent_away = self.counted().waiting;
        let through = self.room.next - 1;
        self.end_all(self.room.head(), through);
        self.room.wait_ended_through = self.room.wait_ended_through.max(through);
        self.steps += 1;
        self.version += 1;
        sent_away
    }

    /// Forgets entries at the front that are over.
    fn drop_ended(&mut self) {
        let through = self.room.window_ended_through;
        let ended = usize::try_from(through.saturating_sub(self.behind)).unwrap_or(0).min(self.entries.len());
        if ended < DROP_LEN || ended < self.entries.len() / 2 {
            return;
        }
        self.entries.drain(..ended);
        self.behind = through;
        let mut present = Tally::default();
        for (index, entry) in (0..).zip(&self.entries) {
            present.push();
            if entry.state != PlaceState::In {
                present.clear(index);
            }
        }
        self.present = present;
    }
}
