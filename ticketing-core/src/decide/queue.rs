//! The waiting room's rules around the admission policy.

use super::{
    apart,
    context::{Context, Verdict, refuse},
};
use crate::{
    audit::Action,
    clock::Timestamp,
    command::{AdvanceQueue, Advanced, ClearQueue, Cleared, JoinQueue, Joined, LeaveQueue, Never, QueueRefusal},
    planted::{Planted, is_planted},
    session::{SaleStatus, Session},
    store::Missing,
    waiting_room::{Place, PlaceState, Room, Standing, admission},
};

/// Gives a place at the end of the line, or finds the one the user has.
pub(super) fn join(context: &mut Context<'_>, command: &JoinQueue) -> Verdict<Joined, QueueRefusal> {
    let Some(session) = context.public_session(command.session_id)? else {
        return refuse(QueueRefusal::SessionNotFound);
    };
    let Some(mut room) = context.snapshot.rooms.get(&session.id)?.cloned() else {
        return refuse(QueueRefusal::SessionNotFound);
    };
    if room.apart {
        // It was kept elsewhere until now: nothing is known of those who wait there.
        room.begin_epoch(false);
    }
    let policy = session.queue.clone();
    let at = context.now;
    if let Some(place) = context.snapshot.place_of_user(session.id, command.user_id)? {
        let standing = room.standing(&policy, place.number, place.issued_at, place.admitted_at_once, at);
        if standing != Standing::Expired {
            return Ok(Joined { place, room, policy, existing: true, at });
        }
    }
    if let Some(refusal) = no_new_places(&session, at) {
        return refuse(refusal);
    }
    let is_full = |room: &Room| policy.max_length.is_some_and(|most| room.waiting + room.active >= u64::from(most));
    if is_full(&room) {
        if somebody_is_over(context, &session, &room)? {
            step(context, &session, &mut room)?;
        }
        if is_full(&room) {
            return refuse(QueueRefusal::QueueFull);
        }
    }
    // Looked up anew: a step may have ended it, and counted it, just now.
    if let Some(place) = context.snapshot.place_of_user(session.id, command.user_id)? {
        admission::give_up(&mut room, &place);
        context.snapshot.places.put(Place { state: PlaceState::Expired, ..place });
    }
    let on_sale = session.sale_at(at) == SaleStatus::Open;
    let join = |room: &mut Room| admission::join(room, &policy, command.user_id, on_sale, session.wait_begins(at));
    let place = context.numbers().give(&mut room, join);
    context.snapshot.add_place(place);
    context.snapshot.rooms.put(room.clone());
    Ok(Joined { place, room, policy, existing: false, at })
}

/// Why nobody is given a new place in the waiting room of `session` at `now`.
pub(crate) fn no_new_places(session: &Session, now: Timestamp) -> Option<QueueRefusal> {
    match session.sale_at(now) {
        SaleStatus::Scheduled if !session.pre_queue_at(now) => Some(QueueRefusal::NotOnSale),
        SaleStatus::Closed => Some(QueueRefusal::SaleClosed),
        SaleStatus::Scheduled | SaleStatus::Open | SaleStatus::Paused => {
            (!session.is_in_stock()).then_some(QueueRefusal::SoldOut)
        }
    }
}

/// Gives a place up; one that is over already stays as it is.
pub(super) fn leave(context: &mut Context<'_>, command: &LeaveQueue) -> Verdict<(), Never> {
    let claim = command.claim;
    let room = context.snapshot.rooms.get(&claim.session_id)?;
    if room.is_some_and(|room| room.honours(&claim) && (room.apart || room.is_believed(&claim))) {
        return Ok(apart::leave(context, &claim)?);
    }
    let place = context.snapshot.places.get(&(claim.session_id, claim.number))?.copied();
    let room = context.snapshot.rooms.get(&claim.session_id)?.cloned();
    let place = place.filter(|place| place.user_id == claim.user_id && place.state == PlaceState::In);
    if let (Some(place), Some(mut room)) = (place, room.filter(|room| room.epoch == claim.epoch)) {
        admission::give_up(&mut room, &place);
        context.snapshot.places.put(Place { state: PlaceState::Left, ..place });
        context.snapshot.rooms.put(room);
    }
    Ok(())
}

