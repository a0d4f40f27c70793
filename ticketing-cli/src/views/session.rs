use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    event::EventStatus,
    ids::{EventId, SessionId},
    money::Money,
    session::{SaleStatus, SessionKind},
    store::SessionView,
    waiting_room::{QueueMode, QueuePolicy},
};

use crate::output::{Show, or_blank, when};

/// A session, with its books.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRow {
    id: SessionId,
    event_id: EventId,
    start_at: Timestamp,
    sales_open_at: Option<Timestamp>,
    sales_close_at: Option<Timestamp>,
    kind: SessionKind,
    total_stock: i64,
    remaining_stock: i64,
    held: i64,
    sold: i64,
    /// The effective one, as the HTTP API shows it.
    status: SaleStatus,
    /// The organiser's.
    intended_status: SaleStatus,
    price: Money,
    max_per_user: u32,
    hold_ttl_seconds: u32,
    queue: PolicyRow,
    as_of: Timestamp,
    #[serde(skip)]
    event_status: EventStatus,
}

/// A waiting room's policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRow {
    pub(super) mode: QueueMode,
    pub(super) admit_per_second: Option<u32>,
    pub(super) max_active: Option<u32>,
    pub(super) wait_ttl_seconds: Option<u32>,
    pub(super) admit_ttl_seconds: Option<u32>,
    pub(super) max_length: Option<u32>,
    pub(super) pre_queue_seconds: Option<u32>,
}

impl From<QueuePolicy> for PolicyRow {
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

impl From<SessionView> for SessionRow {
    fn from(view: SessionView) -> Self {
        let remaining_stock = view.remaining();
        let SessionView { session, event_status, overdue, as_of } = view;
        Self {
            id: session.id,
            event_id: session.event_id,
            start_at: session.start_at,
            sales_open_at: session.sales_open_at,
            sales_close_at: session.sales_close_at,
            kind: session.kind,
            total_stock: session.stock.total,
            remaining_stock,
            held: session.stock.held - overdue,
            sold: session.stock.sold,
            status: session.sale_at(as_of),
            intended_status: session.status,
            price: session.price,
            max_per_user: session.max_per_user,
            hold_ttl_seconds: session.hold_ttl_seconds,
            queue: session.queue.into(),
            as_of,
            event_status,
        }
    }
}

impl Show for SessionRow {
    const COLUMNS: &'static [&'static str] =
        &["session", "event", "starts", "kind", "total", "left", "held", "sold", "price", "status"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.event_id.to_string(),
            when(self.start_at),
            self.kind.to_string(),
            self.total_stock.to_string(),
            self.remaining_stock.to_string(),
            self.held.to_string(),
            self.sold.to_string(),
            self.price.to_string(),
            self.status.to_string(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = vec![
            ("opens", or_blank(self.sales_open_at.map(when))),
            ("closes", or_blank(self.sales_close_at.map(when))),
            ("max per user", self.max_per_user.to_string()),
            ("hold TTL", format!("{} s", self.hold_ttl_seconds)),
            ("queue", self.queue.in_words()),
        ];
        details.extend(unpublished(self.event_status, self.event_id).map(|text| ("event status", text)));
        details
    }
}

impl PolicyRow {
    fn in_words(&self) -> String {
        let limits = [
            (self.admit_per_second, "admitted a second"),
            (self.max_active, "admitted at once at most"),
            (self.max_length, "in line at most"),
            (self.wait_ttl_seconds, "s to wait at most"),
            (self.admit_ttl_seconds, "s to hold tickets once admitted"),
        ];
        let limits = limits.into_iter().filter_map(|(limit, words)| Some(format!(", {} {words}", limit?)));
        [self.mode.to_string()].into_iter().chain(limits).collect()
    }
}

/// Why a session sells nothing whatever its own status is.
fn unpublished(status: EventStatus, event: EventId) -> Option<String> {
    match status {
        EventStatus::Published => None,
        EventStatus::Draft => Some(format!("{status}: nothing is sold until `ticketing event publish {event}`")),
        EventStatus::Archived => Some(format!("{status}: nothing is sold any more")),
    }
}
