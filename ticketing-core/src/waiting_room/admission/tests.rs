use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::{SessionId, UserId};

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000 + micros)
}

fn policy(admit_per_second: Option<u32>, max_active: Option<u32>) -> QueuePolicy {
    QueuePolicy { admit_per_second, max_active, ..QueuePolicy::default() }
}

/// A room with its places, as a store would keep them.
struct Line {
    room: Room,
    places: Vec<Place>,
    policy: QueuePolicy,
}

impl Line {
    fn of(people: u128, policy: QueuePolicy, now: Timestamp) -> Self {
        let room = Room::new(SessionId::from_uuid(Uuid::from_u128(1)), now);
        let mut line = Self { room, places: Vec::new(), policy };
        for person in 0..people {
            line.join(person, now);
        }
        line
    }

    fn join(&mut self, person: u128, now: Timestamp) -> Place {
        let place = join(&mut self.room, &self.policy, UserId::from_uuid(Uuid::from_u128(person)), true, now);
        self.places.push(place);
        place
    }

    fn give_up(&mut self, number: u64, state: PlaceState) {
        let place = &mut self.places[number as usize - 1];
        give_up(&mut self.room, place);
        place.state = state;
    }

    /// One step of sending everybody away through the place `through`.
    fn clear(&mut self, through: u64) -> usize {
        let line = self.behind(self.room.head());
        let sent_away = clear(&mut self.room, &line, through);
        for place in &sent_away {
            self.places[place.number as usize - 1] = *place;
        }
        sent_away.len()
    }

    fn behind(&self, number: u64) -> Vec<Place> {
        self.places.iter().filter(|place| place.number > number).take(PLACES_PER_STEP as usize).copied().collect()
    }

    fn tick(&mut self, now: Timestamp) -> Step {
        let (admitted, line) = (self.behind(self.room.window_ended_through), self.behind(self.room.head()));
        let slice = Slice { admitted: &admitted, line: &line, limit: PLACES_PER_STEP };
        let step = advance(&mut self.room, &self.policy, slice, true, now);
        for ended in &step.wait_ended {
            self.places[ended.number as usize - 1] = *ended;
        }
        step
    }

    fn standing(&self, number: u64, now: Timestamp) -> Standing {
        let place = &self.places[number as usize - 1];
        self.room.standing(&self.policy, number, place.issued_at, place.admitted_at_once, now)
    }
}

#[test]
fn without_limits_everyone_is_admitted_at_once_for_a_window() {
    let line = Line::of(3, policy(None, None), at(0));
    assert_eq!(line.standing(3, at(0)), Standing::Allowed { until: Some(at(120_000_000)) });
    assert_eq!(line.standing(3, at(120_000_000)), Standing::Expired);
    assert!(line.room.log.is_empty(), "a place admitted at once tells its own window");
}

#[test]
fn the_rate_admits_a_prefix_and_keeps_at_most_a_second_of_credit() {
    let mut line = Line::of(50, policy(Some(10), None), at(0));
    assert_eq!(line.tick(at(0)).admitted, 0);
    assert_eq!(line.tick(at(500_000)).admitted, 5);
    assert_eq!(line.room.frontier, 5);
    assert!(matches!(line.standing(5, at(500_000)), Standing::Allowed { .. }));
    assert!(matches!(line.standing(6, at(500_000)), Standing::Waiting { .. }));
    assert_eq!(line.tick(at(60_000_000)).admitted, 10, "an idle minute is no burst of six hundred");
}

#[test]
fn a_purchase_or_a_leave_frees_its_place_at_once() {
    let mut line = Line::of(5, policy(None, Some(2)), at(0));
    line.tick(at(0));
    assert_eq!((line.room.frontier, line.room.active), (2, 2));
    line.give_up(1, PlaceState::Bought);
    line.tick(at(1));
    assert_eq!((line.room.frontier, line.room.active), (3, 2));
}

#[test]
fn those_who_left_or_waited_too_long_are_stepped_over() {
    let mut line = Line::of(4, policy(None, Some(1)), at(0));
    line.give_up(1, PlaceState::Left);
    line.tick(at(0));
    assert_eq!(line.room.frontier, 2);

    let late = at(1_800_000_000);
    line.join(9, late);
    let step = line.tick(late);
    assert_eq!(step.wait_ended.len(), 2, "places 3 and 4 waited for their whole time");
    assert_eq!((line.room.frontier, line.room.waiting), (5, 0));
    assert_eq!(line.standing(3, late), Standing::Expired);
}

#[test]
fn a_line_is_sent_away_from_its_head_and_through_its_end_only() {
    let mut line = Line::of(u128::from(PLACES_PER_STEP) + 3, policy(None, Some(1)), at(0));
    line.tick(at(0));
    let through = line.room.next - 1;
    line.join(9_999, at(1));
    assert_eq!(line.clear(through), PLACES_PER_STEP as usize);
    assert_eq!(line.clear(through), 2);
    assert_eq!(line.clear(through), 0);
    assert_eq!((line.room.waiting, line.room.active), (1, 1), "the newcomer waits, the first is in");
    assert!(matches!(line.standing(through, at(1)), Standing::Expired));
    assert!(matches!(line.standing(through + 1, at(1)), Standing::Waiting { .. }));
}

