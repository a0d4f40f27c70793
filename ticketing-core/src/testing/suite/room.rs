//! Waiting rooms in a store of their own.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use uuid::Uuid;

use crate::{
    clock::{Clock, Timestamp},
    ids::{SessionId, UserId},
    testing::{
        SimClock,
        harness::{ALICE, BOB, CAROL, buyer},
    },
    waiting_room::{
        Advance, Arrival, Arrived, GivenUp, LineSlice, Mark, MemoryRooms, Place, PlaceState, QueuePolicy, Reply, Room,
        RoomError, Seen, Terms, Visitor, WaitingRoom,
        admission::{self, Slice},
    },
};

/// A store of waiting rooms and its time.
#[derive(Debug, Clone)]
pub struct RoomBench {
    /// The store.
    pub store: Arc<dyn WaitingRoom>,
    /// Its time.
    pub clock: Arc<SimClock>,
}

/// Whoever comes waits.
const WAITS: Terms = Terms { open: true, max_length: None, at_once: false, waits_from: None };

fn session(n: u32) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(0x5e_0000 + u128::from(n)))
}

fn comes(user_id: UserId) -> Arrival {
    Arrival { user_id, over: None }
}

fn place(arrived: &Arrived) -> Place {
    match arrived {
        Arrived::New { place, .. } | Arrived::Had { place, .. } => *place,
        Arrived::Nothing => panic!("no place was given"),
    }
}

fn number(arrived: &Arrived) -> u64 {
    place(arrived).number
}

/// Everything a store may do, in the words of the cases: all about the first session.
impl RoomBench {
    /// An empty room in its first epoch.
    async fn opened(self) -> Self {
        assert!(self.store.begin(self.empty(1), false).await.unwrap());
        self
    }

    fn empty(&self, epoch: u32) -> Room {
        Room { epoch, apart: true, ..Room::new(session(1), self.clock.now()) }
    }

    async fn append(&self, arrivals: Vec<Arrival>, terms: Terms) -> Reply<Vec<Arrived>> {
        self.store.append(session(1), Mark::default(), arrivals, terms).await.expect("the room is there")
    }

    async fn come(&self, users: impl IntoIterator<Item = UserId>) -> Vec<u64> {
        let reply = self.append(users.into_iter().map(comes).collect(), WAITS).await;
        reply.found.iter().map(number).collect()
    }

    async fn look(&self, user_id: UserId, number: u64) -> Seen {
        let looked = self.store.look(session(1), Mark::default(), vec![Visitor { user_id, number }]).await;
        looked.expect("the room is there").found[0]
    }

    async fn give_up(&self, user_id: UserId, number: u64, state: PlaceState) {
        let places = vec![GivenUp { visitor: Visitor { user_id, number }, state }];
        self.store.give_up(session(1), Mark::default(), places).await.expect("the room is there");
    }

    async fn load(&self, limit: u32) -> Reply<LineSlice> {
        self.store.load(session(1), Mark::default(), limit).await.expect("the room is there")
    }

    /// One step by `policy`; whether it was applied.
    async fn step(&self, policy: &QueuePolicy, limit: u32) -> bool {
        let Reply { room: before, at, found, .. } = self.load(limit).await;
        let mut room = before.clone();
        let slice = Slice { admitted: &found.admitted, line: &found.line, limit };
        admission::advance(&mut room, policy, slice, true, at);
        self.store.advance_if(Advance { before, room, steps: found.steps }).await.unwrap()
    }
}

fn most(max_active: u32) -> QueuePolicy {
    QueuePolicy { max_active: Some(max_active), ..QueuePolicy::default() }
}

