use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    hold::{Hold, HoldStatus},
    ids::{HoldId, OrderId, SessionId, UserId},
    money::Currency,
    seat::SeatId,
};

use crate::output::{Show, or_blank, when};

/// A hold as it is at an instant, swept or not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldRow {
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
}

impl HoldRow {
    /// `hold` at `now`.
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
        }
    }
}

impl Show for HoldRow {
    const COLUMNS: &'static [&'static str] =
        &["hold", "session", "user", "quantity", "seats", "amount", "status", "order", "placed", "ends"];

    fn cells(&self) -> Vec<String> {
        let seats: Vec<_> = self.seat_ids.iter().map(SeatId::as_str).collect();
        vec![
            self.hold_id.to_string(),
            self.session_id.to_string(),
            self.user_id.to_string(),
            self.quantity.to_string(),
            seats.join(" "),
            format!("{} {}", self.amount, self.currency),
            self.status.to_string(),
            or_blank(self.order_id),
            when(self.created_at),
            when(self.expires_at),
        ]
    }
}
