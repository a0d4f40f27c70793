//! Sessions: one date of an event, with its stock, its price and its rules of sale.

use serde::{Deserialize, Serialize};

use crate::{
    audit::ChainHead,
    clock::Timestamp,
    ids::{EventId, SessionId},
    money::Money,
    state_enum,
    waiting_room::QueuePolicy,
};

state_enum! {
    /// How stock is counted.
    pub enum SessionKind {
        /// By number: any ticket is as good as another.
        Quantity = "QUANTITY",
        /// By seat: every seat is sold for itself.
        Seated = "SEATED",
    }
}

state_enum! {
    /// Whether a session sells. Stored as the organiser's intent; [`Session::sale_at`] tells the effect.
    pub enum SaleStatus {
        /// Not yet.
        Scheduled = "SCHEDULED",
        /// On sale.
        Open = "OPEN",
        /// Halted for now; live holds may still be paid.
        Paused = "PAUSED",
        /// No more.
        Closed = "CLOSED",
    }
}

/// Stock of one session. `total = available + held + sold`, each at least zero (invariant I1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// All there ever was to sell.
    pub total: i64,
    /// Free to be held. Overdue holds that no sweep has reclaimed yet are not counted here.
    pub available: i64,
    /// In holds whose status is `ACTIVE`.
    pub held: i64,
    /// Bought.
    pub sold: i64,
}

impl Stock {
    /// The largest stock of one session.
    pub const TOTAL_MAX: i64 = 10_000_000;

    /// Nothing sold yet.
    pub const fn new(total: i64) -> Self {
        Self { total, available: total, held: 0, sold: 0 }
    }

    /// Whether the numbers add up.
    pub const fn is_sound(&self) -> bool {
        self.available >= 0 && self.held >= 0 && self.sold >= 0 && self.available + self.held + self.sold == self.total
    }
}

/// One date of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// The event it belongs to.
    pub event_id: EventId,
    /// When the doors open.
    pub start_at: Timestamp,
    /// Sales open then, at the earliest; `None`: as soon as the intent is `OPEN`.
    pub sales_open_at: Option<Timestamp>,
    /// Sales end then, at the latest.
    pub sales_close_at: Option<Timestamp>,
    /// How stock is counted.
    pub kind: SessionKind,
    /// What there is.
    pub stock: Stock,
    /// Price of one ticket, unless its seat has its own.
    pub price: Money,
    /// Most tickets one user may hold and have bought together.
    pub max_per_user: u32,
    /// How long a hold lives.
    pub hold_ttl_seconds: u32,
    /// The organiser's intent.
    pub status: SaleStatus,
    /// How the waiting room admits.
    pub queue: QueuePolicy,
    /// Counts every change of this record.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The end of its audit chain.
    pub audit: ChainHead,
}

/// Bounds and defaults of a session's settings.
pub mod limits {
    /// Tickets in one hold, seats in one hold.
    pub const QUANTITY_MAX: u32 = 100;
    /// Largest `max_per_user`.
    pub const PER_USER_MAX: u32 = 10_000;
    /// `max_per_user` unless said otherwise.
    pub const PER_USER_DEFAULT: u32 = 10;
    /// Life of a hold unless said otherwise, in seconds.
    pub const HOLD_TTL_SECONDS_DEFAULT: u32 = 120;
    /// Longest life of a hold: a day.
    pub const HOLD_TTL_SECONDS_MAX: u32 = 86_400;
}

impl Session {
    /// Whether the session sells at `now`: the intent, bounded by the sales window.
    pub fn sale_at(&self, now: Timestamp) -> SaleStatus {
        match self.status {
            SaleStatus::Open if self.sales_open_at.is_some_and(|opens| now < opens) => SaleStatus::Scheduled,
            SaleStatus::Open if self.sales_close_at.is_some_and(|closes| now >= closes) => SaleStatus::Closed,
            intent => intent,
        }
    }

    /// Whether there is something to buy, or may be again.
    pub fn is_in_stock(&self) -> bool {
        self.stock.available + self.stock.held > 0
    }

    /// Whether those who wait may be admitted at `now`.
    pub fn admits_at(&self, now: Timestamp) -> bool {
        self.is_in_stock() && self.sale_at(now) == SaleStatus::Open
    }

    /// Whether the waiting room is open at `now`, ahead of a sale that is to open by itself.
    pub fn pre_queue_at(&self, now: Timestamp) -> bool {
        let opens = self.sales_open_at.zip(self.queue.pre_queue_seconds);
        self.status == SaleStatus::Open && opens.is_some_and(|(at, ahead)| now >= at.minus_seconds(ahead) && now < at)
    }

    /// From when on the wait of a place counts that is given at `now`: whoever comes ahead of the sale waits
    /// for it to open, and that is no part of their wait.
    pub fn wait_begins(&self, now: Timestamp) -> Timestamp {
        self.sales_open_at.map_or(now, |opens| now.max(opens))
    }
}