pub async fn numbers_follow_each_other_in_order_of_arrival(b: RoomBench) {
    let b = b.opened().await;
    assert_eq!(b.come((0..5).map(buyer)).await, [1, 2, 3, 4, 5]);
    let reply = b.append(vec![comes(ALICE)], WAITS).await;
    let given = place(&reply.found[0]);
    let expected = Place {
        session_id: session(1),
        number: 6,
        user_id: ALICE,
        issued_at: b.clock.now(),
        admitted_at_once: false,
        state: PlaceState::In,
    };
    assert_eq!(given, expected);
    assert_eq!(reply.found[0], Arrived::New { place: given, position: 6 });
    assert_eq!((reply.room.next, reply.room.waiting, reply.room.active), (7, 6, 0));
    assert_eq!(reply.at, b.clock.now());
}

pub async fn an_answer_before_a_request_is_a_place_ahead(b: RoomBench) {
    let b = b.opened().await;
    let nodes = (0..8).map(|node: u32| {
        let b = b.clone();
        async move {
            let mut given = Vec::new();
            for round in 0..12 {
                given.push(b.come([buyer(node * 100 + round)]).await[0]);
            }
            given
        }
    });
    let given = join_all(nodes).await;
    assert!(given.iter().all(|numbers| numbers.is_sorted()), "{given:?}");
    let mut all: Vec<u64> = given.into_iter().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (1..=96).collect::<Vec<_>>());
}

pub async fn whoever_has_a_place_keeps_it(b: RoomBench) {
    let b = b.opened().await;
    b.come([ALICE, BOB]).await;
    b.clock.advance(Duration::from_secs(5));
    let reply = b.append(vec![comes(CAROL), comes(BOB), comes(CAROL)], WAITS).await;
    let Arrived::Had { place: bob, position: 2 } = reply.found[1] else { panic!("{:?}", reply.found) };
    assert_eq!((bob.number, bob.issued_at), (2, SimClock::START), "as it was given");
    assert!(matches!(reply.found[0], Arrived::New { position: 3, .. }), "{:?}", reply.found);
    assert!(matches!(reply.found[2], Arrived::Had { place: Place { number: 3, .. }, position: 3 }));
    assert_eq!(reply.room.waiting, 3);
}

pub async fn a_place_that_is_over_is_replaced_once(b: RoomBench) {
    let b = b.opened().await;
    b.come([ALICE, BOB]).await;
    let again = vec![Arrival { user_id: ALICE, over: Some(1) }, Arrival { user_id: ALICE, over: Some(1) }];
    let reply = b.append(again, WAITS).await;
    assert!(matches!(reply.found[0], Arrived::New { place: Place { number: 3, .. }, position: 2 }), "{reply:?}");
    assert!(matches!(reply.found[1], Arrived::Had { place: Place { number: 3, .. }, .. }), "{reply:?}");
    assert_eq!(reply.room.waiting, 2);
    assert_eq!(b.look(ALICE, 1).await.state, None);
}

pub async fn a_room_takes_no_more_than_its_length(b: RoomBench) {
    let b = b.opened().await;
    let terms = Terms { max_length: Some(3), ..WAITS };
    let reply = b.append((0..5).map(|n| comes(buyer(n))).collect(), terms).await;
    let given = reply.found.iter().filter(|arrived| !matches!(arrived, Arrived::Nothing)).count();
    assert_eq!((given, reply.room.waiting, reply.room.next), (3, 3, 4));
    assert!(b.step(&most(1), 9).await);
    assert_eq!(b.append(vec![comes(ALICE)], terms).await.found, [Arrived::Nothing], "who is admitted counts");
    b.give_up(buyer(0), 1, PlaceState::Bought).await;
    let reply = b.append(vec![comes(ALICE), comes(BOB)], terms).await;
    assert!(matches!(reply.found[..], [Arrived::New { .. }, Arrived::Nothing]));
    let over = Arrival { user_id: ALICE, over: Some(4) };
    assert!(matches!(b.append(vec![over], terms).await.found[0], Arrived::New { .. }), "their own place makes room");
}

