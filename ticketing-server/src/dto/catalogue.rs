//! Events, sessions and seats in JSON, as everybody sees them.

use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    event::{Event, EventStatus},
    ids::{EventId, SessionId},
    money::Money,
    seat::{Seat, SeatId, SeatStatus},
    session::{SaleStatus, Session, SessionKind},
    store::SessionView,
};

/// An event.
#[derive(Debug, Serialize)]
pub struct EventBody {
    id: EventId,
    title: String,
    description: String,
    venue: String,
    status: EventStatus,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        let Event { id, title, description, venue, status, .. } = event;
        Self { id, title, description, venue, status }
    }
}

/// A session, exact as of `as_of`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionBody {
    id: SessionId,
    event_id: EventId,
    start_at: Timestamp,
    sales_open_at: Option<Timestamp>,
    sales_close_at: Option<Timestamp>,
    kind: SessionKind,
    total_stock: i64,
    remaining_stock: i64,
    status: SaleStatus,
    price: Money,
    max_per_user: u32,
    as_of: Timestamp,
}

impl From<&SessionView> for SessionBody {
    fn from(view: &SessionView) -> Self {
        let session = &view.session;
        Self {
            id: session.id,
            event_id: session.event_id,
            start_at: session.start_at,
            sales_open_at: session.sales_open_at,
            sales_close_at: session.sales_close_at,
            kind: session.kind,
            total_stock: session.stock.total,
            remaining_stock: view.remaining(),
            status: session.sale_at(view.as_of),
            price: session.price,
            max_per_user: session.max_per_user,
            as_of: view.as_of,
        }
    }
}

/// Seats of a session: all of them, or those that changed.
#[derive(Debug, Serialize)]
pub struct SeatsBody<'a> {
    items: Vec<SeatBody<'a>>,
    /// Counts every change of the session and its seats.
    version: u64,
}

#[derive(Debug, Serialize)]
struct SeatBody<'a> {
    id: &'a SeatId,
    section: &'a str,
    row: &'a str,
    number: i64,
    status: SeatStatus,
    price: Money,
}

impl<'a> SeatsBody<'a> {
    /// `seats` of `session`, each with what it costs.
    pub fn new(session: &Session, seats: impl IntoIterator<Item = &'a Seat>) -> Self {
        let body = |seat: &'a Seat| SeatBody {
            price: seat.price.unwrap_or(session.price),
            id: &seat.id,
            section: &seat.section,
            row: &seat.row,
            number: seat.number,
            status: seat.status,
        };
        Self { items: seats.into_iter().map(body).collect(), version: session.version }
    }
}