#[test]
fn a_window_that_ends_makes_room_for_the_next() {
    let mut line = Line::of(3, policy(None, Some(1)), at(0));
    line.tick(at(0));
    assert_eq!(line.tick(at(60_000_000)).admitted, 0);
    assert_eq!(line.tick(at(121_000_000)).admitted, 1);
    assert_eq!(line.standing(1, at(121_000_000)), Standing::Expired);
}

#[test]
fn windows_that_are_wanted_in_a_running_sale_begin_then() {
    let mut line = Line::of(4, QueuePolicy { admit_ttl_seconds: None, ..policy(None, Some(2)) }, at(0));
    line.tick(at(0));
    let late = at(1_000_000_000);
    assert_eq!(line.standing(2, late), Standing::Allowed { until: None });
    line.policy.admit_ttl_seconds = Some(120);
    assert!(matches!(line.standing(2, late), Standing::Allowed { .. }), "nobody has looked at the room yet");
    assert_eq!(line.tick(late).admitted, 0);
    let Standing::Allowed { until: Some(until) } = line.standing(2, late) else { panic!("the window has not begun") };
    assert!(until > at(1_119_000_000) && until <= at(1_122_000_000), "{until}");
    assert_eq!(line.tick(until).admitted, 2);
    assert_eq!(line.standing(2, until), Standing::Expired);

    let mut at_once = Line::of(3, QueuePolicy { admit_ttl_seconds: None, ..policy(None, None) }, at(0));
    at_once.tick(at(0));
    at_once.policy.admit_ttl_seconds = Some(120);
    at_once.tick(late);
    assert!(matches!(at_once.standing(3, late), Standing::Allowed { until: Some(_) }));
    assert_eq!(at_once.standing(3, until), Standing::Expired);
}

#[test]
fn a_window_that_has_ended_stays_ended_however_long_windows_are_by_now() {
    for (max_active, apart) in [(Some(1), false), (Some(1), true), (None, false), (None, true)] {
        let mut line = Line::of(0, policy(None, max_active), at(0));
        line.room.apart = apart;
        line.join(1, at(0));
        line.join(2, at(0));
        line.tick(at(0));
        let late = at(125_000_000);
        line.tick(late);
        for longer in [None, Some(100_000)] {
            line.policy.admit_ttl_seconds = longer;
            line.tick(late);
            assert_eq!(line.standing(1, late), Standing::Expired, "{max_active:?} {apart} {longer:?}");
            assert_eq!(line.room.active, u64::from(max_active.unwrap_or(0)));
        }
    }
}

#[test]
fn a_position_counts_those_still_waiting_ahead() {
    let mut line = Line::of(6, policy(None, Some(1)), at(0));
    line.tick(at(0));
    assert_eq!(line.room.position(4, &[]), 3);
    assert_eq!(line.room.position(4, &[1, 2, 5]), 2, "1 is behind the frontier, 5 is behind us");
}

proptest! {
    /// Against a naive room that is recounted from its places: the counters stay exact, the
    /// frontier never retreats, nobody is admitted before somebody ahead who still waits.
    #[test]
    fn the_counters_agree_with_a_recount(
        steps in prop::collection::vec((0_u8..5, 1_u64..40, 0_i64..40_000_000), 1..120),
        rate in prop::option::of(1_u32..5),
        max_active in prop::option::of(1_u32..5),
    ) {
        let policy = QueuePolicy { wait_ttl_seconds: Some(100), admit_ttl_seconds: Some(30), ..policy(rate, max_active) };
        let mut line = Line::of(0, policy, at(0));
        let mut now = at(0);
        for (person, (what, number, micros)) in steps.into_iter().enumerate() {
            let before = line.room.frontier;
            match what {
                0 => { line.join(person as u128, now); }
                1 if number < line.room.next => line.give_up(number, PlaceState::Left),
                3 if number % 4 == 0 => { line.clear(line.room.next - 1); }
                2 => now = at(now.micros() - 1_000_000_000 + micros),
                _ => { line.tick(now); }
            }
            let room = &line.room;
            prop_assert!(room.frontier >= before && room.frontier < room.next);
            let waiting = line.places.iter().filter(|p| p.state == PlaceState::In && p.number > room.head()).count();
            prop_assert_eq!(room.waiting, waiting as u64);
            let active = line.places.iter()
                .filter(|p| p.state == PlaceState::In && p.number > room.window_ended_through && p.number <= room.frontier)
                .count();
            prop_assert_eq!(room.active, active as u64);
        }
    }
}
