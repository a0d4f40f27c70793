//! Who is admitted when: the policy of the waiting room, pure.

use crate::{
    clock::Timestamp,
    planted::{Planted, is_planted},
    waiting_room::{Admission, Place, PlaceState, QueuePolicy, Room, Standing},
};

/// Places looked at in one step; a longer line takes further steps.
pub const PLACES_PER_STEP: u32 = 4_096;

/// A new place at the end of `room`'s line, admitted at once if the policy lets everyone in and
/// nobody waits, and the session is `on_sale`. Its time counts from `from`.
pub fn join(
    room: &mut Room,
    policy: &QueuePolicy,
    user_id: crate::ids::UserId,
    on_sale: bool,
    from: Timestamp,
) -> Place {
    let number = room.next;
    room.next += 1;
    let admitted_at_once = on_sale && policy.admits_at_once() && room.waiting == 0;
    if admitted_at_once {
        room.frontier = number;
        room.active += 1;
    } else {
        room.waiting += 1;
    }
    Place { session_id: room.session_id, number, user_id, issued_at: from, admitted_at_once, state: PlaceState::In }
}

/// Takes a place out of the counts: its owner left, bought, or took a newer one.
pub fn give_up(room: &mut Room, place: &Place) {
    if place.state != PlaceState::In {
        return;
    }
    if place.number > room.head() {
        room.waiting = room.waiting.saturating_sub(1);
    } else if place.number > room.window_ended_through && place.number <= room.frontier {
        room.active = room.active.saturating_sub(1);
    }
}

/// Sends away those of `line` who wait, and who came no later than the place `through`; answers their
/// places, to be marked.
///
/// `line` are the places behind [`Room::head`], as [`advance`] takes them. Each is marked, as where a wait
/// ends by itself: once the frontier has passed a place, nothing else tells that it was not admitted.
pub fn clear(room: &mut Room, line: &[Place], through: u64) -> Vec<Place> {
    let mut sent_away = Vec::new();
    for place in line.iter().take_while(|place| place.number <= through) {
        if place.state == PlaceState::In {
            room.waiting = room.waiting.saturating_sub(1);
            sent_away.push(Place { state: PlaceState::Expired, ..*place });
        }
        room.wait_ended_through = place.number;
    }
    sent_away
}

/// What one step of admission did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Places whose wait has ended: to be marked.
    pub wait_ended: Vec<Place>,
    /// How many were admitted.
    pub admitted: u64,
    /// Whether another step would find more to do at once.
    pub more: bool,
}

/// The places that a step of admission looks at.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    /// Those behind [`Room::window_ended_through`], in ascending order.
    pub admitted: &'a [Place],
    /// Those behind [`Room::head`], in ascending order.
    pub line: &'a [Place],
    /// At most so many of each: a full list may go on.
    pub limit: u32,
}

/// Ends windows and waits that are over, then admits as many as the policy allows. With `in_stock`
/// false nobody is admitted: nothing is left that could come back.
///
/// Of a place that was given up no more than its number is needed, and not even that: a slice may
/// leave it out.
pub fn advance(room: &mut Room, policy: &QueuePolicy, slice: Slice<'_>, in_stock: bool, now: Timestamp) -> Step {
    let mut step = Step::default();
    follow_policy(room, policy, now);
    end_windows(room, policy, slice, now, &mut step);
    let line = end_waits(room, policy, slice, now, &mut step);
    if in_stock {
        admit(room, policy, line, slice.limit, now, &mut step);
    }
    trim_log(room);
    step
}

/// Ends windows that run where the policy has none any more, and begins those of everybody who has been admitted
/// without one where it has. A window that has ended stays ended.
fn follow_policy(room: &mut Room, policy: &QueuePolicy, now: Timestamp) {
    if let Some(ttl) = policy.admit_ttl_seconds {
        let begins = now.end_of_slot(slot_seconds(ttl));
        let without = room.log.iter_mut().filter(|admission| admission.at == Admission::WITHOUT_WINDOW);
        without.for_each(|admission| admission.at = begins);
        return;
    }
    room.log.iter_mut().for_each(|admission| admission.at = Admission::WITHOUT_WINDOW);
    let logged = logged_through(room);
    if logged < room.frontier {
        log_without_window(room, logged);
    }
}

/// Whether a step would begin windows, or end their running, since the policy has become another.
pub fn is_policy_to_follow(room: &Room, policy: &QueuePolicy) -> bool {
    let is_without = |admission: &Admission| admission.at == Admission::WITHOUT_WINDOW;
    match policy.admit_ttl_seconds {
        Some(_) => room.log.iter().any(is_without),
        None => !room.log.iter().all(is_without) || logged_through(room) < room.frontier,
    }
}

/// The last number that the log tells of, or needs not tell of any more. Who is admitted at once is in no log where
/// windows end.
fn logged_through(room: &Room) -> u64 {
    room.log.last().map_or(0, |last| last.through).max(room.window_ended_through)
}

