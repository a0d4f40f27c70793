//! Events, sessions and seats.

use serde::Serialize;
use serde_json::json;

use crate::{
    audit::Caller,
    clock::Timestamp,
    event::EventStatus,
    ids::{EventId, SessionId},
    money::Money,
    seat::SeatId,
    session::{SaleStatus, SessionKind, limits},
    waiting_room::{QueueMode, QueuePolicy},
};

/// Creates an event.
#[derive(Debug, Clone)]
pub struct CreateEvent {
    /// Who asks.
    pub caller: Caller,
    /// The event's name.
    pub id: EventId,
    /// What is on; 1–200 characters.
    pub title: String,
    /// More about it; up to 10,000 characters.
    pub description: String,
    /// Where; up to 200 characters.
    pub venue: String,
    /// Who may see it.
    pub status: EventStatus,
}

/// Changes an event; `None` leaves a field as it is.
#[derive(Debug, Clone)]
pub struct UpdateEvent {
    /// Who asks.
    pub caller: Caller,
    /// Which.
    pub id: EventId,
    /// What is on.
    pub title: Option<String>,
    /// More about it.
    pub description: Option<String>,
    /// Where.
    pub venue: Option<String>,
    /// Who may see it.
    pub status: Option<EventStatus>,
}

/// A session to be made. [`NewSession::of`] fills in the defaults.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Of which event.
    pub event_id: EventId,
    /// When the doors open.
    pub start_at: Timestamp,
    /// Sales open then, at the earliest.
    pub sales_open_at: Option<Timestamp>,
    /// Sales end then, at the latest.
    pub sales_close_at: Option<Timestamp>,
    /// How stock is counted.
    pub kind: SessionKind,
    /// Stock of a quantity session; 0 for a seated one.
    pub total_stock: i64,
    /// Price of one ticket.
    pub price: Money,
    /// Most tickets one user may hold and have bought together.
    pub max_per_user: u32,
    /// How long a hold lives.
    pub hold_ttl_seconds: u32,
    /// The organiser's intent.
    pub status: SaleStatus,
    /// How the waiting room admits.
    pub queue: QueuePolicy,
}

impl NewSession {
    /// A session that sells `total_stock` tickets by number at `price` as soon as it is made, with
    /// every other setting at its default.
    pub fn of(event_id: EventId, start_at: Timestamp, total_stock: i64, price: Money) -> Self {
        Self {
            event_id,
            start_at,
            sales_open_at: None,
            sales_close_at: None,
            kind: SessionKind::Quantity,
            total_stock,
            price,
            max_per_user: limits::PER_USER_DEFAULT,
            hold_ttl_seconds: limits::HOLD_TTL_SECONDS_DEFAULT,
            status: SaleStatus::Open,
            queue: QueuePolicy::default(),
        }
    }
}

/// Creates a session.
#[derive(Debug, Clone)]
pub struct CreateSession {
    /// Who asks.
    pub caller: Caller,
    /// The session's name.
    pub id: SessionId,
    /// What it is to be.
    pub new: NewSession,
}

/// Changes a session; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct SessionPatch {
    /// When the doors open.
    pub start_at: Option<Timestamp>,
    /// When sales open; `Some(None)` takes the bound away.
    pub sales_open_at: Option<Option<Timestamp>>,
    /// When they close; `Some(None)` takes the bound away.
    pub sales_close_at: Option<Option<Timestamp>>,
    /// How stock is counted; only while there is no stock in use.
    pub kind: Option<SessionKind>,
    /// All there is to sell, of a quantity session.
    pub total_stock: Option<i64>,
    /// Price of one ticket, for holds to come.
    pub price: Option<Money>,
    /// Most tickets one user may have.
    pub max_per_user: Option<u32>,
    /// How long a hold lives, for holds to come.
    pub hold_ttl_seconds: Option<u32>,
    /// The organiser's intent.
    pub status: Option<SaleStatus>,
    /// How the waiting room admits.
    pub queue: Option<QueuePatch>,
}

