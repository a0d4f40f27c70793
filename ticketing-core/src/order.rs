//! Orders: what a hold becomes at checkout.

use serde::{Deserialize, Serialize};

use crate::{
    audit::TraceContext,
    clock::Timestamp,
    hold::Wanted,
    ids::{HoldId, OrderId, PaymentId, SessionId, UserId},
    money::Money,
    state_enum,
};

state_enum! {
    /// What became of an order.
    pub enum OrderStatus {
        /// Waits for its payment.
        Pending = "PENDING",
        /// Paid: its tickets exist.
        Paid = "PAID",
        /// Its hold ended first, or its payment was declined.
        Cancelled = "CANCELLED",
        /// Paid, then given back.
        Refunded = "REFUNDED",
    }
}

/// An order: one hold, one payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// Whose stock.
    pub session_id: SessionId,
    /// The hold it came from; one order each.
    pub hold_id: HoldId,
    /// Its payment; one each.
    pub payment_id: PaymentId,
    /// Who buys.
    pub user_id: UserId,
    /// What is bought.
    pub wanted: Wanted,
    /// What it costs.
    pub amount: Money,
    /// What became of it.
    pub status: OrderStatus,
    /// When checkout began.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// The span of its hold, or else of its checkout, if somebody traces.
    pub trace: Option<TraceContext>,
}