pub async fn a_closed_door_gives_no_new_place_and_tells_the_old_ones(b: RoomBench) {
    let b = b.opened().await;
    b.come([ALICE]).await;
    let closed = Terms { open: false, ..WAITS };
    let reply = b.append(vec![comes(BOB), comes(ALICE), Arrival { user_id: ALICE, over: Some(1) }], closed).await;
    assert!(matches!(reply.found[..], [Arrived::Nothing, Arrived::Had { .. }, Arrived::Nothing]), "{reply:?}");
    assert_eq!((reply.room.next, reply.room.waiting), (2, 1));
}

pub async fn while_nobody_waits_everybody_is_admitted_at_once(b: RoomBench) {
    let b = b.opened().await;
    let at_once = Terms { at_once: true, ..WAITS };
    let reply = b.append(vec![comes(ALICE), comes(BOB)], at_once).await;
    assert!(reply.found.iter().all(|arrived| place(arrived).admitted_at_once));
    assert_eq!((reply.room.frontier, reply.room.waiting, reply.room.active), (2, 0, 2));
    b.come([CAROL]).await;
    let reply = b.append(vec![comes(buyer(1)), comes(ALICE)], at_once).await;
    assert!(!place(&reply.found[0]).admitted_at_once, "somebody waits ahead");
    assert!(place(&reply.found[1]).admitted_at_once, "as it was given");
    assert_eq!((reply.room.frontier, reply.room.waiting, reply.room.active), (2, 2, 2));
}

pub async fn who_gives_a_place_up_is_stepped_over(b: RoomBench) {
    let b = b.opened().await;
    b.come((1..=6).map(buyer)).await;
    b.give_up(buyer(2), 2, PlaceState::Left).await;
    b.give_up(buyer(2), 2, PlaceState::Left).await;
    assert_eq!(b.look(buyer(2), 2).await.state, Some(PlaceState::Left));
    assert_eq!(b.look(buyer(5), 5).await, Seen { state: Some(PlaceState::In), position: 4 });
    assert!(b.step(&most(2), 9).await);
    let room = b.load(0).await.room;
    assert_eq!((room.frontier, room.waiting, room.active), (3, 3, 2));
    b.give_up(buyer(1), 1, PlaceState::Bought).await;
    assert_eq!(b.load(0).await.room.active, 1);
    assert_eq!(b.look(buyer(1), 1).await.state, Some(PlaceState::Bought));
    assert!(b.step(&most(2), 9).await);
    assert_eq!(b.load(0).await.room.frontier, 4);
    assert_eq!(b.come([buyer(2)]).await, [7], "who left may come again, at the end");
}

pub async fn nobody_gives_up_the_place_of_another(b: RoomBench) {
    let b = b.opened().await;
    b.come([ALICE, BOB]).await;
    b.give_up(ALICE, 2, PlaceState::Left).await;
    b.give_up(ALICE, 9, PlaceState::Left).await;
    assert_eq!(b.look(BOB, 2).await, Seen { state: Some(PlaceState::In), position: 2 });
    assert_eq!(b.look(ALICE, 2).await.state, None, "never hers");
    assert_eq!(b.look(ALICE, 9).await.state, None, "nobody's");
    assert_eq!(b.load(0).await.room.waiting, 2);
}

pub async fn the_line_is_told_in_slices_and_in_order(b: RoomBench) {
    let b = b.opened().await;
    b.come((1..=200).map(buyer)).await;
    b.give_up(buyer(52), 52, PlaceState::Left).await;
    assert!(b.step(&most(50), 64).await);
    let slice = b.load(3).await.found;
    let numbers = |places: &[Place]| places.iter().map(|place| place.number).collect::<Vec<_>>();
    assert_eq!((numbers(&slice.admitted), numbers(&slice.line)), (vec![1, 2, 3], vec![51, 53, 54]));
    assert!(slice.line.iter().all(|place| place.user_id == buyer(place.number as u32)));
    assert!(slice.line.iter().all(|place| place.issued_at == SimClock::START && place.state == PlaceState::In));
    assert_eq!(b.load(1_024).await.found.line.len(), 149);
    let none = b.load(0).await.found;
    assert!(none.admitted.is_empty() && none.line.is_empty());
}