fn end_windows(room: &mut Room, policy: &QueuePolicy, slice: Slice<'_>, now: Timestamp, step: &mut Step) {
    let mut seen = 0;
    for place in slice.admitted.iter().filter(|place| place.number <= room.frontier) {
        let standing = room.standing(policy, place.number, place.issued_at, place.admitted_at_once, now);
        if place.state == PlaceState::In && standing != Standing::Expired {
            return;
        }
        if place.state == PlaceState::In {
            room.active = room.active.saturating_sub(1);
        }
        room.window_ended_through = place.number;
        seen += 1;
    }
    step.more |= seen == slice.limit;
}

fn end_waits<'a>(
    room: &mut Room,
    policy: &QueuePolicy,
    Slice { line, limit, .. }: Slice<'a>,
    now: Timestamp,
    step: &mut Step,
) -> &'a [Place] {
    let Some(ttl) = policy.wait_ttl_seconds else { return line };
    for (index, place) in line.iter().enumerate() {
        if now < place.issued_at.plus_seconds(ttl) {
            return &line[index..];
        }
        if place.state == PlaceState::In {
            room.waiting = room.waiting.saturating_sub(1);
            step.wait_ended.push(Place { state: PlaceState::Expired, ..*place });
        }
        room.wait_ended_through = place.number;
    }
    step.more |= line.len() == limit as usize;
    &[]
}

/// Whether somebody who waits could be admitted now, as far as rate and number go.
pub fn may_admit(room: &Room, policy: &QueuePolicy, now: Timestamp) -> bool {
    room.waiting > 0 && admissible(&mut room.clone(), policy, now) > 0
}

/// How many the policy lets in now.
fn admissible(room: &mut Room, policy: &QueuePolicy, now: Timestamp) -> u64 {
    if policy.admits_at_once() {
        return u64::MAX;
    }
    let by_rate = policy.admit_per_second.map_or(u64::MAX, |rate| credit(room, rate, now));
    let by_active = policy.max_active.map_or(u64::MAX, |most| u64::from(most).saturating_sub(room.active));
    by_rate.min(by_active)
}

fn admit(room: &mut Room, policy: &QueuePolicy, line: &[Place], limit: u32, now: Timestamp, step: &mut Step) {
    let most = admissible(room, policy, now);
    let head = room.head();
    let mut frontier = head;
    for place in line {
        if place.state == PlaceState::In {
            if step.admitted == most {
                break;
            }
            step.admitted += 1;
        }
        frontier = place.number;
    }
    step.more |= step.admitted < most && line.len() == limit as usize;
    if frontier <= room.frontier {
        return;
    }
    room.frontier = frontier;
    room.waiting = room.waiting.saturating_sub(step.admitted);
    room.active += step.admitted;
    if let Some(rate) = policy.admit_per_second.filter(|_| !policy.admits_at_once()) {
        let rate = u64::from(rate.max(1));
        let spent = if is_planted(Planted::CreditInWholeSeconds) {
            (step.admitted / rate).saturating_mul(1_000_000)
        } else {
            step.admitted.saturating_mul(1_000_000) / rate
        };
        room.credited_until = room.credited_until.plus(std::time::Duration::from_micros(spent));
    }
    log_admission(room, policy, head, now);
}

/// Admissions the rate allows by `now`; what was not used is kept for at most one second.
fn credit(room: &mut Room, rate: u32, now: Timestamp) -> u64 {
    room.credited_until = room.credited_until.max(now.minus_seconds(1));
    let micros = now.since(room.credited_until).as_micros();
    u64::try_from(micros * u128::from(rate) / 1_000_000).unwrap_or(u64::MAX)
}

/// A log holds at most about this many entries, however long the window.
const LOG_ENTRIES: u32 = 120;

/// Where windows never end, the log of a room apart has an entry for each gap between admissions, and at
/// most so many: the oldest gaps are closed first.
const GAPS_MAX: usize = 1_024;

fn log_admission(room: &mut Room, policy: &QueuePolicy, after: u64, now: Timestamp) {
    let Some(ttl) = policy.admit_ttl_seconds else { return log_without_window(room, after) };
    // Windows count from the end of the slot they were opened in, so a slot needs one entry only.
    let entry = Admission { after, through: room.frontier, at: now.end_of_slot(slot_seconds(ttl)) };
    match room.log.last_mut() {
        Some(last) if last.at >= entry.at && last.through == after => last.through = entry.through,
        _ => room.log.push(entry),
    }
}

fn slot_seconds(ttl: u32) -> u32 {
    (ttl / LOG_ENTRIES).max(1)
}

/// Notes who was admitted behind `after`. Which numbers were stepped over stays open where no record of a place
/// tells it.
fn log_without_window(room: &mut Room, after: u64) {
    let through = room.frontier;
    match room.log.last_mut() {
        Some(last) if last.through == after || !room.apart => last.through = through,
        _ => room.log.push(Admission { after, through, at: Admission::WITHOUT_WINDOW }),
    }
    if room.log.len() > GAPS_MAX {
        let first = room.log.remove(0);
        room.log[0].after = first.after;
    }
}

/// Drops what no running window needs.
fn trim_log(room: &mut Room) {
    let ended = room.log.partition_point(|admission| admission.through <= room.window_ended_through);
    room.log.drain(..ended);
}

#[cfg(test)]
mod tests;
