//! Records with what is shown beside them.

use std::collections::HashSet;

use ticketing_core::{
    clock::Timestamp,
    ids::{CallbackId, EventId, HoldId, SessionId, TicketId, UserId},
    payment::PaymentLink,
    seat::{Seat, SeatStatus},
    store::{CallbackToMatch, Page, PageRequest, QueueView, SeatMap, SessionView, StoreError, TicketView},
    waiting_room::Room,
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::lists;
use crate::postgres::{
    PostgresStore,
    columns::{Array, At, Columns, Id, int},
    flight::{Query, params},
    tables::{Stored, callbacks, holds, places, record, records, rooms, seats, sessions, tickets},
};

impl PostgresStore {
    pub(super) async fn session_view(&self, id: SessionId) -> Result<Option<SessionView>, StoreError> {
        let now = self.time().await?;
        let query = Query::new(&sessions::VIEW_BY_ID, params![At(now), Id::uuid(id)]);
        let rows = self.rows("reading a session", query).await?;
        rows.first().map(|row| session_view(row, now)).transpose()
    }

    pub(super) async fn session_views(
        &self,
        event: Option<EventId>,
        page: PageRequest,
    ) -> Result<Page<SessionView>, StoreError> {
        let now = self.time().await?;
        let query = |from, limit| {
            let from = lists::ascending(from);
            match event {
                None => Query::new(&sessions::VIEW_PAGE, params![At(now), from, limit]),
                Some(event) => {
                    Query::new(&sessions::VIEW_PAGE_OF_EVENT, params![At(now), from, limit, Id::uuid(event)])
                }
            }
        };
        let decode = |row: &Row| session_view(row, now);
        self.page_by("listing sessions", page, query, decode, |view: &SessionView| view.session.id).await
    }

    /// Seats of overdue holds are free in effect, and shown so.
    pub(super) async fn seat_map(&self, id: SessionId, since: Option<u64>) -> Result<Option<SeatMap>, StoreError> {
        let now = self.time().await?;
        let mut queries = vec![
            Query::new(&sessions::BY_IDS, params![Array::ids([id])]),
            Query::new(&holds::OVERDUE, params![Id::uuid(id), At(now)]),
        ];
        queries.extend(match since {
            None => vec![Query::new(&seats::OF_SESSION, params![Id::uuid(id)])],
            Some(since) => vec![
                Query::new(&seats::CHANGED, params![Id::uuid(id), int(since)]),
                Query::new(&seats::OVERDUE, params![Id::uuid(id), At(now)]),
            ],
        });
        let answers = self.view("reading seats", queries).await?;
        let [session, overdue, found @ ..] = &answers[..] else { return Err(parts()) };
        let Some(session) = session.first() else { return Ok(None) };
        let mut seats: Vec<Seat> = Vec::new();
        for rows in found {
            seats.extend(records(rows)?);
        }
        if since.is_some() {
            seats.sort_unstable_by(|a: &Seat, b| a.id.cmp(&b.id));
            seats.dedup_by(|a, b| a.id == b.id);
        }
        let overdue: HashSet<HoldId> =
            overdue.iter().map(|row| Columns::of(row).id()).collect::<Result<_, StoreError>>()?;
        for seat in seats.iter_mut().filter(|seat| seat.hold_id.is_some_and(|hold| overdue.contains(&hold))) {
            (seat.status, seat.hold_id) = (SeatStatus::Available, None);
        }
        Ok(Some((record(session)?, seats)))
    }

    pub(super) async fn ticket_view(&self, id: TicketId) -> Result<Option<TicketView>, StoreError> {
        let rows = self.rows("reading a ticket", Query::new(&tickets::VIEW_BY_ID, params![Id::uuid(id)])).await?;
        rows.first().map(ticket_view).transpose()
    }

    pub(super) async fn ticket_views(&self, user: UserId, page: PageRequest) -> Result<Page<TicketView>, StoreError> {
        let query =
            |from: Option<Uuid>, limit| Query::new(&tickets::VIEW_OF_USER, params![from, limit, Id::uuid(user)]);
        self.page_by("listing tickets", page, query, ticket_view, |view: &TicketView| view.ticket.id).await
    }

    pub(super) async fn queue_view(&self, id: SessionId) -> Result<Option<QueueView>, StoreError> {
        let as_of = self.time().await?;
        let queries = vec![
            Query::new(&rooms::BY_SESSIONS, params![Array::ids([id])]),
            Query::new(&sessions::BY_IDS, params![Array::ids([id])]),
            Query::new(&places::GIVEN_UP_BEHIND_HEAD, params![Id::uuid(id)]),
        ];
        let answers = self.view("reading a waiting room", queries).await?;
        let [room, session, given_up] = &answers[..] else { return Err(parts()) };
        let (Some(room), Some(session)) = (room.first(), session.first()) else { return Ok(None) };
        let room: Room = record(room)?;
        let given_up = given_up.iter().map(|row| Columns::of(row).count()).collect::<Result<_, _>>()?;
        Ok(Some(QueueView { room, session: record(session)?, given_up, as_of }))
    }

    pub(super) async fn matches(
        &self,
        after: Option<CallbackId>,
        limit: u32,
    ) -> Result<Vec<CallbackToMatch>, StoreError> {
        let after = lists::ascending(after.map(Id::uuid));
        let query = Query::new(&callbacks::TO_MATCH, params![after, i64::from(limit)]);
        self.rows("looking for callbacks to match", query).await?.iter().map(to_match).collect()
    }
}

fn session_view(row: &Row, as_of: Timestamp) -> Result<SessionView, StoreError> {
    let mut columns = Columns::of(row);
    let session = Stored::decode(&mut columns)?;
    Ok(SessionView { session, event_status: columns.text()?, overdue: columns.get()?, as_of })
}

fn ticket_view(row: &Row) -> Result<TicketView, StoreError> {
    let mut columns = Columns::of(row);
    let ticket = Stored::decode(&mut columns)?;
    Ok(TicketView { ticket, title: columns.get()?, start_at: columns.time()? })
}

fn to_match(row: &Row) -> Result<CallbackToMatch, StoreError> {
    let mut columns = Columns::of(row);
    let callback = Stored::decode(&mut columns)?;
    let link = PaymentLink {
        payment_id: columns.id()?,
        session_id: columns.id()?,
        order_id: columns.id()?,
        hold_id: columns.id()?,
        user_id: columns.id()?,
    };
    Ok(CallbackToMatch { callback, link })
}

/// A view with more or fewer answers than questions.
pub(super) fn parts() -> StoreError {
    StoreError::corrupt("a view has not as many parts as were asked for")
}