pub async fn a_step_is_applied_once_and_takes_back_nobody_who_came_meanwhile(b: RoomBench) {
    let b = b.opened().await;
    b.come([ALICE, BOB]).await;
    let loaded = b.load(9).await;
    b.come([CAROL]).await;
    b.give_up(ALICE, 1, PlaceState::Left).await;
    let mut room = loaded.room.clone();
    let slice = Slice { admitted: &[], line: &loaded.found.line, limit: 9 };
    admission::advance(&mut room, &most(2), slice, true, loaded.at);
    let step = Advance { before: loaded.room, room, steps: loaded.found.steps };
    assert!(b.store.advance_if(step.clone()).await.unwrap());
    let room = b.load(0).await.room;
    assert_eq!((room.next, room.frontier, room.waiting, room.active), (4, 2, 1, 1), "CAROL waits, ALICE is gone");
    assert!(!b.store.advance_if(step.clone()).await.unwrap(), "another step was taken");
    let foreign = Room { epoch: 2, ..step.room.clone() };
    assert!(!b.store.advance_if(Advance { room: foreign, ..step }).await.unwrap(), "of another epoch");
    assert_eq!(b.load(0).await.room, room);
}

pub async fn a_frontier_is_shown_once_the_ledger_knows_of_it(b: RoomBench) {
    let b = b.opened().await;
    b.come((1..=5).map(buyer)).await;
    assert!(b.step(&most(3), 9).await);
    let found = b.load(0).await;
    assert_eq!((found.room.frontier, found.shown), (3, 0));
    for (epoch, frontier, shown) in [(2, 3, 0), (1, 2, 2), (1, 3, 3), (1, 1, 3)] {
        b.store.mirrored(session(1), epoch, frontier).await.unwrap();
        assert_eq!(b.load(0).await.shown, shown, "{frontier} in epoch {epoch}");
    }
    b.store.mirrored(session(2), 1, 3).await.unwrap();
    let next = Room { next: 6, frontier: 4, ..b.empty(2) };
    assert!(b.store.begin(next, true).await.unwrap());
    assert_eq!(b.load(0).await.shown, 4, "what an epoch begins with is the ledger's");
}

pub async fn who_waits_is_sent_away_and_who_is_admitted_stays(b: RoomBench) {
    let b = b.opened().await;
    b.come((1..=5).map(buyer)).await;
    assert!(b.step(&most(2), 9).await);
    let loaded = b.load(9).await;
    let cleared = b.store.clear(session(1), Mark::default()).await.unwrap();
    assert_eq!((cleared.found, cleared.room.waiting, cleared.room.active), (3, 0, 2));
    assert_eq!((cleared.room.wait_ended_through, cleared.room.frontier), (5, 2));
    assert_eq!(b.look(buyer(4), 4).await.state, None);
    assert_eq!(b.look(buyer(1), 1).await.state, Some(PlaceState::In));
    let stale = Advance { before: loaded.room.clone(), room: loaded.room, steps: loaded.found.steps };
    assert!(!b.store.advance_if(stale).await.unwrap(), "it was decided over a line that is gone");
    assert_eq!(b.store.clear(session(1), Mark::default()).await.unwrap().found, 0);
    assert_eq!(b.come([buyer(4)]).await, [6]);
}

fn lost<T: std::fmt::Debug>(answer: Result<Reply<T>, RoomError>) -> Option<Mark> {
    match answer {
        Err(RoomError::Lost { found }) => found,
        answer => panic!("{answer:?}"),
    }
}

pub async fn a_room_that_is_not_there_is_lost(b: RoomBench) {
    let (id, any) = (session(1), Mark::default());
    assert_eq!(lost(b.store.append(id, any, vec![comes(ALICE)], WAITS).await), None);
    assert_eq!(lost(b.store.look(id, any, vec![Visitor { user_id: ALICE, number: 1 }]).await), None);
    assert_eq!(lost(b.store.load(id, any, 9).await), None);
    assert_eq!(lost(b.store.clear(id, any).await), None);
    let room = b.empty(1);
    assert!(!b.store.advance_if(Advance { before: room.clone(), room, steps: 0 }).await.unwrap());
    assert_eq!(lost(b.store.load(id, any, 9).await), None, "none of these made one");
}

