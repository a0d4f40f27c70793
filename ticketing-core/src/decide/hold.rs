//! Placing a hold.

use super::{
    context::{Context, Verdict, refuse},
    expire,
};
use crate::{
    audit::Action,
    command::{HoldRefusal, PlaceHold, Placed, QueueTicket},
    hold::{Hold, HoldStatus, Wanted},
    ids::UserId,
    money::Money,
    planted::{self, Planted, is_planted},
    seat::{SeatId, SeatStatus},
    session::{SaleStatus, Session, SessionKind},
    store::{Missing, Read},
    waiting_room::{Place, PlaceState, QueueMode, Standing},
};

/// Sets stock aside, or says why not; refusals in order of precedence.
pub(super) fn place(context: &mut Context<'_>, command: &PlaceHold) -> Verdict<Placed, HoldRefusal> {
    if !command.wanted.is_valid() {
        return refuse(HoldRefusal::InvalidWanted);
    }
    if let Some(placed) = replay(context, command)? {
        return Ok(placed);
    }
    let Some(mut session) = context.public_session(command.session_id)? else {
        return refuse(HoldRefusal::SessionNotFound);
    };
    let amount = price(context, command, &session)?;
    check_sale(context, &session)?;
    let place = check_token(context, command, &session)?;
    check_churn(context, command)?;
    take_stock(context, command, &mut session)?;
    check_buyer(context, command, &session)?;

    let quantity = command.wanted.quantity();
    let hold = Hold {
        id: command.id,
        session_id: command.session_id,
        user_id: command.user_id,
        wanted: command.wanted.clone(),
        amount,
        key: command.key.clone(),
        request_digest: command.wanted.digest(),
        status: HoldStatus::Active,
        place,
        order_id: None,
        created_at: context.now,
        expires_at: context.now.plus_seconds(session.hold_ttl_seconds),
        ended_at: None,
        refunded_at: None,
        trace: command.caller.span,
    };
    session.stock.available -= i64::from(quantity);
    session.stock.held += i64::from(quantity);
    context.set_seats(&hold, SeatStatus::Hold)?;
    let meta = format!(r#"{{"quantity":{quantity},"amount":{}}}"#, amount.minor);
    context.audit(&mut session, command.caller, Action::HoldPlaced, hold.id, meta);
    context.save(session);
    context.snapshot.add_hold(hold.clone());
    Ok(Placed { hold, replayed: false })
}

/// The hold that this key placed before, as it was first answered.
fn replay(context: &Context<'_>, command: &PlaceHold) -> Verdict<Option<Placed>, HoldRefusal> {
    let user_id = planted::owner_of_key(command.session_id, command.user_id, &command.key);
    let mut holds = context.snapshot.holds_of_user(command.session_id, user_id)?.into_iter();
    let is_named = |hold: &&Hold| hold.key == command.key && planted::key_is_recorded(hold, context.now);
    let Some(hold) = holds.find(is_named) else { return Ok(None) };
    if hold.request_digest != command.wanted.digest() {
        return refuse(HoldRefusal::KeyReused);
    }
    let as_answered =
        Hold { status: HoldStatus::Active, ended_at: None, order_id: None, refunded_at: None, ..hold.clone() };
    Ok(Some(Placed { hold: as_answered, replayed: true }))
}

/// What it costs; on the way, whether the session sells in this way and has these seats.
fn price(context: &Context<'_>, command: &PlaceHold, session: &Session) -> Verdict<Money, HoldRefusal> {
    let seat_ids = match (&command.wanted, session.kind) {
        (Wanted::Quantity(quantity), SessionKind::Quantity) => return Ok(session.price.times(*quantity)),
        (Wanted::Seats(seat_ids), SessionKind::Seated) => seat_ids,
        (_, kind) => return refuse(HoldRefusal::WrongKind { kind }),
    };
    let mut unknown = Vec::new();
    let mut minor = 0_i64;
    for id in seat_ids {
        match context.snapshot.seats.get(&(session.id, id.clone()))? {
            Some(seat) => minor = minor.saturating_add(seat.price.unwrap_or(session.price).minor),
            None => unknown.push(id.clone()),
        }
    }
    if unknown.is_empty() {
        Ok(Money::new(minor, session.price.currency))
    } else {
        refuse(HoldRefusal::SeatNotFound { seat_ids: unknown })
    }
}

fn check_sale(context: &Context<'_>, session: &Session) -> Verdict<(), HoldRefusal> {
    match session.sale_at(context.now) {
        SaleStatus::Open => Ok(()),
        SaleStatus::Scheduled => refuse(HoldRefusal::NotOnSale),
        SaleStatus::Paused => refuse(HoldRefusal::SalePaused),
        SaleStatus::Closed => refuse(HoldRefusal::SaleClosed),
    }
}

/// The place the hold comes from. Believes the token's signature; the room's record tells whether its
/// time has come, and the place's own whether it was given up.
fn check_token(context: &Context<'_>, command: &PlaceHold, session: &Session) -> Verdict<Option<u64>, HoldRefusal> {
    if session.queue.mode == QueueMode::Off {
        return Ok(None);
    }
    let claim = match command.claim {
        QueueTicket::Missing => return refuse(HoldRefusal::TokenRequired),
        QueueTicket::Forged => return refuse(HoldRefusal::TokenMismatch),
        QueueTicket::Claim(claim) => claim,
    };
    let is_theirs = claim.user_id == command.user_id || is_planted(Planted::TokenOfAnybody);
    if claim.session_id != session.id || !is_theirs {
        return refuse(HoldRefusal::TokenMismatch);
    }
    let room = context.snapshot.rooms.get(&session.id)?;
    let Some(room) = room.filter(|room| room.honours(&claim)) else {
        return refuse(HoldRefusal::TokenExpired);
    };
    let place = context.snapshot.places.get(&(session.id, claim.number))?;
    let is_theirs = |place: &Place| !matches!(place.state, PlaceState::Left | PlaceState::Expired);
    let believed = match place {
        Some(place) if place.user_id == claim.user_id => is_theirs(place),
        // Somebody else's in another epoch, or lost.
        Some(_) | None => room.is_believed(&claim),
    };
    if !believed {
        return refuse(HoldRefusal::TokenExpired);
    }
    match room.standing(&session.queue, claim.number, claim.issued_at, claim.admitted_at_once, context.now) {
        Standing::Allowed { .. } => Ok(Some(claim.number)),
        Standing::Waiting { .. } => refuse(HoldRefusal::NotAdmitted),
        Standing::Expired => refuse(HoldRefusal::TokenExpired),
    }
}

/// Who takes stock away from others again and again without buying waits for a while.
fn check_churn(context: &Context<'_>, command: &PlaceHold) -> Verdict<(), HoldRefusal> {
    let Some(churn) = context.churn() else { return Ok(()) };
    let holds = context.snapshot.holds_of_user(command.session_id, command.user_id)?;
    match churn.wait(holds, context.now) {
        None => Ok(()),
        Some(wait) => {
            let seconds = u32::try_from(wait.as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX);
            refuse(HoldRefusal::CoolingDown { retry_after_seconds: seconds.max(1) })
        }
    }
}

/// Makes sure that what is wanted is free, reclaiming overdue holds if need be.
fn take_stock(context: &mut Context<'_>, command: &PlaceHold, session: &mut Session) -> Verdict<(), HoldRefusal> {
    match &command.wanted {
        Wanted::Quantity(quantity) => {
            expire::reclaim(context, session, i64::from(*quantity))?;
            if session.stock.available < i64::from(*quantity) && !is_planted(Planted::StockGuardDropped) {
                keep_reclaimed(context, session)?;
                return refuse(HoldRefusal::SoldOut { remaining: session.stock.available });
            }
        }
        Wanted::Seats(seat_ids) => {
            let taken = reclaim_seats(context, session, seat_ids)?;
            if !taken.is_empty() && !is_planted(Planted::PartialSeatHold) {
                keep_reclaimed(context, session)?;
                return refuse(HoldRefusal::SeatTaken { seat_ids: taken });
            }
        }
    }
    Ok(keep_reclaimed(context, session)?)
}

/// What was reclaimed stays reclaimed, whatever is refused further on: those holds were over.
fn keep_reclaimed(context: &mut Context<'_>, session: &mut Session) -> Result<(), Missing> {
    if context.session(session.id)?.is_some_and(|known| known != *session) {
        *session = context.save(session.clone());
    }
    Ok(())
}

/// Which of these seats somebody else has, once overdue holds on them are reclaimed.
pub(super) fn reclaim_seats(
    context: &mut Context<'_>,
    session: &mut Session,
    seat_ids: &[SeatId],
) -> Result<Vec<SeatId>, Missing> {
    let mut holders = Vec::new();
    for id in seat_ids {
        holders.extend(context.snapshot.seats.get(&(session.id, id.clone()))?.and_then(|seat| seat.hold_id));
    }
    context.need(holders.iter().map(|holder| Read::Hold(session.id, *holder)))?;
    expire::prepare(context, session.id, &holders)?;
    let mut taken = Vec::new();
    for id in seat_ids {
        let Some(seat) = context.snapshot.seats.get(&(session.id, id.clone()))? else { continue };
        let holder = match (seat.status, seat.hold_id) {
            (SeatStatus::Available, _) => continue,
            (SeatStatus::Hold, Some(holder)) => context.snapshot.holds.get(&(session.id, holder))?.cloned(),
            (SeatStatus::Hold, None) | (SeatStatus::Sold, _) => None,
        };
        match holder {
            Some(hold) if hold.is_overdue(context.now) => expire::expire(context, session, hold)?,
            _ => taken.push(id.clone()),
        }
    }
    Ok(taken)
}

/// One live hold at a time, and no more tickets than the session allows.
fn check_buyer(context: &Context<'_>, command: &PlaceHold, session: &Session) -> Verdict<(), HoldRefusal> {
    let holds = context.snapshot.holds_of_user(session.id, command.user_id)?;
    if let Some(live) = holds.iter().find(|hold| hold.is_live(context.now)) {
        return refuse(HoldRefusal::HoldExists { hold_id: live.id });
    }
    let count = holds.len();
    let wanted = u64::from(command.wanted.quantity());
    if tickets_of(context, session, command.user_id)? + wanted > u64::from(session.max_per_user) {
        return refuse(HoldRefusal::LimitExceeded { max_per_user: session.max_per_user });
    }
    if count >= Read::HOLDS_OF_USER_MAX {
        return refuse(HoldRefusal::TooManyHolds);
    }
    Ok(())
}

/// What a user holds and has bought in `session`.
pub(super) fn tickets_of(context: &Context<'_>, session: &Session, user: UserId) -> Result<u64, Missing> {
    let holds = context.snapshot.holds_of_user(session.id, user)?;
    let is_bought = |hold: &Hold| hold.status == HoldStatus::Confirmed && hold.refunded_at.is_none();
    let counted = holds.iter().filter(|hold| hold.is_live(context.now) || is_bought(hold));
    Ok(counted.map(|hold| u64::from(hold.quantity())).sum())
}
