//! Administration in JSON.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize};
use ticketing_core::{
    audit::Caller,
    clock::Timestamp,
    command::{NewSeat, SessionPatch, UpdateEvent},
    engine::{NewEvent, NewSession, SessionStats},
    event::{Event, EventStatus},
    hold::{Hold, HoldStatus},
    ids::{EventId, HoldId, OrderId, SessionId, UserId},
    money::{Currency, Money},
    seat::SeatId,
    session::{SaleStatus, SessionKind, limits},
    store::SessionView,
    verify::Report,
    waiting_room::{QueueMode, QueuePolicy},
};

use super::{
    catalogue::{EventBody, SessionBody},
    object::Object,
};
use crate::error::ApiError;

/// Longest name of a section or a row, in characters.
const PLACE_CHARS_MAX: usize = 64;

/// An event to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateEventRequest {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    venue: String,
    status: Option<EventStatus>,
}

impl From<CreateEventRequest> for NewEvent {
    fn from(request: CreateEventRequest) -> Self {
        let CreateEventRequest { title, description, venue, status } = request;
        Self { title, description, venue, status: status.unwrap_or(EventStatus::Draft) }
    }
}

/// Changes of an event; what is absent stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateEventRequest {
    #[serde(default, deserialize_with = "given")]
    title: Option<String>,
    #[serde(default, deserialize_with = "given")]
    description: Option<String>,
    #[serde(default, deserialize_with = "given")]
    venue: Option<String>,
    #[serde(default, deserialize_with = "given")]
    status: Option<EventStatus>,
}

impl UpdateEventRequest {
    /// The change of event `id`, asked for by `caller`.
    pub fn of(self, id: EventId, caller: Caller) -> UpdateEvent {
        let Self { title, description, venue, status } = self;
        UpdateEvent { caller, id, title, description, venue, status }
    }
}

/// A waiting room's policy, given whole: a missing member is at its default, `null` is no limit.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicyBody {
    mode: QueueMode,
    admit_per_second: Option<u32>,
    max_active: Option<u32>,
    wait_ttl_seconds: Option<u32>,
    admit_ttl_seconds: Option<u32>,
    max_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pre_queue_seconds: Option<u32>,
}

impl Default for PolicyBody {
    fn default() -> Self {
        QueuePolicy::default().into()
    }
}

impl From<QueuePolicy> for PolicyBody {
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
        Self { mode, admit_per_second, max_active, wait_ttl_seconds, admit_ttl_seconds, max_length, pre_queue_seconds }
    }
}

impl From<PolicyBody> for QueuePolicy {
    fn from(body: PolicyBody) -> Self {
        let PolicyBody {
            mode,
            admit_per_second,
            max_active,
            wait_ttl_seconds,
            admit_ttl_seconds,
            max_length,
            pre_queue_seconds,
        } = body;
        Self { mode, admit_per_second, max_active, wait_ttl_seconds, admit_ttl_seconds, max_length, pre_queue_seconds }
    }
}

/// A session to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CreateSessionRequest {
    start_at: Timestamp,
    price: Object<Money>,
    total_stock: Option<i64>,
    sales_open_at: Option<Timestamp>,
    sales_close_at: Option<Timestamp>,
    kind: Option<SessionKind>,
    max_per_user: Option<u32>,
    hold_ttl_seconds: Option<u32>,
    status: Option<SaleStatus>,
    #[serde(default)]
    queue: Object<PolicyBody>,
}

impl CreateSessionRequest {
    /// The session of event `event_id` that it asks for.
    ///
    /// # Errors
    /// 400 when a quantity session has no stock.
    pub fn of(self, event_id: EventId) -> Result<NewSession, ApiError> {
        let kind = self.kind.unwrap_or(SessionKind::Quantity);
        let total_stock = match (self.total_stock, kind) {
            (Some(total), _) => total,
            (None, SessionKind::Seated) => 0,
            (None, SessionKind::Quantity) => return Err(ApiError::invalid_field("totalStock", "required")),
        };
        Ok(NewSession {
            event_id,
            start_at: self.start_at,
            sales_open_at: self.sales_open_at,
            sales_close_at: self.sales_close_at,
            kind,
            total_stock,
            price: self.price.0,
            max_per_user: self.max_per_user.unwrap_or(limits::PER_USER_DEFAULT),
            hold_ttl_seconds: self.hold_ttl_seconds.unwrap_or(limits::HOLD_TTL_SECONDS_DEFAULT),
            status: self.status.unwrap_or(SaleStatus::Scheduled),
            queue: self.queue.0.into(),
        })
    }
}

/// Changes of a session; what is absent stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UpdateSessionRequest {
    #[serde(default, deserialize_with = "given")]
    start_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "given")]
    sales_open_at: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "given")]
    sales_close_at: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "given")]
    kind: Option<SessionKind>,
    #[serde(default, deserialize_with = "given")]
    total_stock: Option<i64>,
    #[serde(default, deserialize_with = "given")]
    price: Option<Object<Money>>,
    #[serde(default, deserialize_with = "given")]
    max_per_user: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    hold_ttl_seconds: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    status: Option<SaleStatus>,
    #[serde(default, deserialize_with = "given")]
    queue: Option<Object<PolicyBody>>,
}