pub async fn a_room_behind_what_is_known_is_lost_and_left_alone(b: RoomBench) {
    let b = b.opened().await;
    let seen = b.append(vec![comes(ALICE)], WAITS).await.mark;
    let after = b.append(vec![comes(BOB)], WAITS).await.mark;
    assert!(after > seen, "{after:?} {seen:?}");
    let ahead = Mark { version: after.version + 1, ..after };
    let later = Mark { epoch: 2, version: 0 };
    for since in [ahead, later] {
        let arrivals = vec![comes(CAROL)];
        assert_eq!(lost(b.store.append(session(1), since, arrivals, WAITS).await), Some(after));
        assert_eq!(lost(b.store.clear(session(1), since).await), Some(after));
    }
    assert_eq!(b.store.load(session(1), after, 0).await.unwrap().room.waiting, 2);
}

pub async fn an_epoch_begins_once(b: RoomBench) {
    let b = b.opened().await;
    b.come([ALICE]).await;
    let old = b.load(0).await.mark;
    assert!(!b.store.begin(b.empty(1), false).await.unwrap());
    assert_eq!(b.load(0).await.room.waiting, 1, "it runs already");
    let next = Room { next: 40, frontier: 20, wait_ended_through: 39, ..b.empty(2) };
    assert!(b.store.begin(next.clone(), false).await.unwrap());
    assert!(!b.store.begin(next.clone(), false).await.unwrap());
    assert!(!b.store.begin(b.empty(1), true).await.unwrap());
    let found = b.load(0).await;
    assert!(found.mark > old);
    assert_eq!(found.room, next);
    assert_eq!(b.look(ALICE, 1).await.state, None);
    assert_eq!(b.come([BOB, ALICE]).await, [40, 41]);
}

pub async fn an_epoch_may_keep_its_line(b: RoomBench) {
    let b = b.opened().await;
    b.come((1..=9).map(buyer)).await;
    b.give_up(buyer(7), 7, PlaceState::Left).await;
    let next = Room { next: 12, frontier: 3, wait_ended_through: 4, window_ended_through: 1, ..b.empty(2) };
    assert!(b.store.begin(next, true).await.unwrap());
    let room = b.load(0).await.room;
    assert_eq!((room.epoch, room.next, room.waiting, room.active), (2, 12, 4, 2));
    let reply = b.append(vec![comes(buyer(8)), comes(buyer(4)), comes(ALICE)], WAITS).await;
    assert!(matches!(reply.found[0], Arrived::Had { place: Place { number: 8, .. }, position: 3 }), "{reply:?}");
    assert!(matches!(reply.found[1], Arrived::New { place: Place { number: 12, .. }, position: 5 }), "{reply:?}");
    assert!(matches!(reply.found[2], Arrived::New { place: Place { number: 13, .. }, position: 6 }), "{reply:?}");
}

pub async fn an_epoch_that_keeps_its_line_gives_no_number_twice(b: RoomBench) {
    let b = b.opened().await;
    b.come((1..=3).map(buyer)).await;
    let seen = b.load(0).await.room;
    // They come while somebody is about to begin the next epoch.
    b.come((4..=5).map(buyer)).await;
    assert!(b.store.begin(Room { epoch: 2, ..seen }, true).await.unwrap());
    assert_eq!(b.come([buyer(6), buyer(4), buyer(7)]).await, [6, 4, 7]);
    b.give_up(buyer(5), 5, PlaceState::Left).await;
    b.give_up(buyer(6), 6, PlaceState::Bought).await;
    assert_eq!(b.load(0).await.room.waiting, 5);
}

