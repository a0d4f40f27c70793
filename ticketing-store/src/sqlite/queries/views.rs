//! Records with what is shown beside them.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use ticketing_core::{
    clock::Timestamp,
    hold::Hold,
    ids::{CallbackId, EventId, HoldId, SessionId, TicketId, UserId},
    payment::{Callback, PaymentLink},
    seat::{Seat, SeatStatus},
    session::Session,
    store::{CallbackToMatch, QueueView, SessionView, TicketView},
    ticket::Ticket,
    waiting_room::Room,
};

use crate::sqlite::{
    columns::{Columns, Id, int},
    tables::{Stored, all, callbacks, holds, one, places, rooms, seats, sessions, tickets},
};

pub(super) fn session(db: &Connection, id: SessionId, now: Timestamp) -> rusqlite::Result<Option<SessionView>> {
    let mut found = db.prepare_cached(sessions::VIEW_BY_ID)?;
    found.query_row(params![now.micros(), id.bytes()], |row| session_view(row, now)).optional()
}

pub(super) fn sessions(
    db: &Connection,
    event: Option<EventId>,
    now: Timestamp,
    from: &[u8],
    limit: u32,
) -> rusqlite::Result<Vec<SessionView>> {
    let decode = |row: &Row<'_>| session_view(row, now);
    match event {
        None => {
            let mut found = db.prepare_cached(sessions::VIEW_PAGE)?;
            found.query_map(params![now.micros(), from, limit], decode)?.collect()
        }
        Some(event) => {
            let mut found = db.prepare_cached(sessions::VIEW_PAGE_OF_EVENT)?;
            found.query_map(params![now.micros(), from, limit, event.bytes()], decode)?.collect()
        }
    }
}

fn session_view(row: &Row<'_>, as_of: Timestamp) -> rusqlite::Result<SessionView> {
    let mut beside = Columns::from(row, sessions::COLUMNS);
    Ok(SessionView { session: Session::decode(row)?, event_status: beside.text()?, overdue: beside.get()?, as_of })
}

/// Seats of overdue holds are free in effect, and shown so.
pub(super) fn seats(
    db: &Connection,
    id: SessionId,
    since: Option<u64>,
    now: Timestamp,
) -> rusqlite::Result<Option<(Session, Vec<Seat>)>> {
    let Some(session) = one::<Session>(db, sessions::BY_ID, [id.bytes()])? else { return Ok(None) };
    let mut seats: Vec<Seat> = match since {
        None => all(db, seats::OF_SESSION, [id.bytes()])?,
        Some(since) => all(db, seats::CHANGED, params![id.bytes(), int(since)])?,
    };
    let overdue: HashSet<HoldId> = db
        .prepare_cached(holds::OVERDUE)?
        .query_map(params![id.bytes(), now.micros()], |row| Columns::of(row).id())?
        .collect::<Result<_, _>>()?;
    if since.is_some() {
        for hold in &overdue {
            let Some(hold) = one::<Hold>(db, holds::BY_ID, [hold.bytes()])? else { continue };
            for seat in hold.wanted.seat_ids() {
                seats.extend(one::<Seat>(db, seats::BY_ID, params![id.bytes(), seat.as_str()])?);
            }
        }
        seats.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        seats.dedup_by(|a, b| a.id == b.id);
    }
    for seat in seats.iter_mut().filter(|seat| seat.hold_id.is_some_and(|hold| overdue.contains(&hold))) {
        (seat.status, seat.hold_id) = (SeatStatus::Available, None);
    }
    Ok(Some((session, seats)))
}

pub(super) fn ticket(db: &Connection, id: TicketId) -> rusqlite::Result<Option<TicketView>> {
    db.prepare_cached(tickets::VIEW_BY_ID)?.query_row([id.bytes()], ticket_view).optional()
}

pub(super) fn tickets_of_user(
    db: &Connection,
    user: UserId,
    from: &[u8],
    limit: u32,
) -> rusqlite::Result<Vec<TicketView>> {
    let mut found = db.prepare_cached(tickets::VIEW_OF_USER)?;
    found.query_map(params![from, limit, user.bytes()], ticket_view)?.collect()
}

fn ticket_view(row: &Row<'_>) -> rusqlite::Result<TicketView> {
    let mut beside = Columns::from(row, tickets::COLUMNS);
    Ok(TicketView { ticket: Ticket::decode(row)?, title: beside.get()?, start_at: beside.time()? })
}

pub(super) fn queue(db: &Connection, id: SessionId, as_of: Timestamp) -> rusqlite::Result<Option<QueueView>> {
    let Some(room) = one::<Room>(db, rooms::BY_SESSION, [id.bytes()])? else { return Ok(None) };
    let Some(session) = one(db, sessions::BY_ID, [id.bytes()])? else { return Ok(None) };
    let given_up = db
        .prepare_cached(places::GIVEN_UP)?
        .query_map(params![id.bytes(), int(room.head())], |row| Columns::of(row).count())?
        .collect::<Result<_, _>>()?;
    Ok(Some(QueueView { room, session, given_up, as_of }))
}

pub(super) fn callbacks_to_match(
    db: &Connection,
    after: Option<CallbackId>,
    limit: u32,
) -> rusqlite::Result<Vec<CallbackToMatch>> {
    let after = after.map_or_else(Vec::new, |id| id.bytes().to_vec());
    let mut found = db.prepare_cached(callbacks::TO_MATCH)?;
    let decode = |row: &Row<'_>| {
        let mut payment = Columns::from(row, callbacks::COLUMNS);
        let link = PaymentLink {
            payment_id: payment.id()?,
            session_id: payment.id()?,
            order_id: payment.id()?,
            hold_id: payment.id()?,
            user_id: payment.id()?,
        };
        Ok(CallbackToMatch { callback: Callback::decode(row)?, link })
    };
    found.query_map(params![after, limit], decode)?.collect()
}