impl From<UpdateSessionRequest> for SessionPatch {
    fn from(request: UpdateSessionRequest) -> Self {
        Self {
            start_at: request.start_at,
            sales_open_at: request.sales_open_at,
            sales_close_at: request.sales_close_at,
            kind: request.kind,
            total_stock: request.total_stock,
            price: request.price.map(|price| price.0),
            max_per_user: request.max_per_user,
            hold_ttl_seconds: request.hold_ttl_seconds,
            status: request.status,
            queue: request.queue.map(|queue| QueuePolicy::from(queue.0).into()),
        }
    }
}

/// A member that is there has a value of its type; `null` counts only where the type takes it.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Seats to be added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportSeatsRequest {
    seats: Vec<Object<SeatRequest>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeatRequest {
    id: SeatId,
    section: String,
    row: String,
    number: i64,
    price: Option<Object<Money>>,
}

impl ImportSeatsRequest {
    /// The seats, each label once.
    ///
    /// # Errors
    /// 400 that names the seat.
    pub fn parse(self) -> Result<Vec<NewSeat>, ApiError> {
        if self.seats.is_empty() {
            return Err(ApiError::invalid_field("seats", "at least one"));
        }
        let mut labels = HashSet::with_capacity(self.seats.len());
        for (at, Object(seat)) in self.seats.iter().enumerate() {
            let wrong =
                |member: &str, message: String| Err(ApiError::invalid_field(format!("seats[{at}].{member}"), message));
            let fits = |text: &str| text.chars().count() <= PLACE_CHARS_MAX && !text.chars().any(char::is_control);
            if !labels.insert(&seat.id) {
                return wrong("id", format!("{} is named more than once", seat.id));
            }
            for (member, text) in [("section", &seat.section), ("row", &seat.row)] {
                if !fits(text) {
                    return wrong(member, format!("at most {PLACE_CHARS_MAX} characters, none of them a control"));
                }
            }
        }
        let new = |Object(seat): Object<SeatRequest>| {
            let SeatRequest { id, section, row, number, price } = seat;
            NewSeat { id, section, row, number, price: price.map(|price| price.0) }
        };
        Ok(self.seats.into_iter().map(new).collect())
    }
}

/// Seats were added.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatsImported {
    /// Where to.
    pub session_id: SessionId,
    /// How many.
    pub imported: usize,
    /// All seats there are now.
    pub total_stock: i64,
}

/// An event, with what only administrators see.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminEvent {
    #[serde(flatten)]
    event: EventBody,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Event> for AdminEvent {
    fn from(event: Event) -> Self {
        let (created_at, updated_at) = (event.created_at, event.updated_at);
        Self { event: event.into(), created_at, updated_at }
    }
}

/// A session, with what only administrators see.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminSession {
    #[serde(flatten)]
    session: SessionBody,
    /// The organiser's intent; `status` is its effect.
    intent: SaleStatus,
    hold_ttl_seconds: u32,
    queue: PolicyBody,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&SessionView> for AdminSession {
    fn from(view: &SessionView) -> Self {
        let session = &view.session;
        Self {
            session: view.into(),
            intent: session.status,
            hold_ttl_seconds: session.hold_ttl_seconds,
            queue: session.queue.clone().into(),
            version: session.version,
            created_at: session.created_at,
            updated_at: session.updated_at,
        }
    }
}

/// A session's numbers: overdue holds count as available.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsBody {
    session_id: SessionId,
    total_stock: i64,
    available: i64,
    held: i64,
    sold: i64,
    waiting: u64,
    active: u64,
    rates: Rates,
}

/// Shares of the total stock, 0 to 1.
#[derive(Debug, Serialize)]
struct Rates {
    available: f64,
    held: f64,
    sold: f64,
}

impl StatsBody {
    /// The numbers of session `session_id`.
    pub fn new(session_id: SessionId, stats: SessionStats) -> Self {
        let SessionStats { stock, overdue, waiting, active } = stats;
        let (available, held) = (stock.available + overdue, stock.held - overdue);
        let share = |part: i64| if stock.total == 0 { 0.0 } else { part as f64 / stock.total as f64 };
        let rates = Rates { available: share(available), held: share(held), sold: share(stock.sold) };
        Self { session_id, total_stock: stock.total, available, held, sold: stock.sold, waiting, active, rates }
    }
}

/// A hold, as administrators see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminHold {
    hold_id: HoldId,
    session_id: SessionId,
    user_id: UserId,
    quantity: u32,
    seat_ids: Vec<SeatId>,
    amount: i64,
    currency: Currency,
    status: HoldStatus,
    order_id: Option<OrderId>,
    created_at: Timestamp,
    expires_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl AdminHold {
    /// What `hold` is at `now`, swept or not.
    pub fn at(hold: Hold, now: Timestamp) -> Self {
        Self {
            hold_id: hold.id,
            session_id: hold.session_id,
            user_id: hold.user_id,
            quantity: hold.quantity(),
            seat_ids: hold.wanted.seat_ids().to_vec(),
            amount: hold.amount.minor,
            currency: hold.amount.currency,
            status: hold.status_at(now),
            order_id: hold.order_id,
            created_at: hold.created_at,
            expires_at: hold.expires_at,
            ended_at: hold.ended_at,
        }
    }
}

/// Whether the books are right.
#[derive(Debug, Serialize)]
pub struct VerifyBody {
    ok: bool,
    #[serde(flatten)]
    report: Report,
}

impl From<Report> for VerifyBody {
    fn from(report: Report) -> Self {
        Self { ok: report.is_clean(), report }
    }
}