pub async fn places_of_a_lost_room_count_as_taken(b: RoomBench) {
    let log = vec![admission_of(0, 20, b.clock.now())];
    let lost = Room { next: 40, frontier: 20, wait_ended_through: 39, active: 3, log, ..b.empty(2) };
    assert!(b.store.begin(lost, false).await.unwrap());
    assert_eq!(b.load(0).await.room.active, 3);
    b.come([ALICE]).await;
    assert!(b.step(&most(4), 9).await);
    let room = b.load(0).await.room;
    assert_eq!((room.frontier, room.active), (40, 4), "one more, and the room is as full as it may be");
    b.give_up(BOB, 20, PlaceState::Bought).await;
    assert_eq!(b.load(0).await.room.active, 3, "whoever was let in may buy");
    b.clock.advance(Duration::from_secs(500));
    assert!(b.step(&most(4), 9).await);
    assert_eq!(b.load(0).await.room.active, 0, "their windows end");
}

fn admission_of(after: u64, through: u64, at: Timestamp) -> crate::waiting_room::Admission {
    crate::waiting_room::Admission { after, through, at }
}

pub async fn rooms_know_nothing_of_each_other(b: RoomBench) {
    let b = b.opened().await;
    b.come([ALICE, BOB]).await;
    let other = Room { session_id: session(2), ..b.empty(1) };
    assert!(b.store.begin(other, false).await.unwrap());
    let reply = b.store.append(session(2), Mark::default(), vec![comes(ALICE)], WAITS).await.unwrap();
    assert_eq!(place(&reply.found[0]).session_id, session(2));
    assert_eq!((number(&reply.found[0]), reply.room.waiting), (1, 1));
    b.store.clear(session(2), Mark::default()).await.unwrap();
    assert_eq!(b.load(0).await.room.waiting, 2);
}