/// Lets the frontier move on by one step.
pub(super) fn advance(context: &mut Context<'_>, command: &AdvanceQueue) -> Verdict<Advanced, Never> {
    let session = context.session(command.session_id)?;
    let room = context.snapshot.rooms.get(&command.session_id)?.cloned();
    let nothing = Advanced { admitted: 0, more: false };
    let (Some(session), Some(mut room)) = (session, room) else { return Ok(nothing) };
    if room.apart {
        return Ok(nothing);
    }
    let may_admit = session.admits_at(context.now) && admission::may_admit(&room, &session.queue, context.now);
    let is_due = may_admit || admission::is_policy_to_follow(&room, &session.queue);
    if !is_due && !somebody_is_over(context, &session, &room)? {
        return Ok(nothing);
    }
    let before = room.clone();
    let step = step(context, &session, &mut room)?;
    // Credit that nobody used is worked out anew next time; it is no reason to write.
    if (Room { credited_until: before.credited_until, ..room.clone() }) != before {
        context.snapshot.rooms.put(room);
    }
    Ok(Advanced { admitted: step.admitted, more: step.more })
}

/// Whether the first who is admitted, or the first who waits, has had their time: worth a step.
fn somebody_is_over(context: &Context<'_>, session: &Session, room: &Room) -> Result<bool, Missing> {
    let has_ended = |place: &Place| {
        let once = place.admitted_at_once;
        let standing = room.standing(&session.queue, place.number, place.issued_at, once, context.now);
        place.state == PlaceState::In && standing == Standing::Expired
    };
    let admitted = context.snapshot.places(session.id, room.window_ended_through, 1)?;
    let waiting = context.snapshot.places(session.id, room.head(), 1)?;
    // A place that was given up is passed by on the way, but not while nobody is admitted.
    let is_passed = |place: &Place| {
        place.state != PlaceState::In && (session.admits_at(context.now) || place.number <= room.frontier)
    };
    // One at the head that was given up hides those behind it, whose waits end when its own would have.
    let hides_others = |place: &Place| {
        let once = place.admitted_at_once;
        room.standing(&session.queue, place.number, place.issued_at, once, context.now) == Standing::Expired
    };
    let over = admitted.iter().chain(&waiting).any(|place| has_ended(place) || is_passed(place));
    Ok(over || (waiting.iter().any(hides_others) && !is_planted(Planted::WaitHidden)))
}

/// One step of the policy over `room`; the caller saves it.
fn step(context: &mut Context<'_>, session: &Session, room: &mut Room) -> Result<admission::Step, Missing> {
    let limit = admission::PLACES_PER_STEP;
    let admitted = context.snapshot.places(session.id, room.window_ended_through, limit)?;
    let line = context.snapshot.places(session.id, room.head(), limit)?;
    let slice = admission::Slice { admitted: &admitted, line: &line, limit };
    let step = admission::advance(room, &session.queue, slice, session.admits_at(context.now), context.now);
    for ended in &step.wait_ended {
        context.snapshot.places.put(*ended);
    }
    Ok(step)
}

/// Sends those away who wait, by one step.
pub(super) fn clear(context: &mut Context<'_>, command: &ClearQueue) -> Verdict<Cleared, QueueRefusal> {
    let session = context.session(command.session_id)?;
    let room = context.snapshot.rooms.get(&command.session_id)?.cloned();
    let (Some(mut session), Some(mut room)) = (session, room) else { return refuse(QueueRefusal::SessionNotFound) };
    let (cleared, line) = match command.apart {
        Some(sent_away) => (Cleared { sent_away, through: 0, more: false }, false),
        None if room.apart => return refuse(QueueRefusal::KeptApart),
        None => {
            let through = command.through.unwrap_or(room.next - 1);
            let line = context.snapshot.places(session.id, room.head(), admission::PLACES_PER_STEP)?;
            let sent_away = admission::clear(&mut room, &line, through);
            let more = line.len() == admission::PLACES_PER_STEP as usize && room.head() < through;
            let cleared = Cleared { sent_away: sent_away.len() as u64, through, more };
            sent_away.into_iter().for_each(|place| context.snapshot.places.put(place));
            (cleared, !line.is_empty())
        }
    };
    if line {
        context.snapshot.rooms.put(room);
    }
    // Of a room apart nobody knows what an earlier try did whose answer was lost: each that is answered stands here.
    if cleared.sent_away > 0 || command.apart.is_some() {
        let meta = format!(r#"{{"sentAway":{}}}"#, cleared.sent_away);
        context.audit(&mut session, command.caller, Action::QueueCleared, command.session_id, meta);
        context.save(session);
    }
    Ok(cleared)
}