/// Changes how a waiting room admits; `None` leaves a limit as it is, and `Some(None)` takes it away.
#[derive(Debug, Clone, Default, Serialize)]
pub struct QueuePatch {
    /// Whether holds need a queue token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<QueueMode>,
    /// Admissions per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admit_per_second: Option<Option<u32>>,
    /// Most admitted places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_active: Option<Option<u32>>,
    /// How long a place waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ttl_seconds: Option<Option<u32>>,
    /// How long an admitted place may hold tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admit_ttl_seconds: Option<Option<u32>>,
    /// Most places waiting and admitted together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<Option<u32>>,
    /// How long before the sale the line opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_queue_seconds: Option<Option<u32>>,
}

impl From<QueuePolicy> for QueuePatch {
    /// The change of every limit to that of `policy`.
    fn from(policy: QueuePolicy) -> Self {
        let QueuePolicy {
            mode,
            admit_per_second,
            max_active,
            wait_ttl_seconds,
            admit_ttl_seconds,
            max_length,
            pre_queue_seconds,
        } = policy;
        Self {
            mode: Some(mode),
            admit_per_second: Some(admit_per_second),
            max_active: Some(max_active),
            wait_ttl_seconds: Some(wait_ttl_seconds),
            admit_ttl_seconds: Some(admit_ttl_seconds),
            max_length: Some(max_length),
            pre_queue_seconds: Some(pre_queue_seconds),
        }
    }
}

/// Changes a session.
#[derive(Debug, Clone)]
pub struct UpdateSession {
    /// Who asks.
    pub caller: Caller,
    /// Which.
    pub id: SessionId,
    /// How.
    pub patch: SessionPatch,
}

/// A seat to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSeat {
    /// The organiser's label.
    pub id: SeatId,
    /// Part of the hall.
    pub section: String,
    /// Row within the section.
    pub row: String,
    /// Number within the row.
    pub number: i64,
    /// Its own price, in the session's currency; `None`: the session's.
    pub price: Option<Money>,
}

/// Adds seats to a seated session: all or none.
#[derive(Debug, Clone)]
pub struct ImportSeats {
    /// Who asks.
    pub caller: Caller,
    /// Where to.
    pub session_id: SessionId,
    /// Which; every label once.
    pub seats: Vec<NewSeat>,
}

/// Why an event or a session was not created or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueRefusal {
    /// There is no such event.
    #[error("there is no such event")]
    EventNotFound,
    /// There is no such session.
    #[error("there is no such session")]
    SessionNotFound,
    /// A field is out of its bounds.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, as the HTTP API spells it.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Less stock than is held and sold, or another kind while some is.
    #[error("{in_use} tickets are held or sold")]
    StockInUse {
        /// Held and sold together.
        in_use: i64,
    },
    /// These seats exist already.
    #[error("{} of these seats exist already", seat_ids.len())]
    SeatExists {
        /// Which.
        seat_ids: Vec<SeatId>,
    },
}

impl SessionPatch {
    /// The fields that change, for the audit log.
    pub(crate) fn summary(&self) -> serde_json::Value {
        let mut fields = serde_json::Map::new();
        let mut note = |name: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        note("startAt", self.start_at.map(|at| json!(at)));
        note("salesOpenAt", self.sales_open_at.map(|at| json!(at)));
        note("salesCloseAt", self.sales_close_at.map(|at| json!(at)));
        note("kind", self.kind.map(|kind| json!(kind)));
        note("totalStock", self.total_stock.map(|total| json!(total)));
        note("price", self.price.map(|price| json!(price)));
        note("maxPerUser", self.max_per_user.map(|most| json!(most)));
        note("holdTtlSeconds", self.hold_ttl_seconds.map(|ttl| json!(ttl)));
        note("status", self.status.map(|status| json!(status)));
        note("queue", self.queue.as_ref().map(|policy| json!(policy)));
        serde_json::Value::Object(fields)
    }
}