/// Drives the store and the reference with the same calls, drawn from a seed.
pub async fn it_does_what_the_reference_does(b: RoomBench) {
    const PEOPLE: u32 = 40;
    for seed in 0..6 {
        let mut random = fastrand::Rng::with_seed(seed);
        let policy = QueuePolicy {
            admit_per_second: [None, Some(3)][random.usize(..2)],
            max_active: [Some(2), Some(9)][random.usize(..2)],
            wait_ttl_seconds: Some(30),
            admit_ttl_seconds: [None, Some(20)][random.usize(..2)],
            ..QueuePolicy::default()
        };
        let reference =
            RoomBench { store: Arc::new(MemoryRooms::new(Arc::clone(&b.clock) as _)), clock: b.clock.clone() };
        let id = session(10 + u32::try_from(seed).expect("there are few seeds"));
        let both = [&b.store, &reference.store];
        let mut epoch = 1;
        let first = Room { session_id: id, ..b.empty(epoch) };
        for store in both {
            assert!(store.begin(first.clone(), false).await.unwrap());
        }
        let mut numbers: BTreeMap<u32, u64> = BTreeMap::new();
        for turn in 0..250 {
            let told = format!("seed {seed}, turn {turn}");
            match random.u32(0..10) {
                0..4 => {
                    let who: Vec<u32> = (0..random.usize(1..4)).map(|_| random.u32(..PEOPLE)).collect();
                    let over = random.bool();
                    let arrivals = who
                        .iter()
                        .map(|n| Arrival { user_id: buyer(*n), over: numbers.get(n).copied().filter(|_| over) });
                    let arrivals: Vec<_> = arrivals.collect();
                    let max_length = [None, Some(12)][random.usize(..2)];
                    let open = random.u32(..8) > 0;
                    let terms = Terms { open, max_length, at_once: random.u32(..4) == 0, waits_from: None };
                    let mut replies = Vec::new();
                    for store in both {
                        replies.push(store.append(id, Mark::default(), arrivals.clone(), terms).await.unwrap());
                    }
                    assert_eq!(replies[0].found, replies[1].found, "{told}: {arrivals:?} {terms:?}");
                    for (n, arrived) in who.iter().zip(&replies[0].found) {
                        if !matches!(arrived, Arrived::Nothing) {
                            numbers.insert(*n, number(arrived));
                        }
                    }
                }
                4 => {
                    let n = random.u32(..PEOPLE);
                    let Some(number) = numbers.get(&n).copied() else { continue };
                    let state = [PlaceState::Left, PlaceState::Bought][random.usize(..2)];
                    let places = vec![GivenUp { visitor: Visitor { user_id: buyer(n), number }, state }];
                    for store in both {
                        store.give_up(id, Mark::default(), places.clone()).await.unwrap();
                    }
                }
                5 => b.clock.advance(Duration::from_millis(random.u64(..9_000))),
                6 if random.u32(..12) == 0 => {
                    let mut found = Vec::new();
                    for store in both {
                        found.push(store.clear(id, Mark::default()).await.unwrap().found);
                    }
                    assert_eq!(found[0], found[1], "{told}");
                }
                7 if random.u32(..12) == 0 => {
                    epoch += 1;
                    let mut room = reference.store.load(id, Mark::default(), 0).await.unwrap().room;
                    room.begin_epoch_with(&room.clone());
                    for store in both {
                        assert!(store.begin(room.clone(), true).await.unwrap(), "{told}");
                    }
                }
                _ => {
                    let limit = random.u32(1..9);
                    let mut applied = Vec::new();
                    for store in both {
                        let Reply { room: before, at, found, .. } =
                            store.load(id, Mark::default(), limit).await.unwrap();
                        let mut room = before.clone();
                        let slice = Slice { admitted: &found.admitted, line: &found.line, limit };
                        admission::advance(&mut room, &policy, slice, true, at);
                        let steps = found.steps;
                        let step = Advance { before, room, steps };
                        assert!(store.advance_if(step).await.unwrap(), "{told}");
                        applied.push(found);
                    }
                    assert_eq!(applied[0], applied[1], "{told}");
                }
            }
            let visitors: Vec<_> =
                numbers.iter().map(|(n, number)| Visitor { user_id: buyer(*n), number: *number }).collect();
            let mut looks = Vec::new();
            for store in both {
                looks.push(store.look(id, Mark::default(), visitors.clone()).await.unwrap());
            }
            assert_eq!(looks[0].room, looks[1].room, "{told}");
            let waits = |reply: &Reply<Vec<Seen>>| -> Vec<_> {
                // A position means something to those who wait; what is long over may be forgotten.
                let found = visitors.iter().zip(&reply.found).filter(|(v, _)| v.number > reply.room.head());
                found.map(|(visitor, seen)| (*visitor, *seen)).collect()
            };
            assert_eq!(waits(&looks[0]), waits(&looks[1]), "{told}");
        }
        assert!(epoch < 40);
    }
}

pub async fn positions_are_exact_with_a_million_waiting(b: RoomBench) {
    const WAITING: u32 = 1_000_000;
    const TOGETHER: u32 = 1_000;
    let b = b.opened().await;
    for batch in 0..WAITING / TOGETHER {
        b.append((1..=TOGETHER).map(|n| comes(buyer(batch * TOGETHER + n))).collect(), WAITS).await;
    }
    for n in (10..=WAITING).step_by(1_000) {
        b.give_up(buyer(n), u64::from(n), PlaceState::Left).await;
    }
    assert!(b.step(&most(5), 64).await);
    let gone_ahead_of = |n: u32| if n < 10 { 0 } else { (n - 10).div_ceil(1_000) };
    for n in [6, 9, 11, 999, 1_000, 1_011, 499_999, 500_000, 999_000, 999_999, WAITING] {
        let seen = b.look(buyer(n), u64::from(n)).await;
        assert_eq!(seen.state, Some(PlaceState::In), "{n}");
        assert_eq!(seen.position, u64::from(n - 5 - gone_ahead_of(n)), "{n}");
    }
    assert_eq!(b.load(0).await.room.waiting, u64::from(WAITING - 5 - WAITING / 1_000));
    assert_eq!(b.come([ALICE]).await, [u64::from(WAITING) + 1]);
}
