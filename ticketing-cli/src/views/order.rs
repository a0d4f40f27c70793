use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    ids::{HoldId, OrderId, PaymentId, SessionId, UserId},
    money::Currency,
    order::{Order, OrderStatus},
    payment::{GatewayPaymentId, Payment, PaymentStatus},
    seat::SeatId,
};

use crate::output::{Show, or_blank, when};

/// An order and how its payment stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRow {
    order_id: OrderId,
    status: OrderStatus,
    session_id: SessionId,
    hold_id: HoldId,
    user_id: UserId,
    quantity: u32,
    seat_ids: Vec<SeatId>,
    amount: i64,
    currency: Currency,
    payment_id: PaymentId,
    payment_status: Option<PaymentStatus>,
    pg_payment_id: Option<GatewayPaymentId>,
    created_at: Timestamp,
    paid_at: Option<Timestamp>,
}

impl OrderRow {
    /// `order`, paid by `payment`.
    pub fn new(order: Order, payment: Option<Payment>) -> Self {
        Self {
            order_id: order.id,
            status: order.status,
            session_id: order.session_id,
            hold_id: order.hold_id,
            user_id: order.user_id,
            quantity: order.wanted.quantity(),
            seat_ids: order.wanted.seat_ids().to_vec(),
            amount: order.amount.minor,
            currency: order.amount.currency,
            payment_id: order.payment_id,
            payment_status: payment.as_ref().map(|payment| payment.status),
            pg_payment_id: payment.and_then(|payment| payment.gateway).map(|gateway| gateway.pg_payment_id),
            created_at: order.created_at,
            paid_at: order.paid_at,
        }
    }
}

impl Show for OrderRow {
    const COLUMNS: &'static [&'static str] =
        &["order", "status", "session", "user", "quantity", "seats", "amount", "payment", "begun", "paid"];

    fn cells(&self) -> Vec<String> {
        let seats: Vec<_> = self.seat_ids.iter().map(SeatId::as_str).collect();
        vec![
            self.order_id.to_string(),
            self.status.to_string(),
            self.session_id.to_string(),
            self.user_id.to_string(),
            self.quantity.to_string(),
            seats.join(" "),
            format!("{} {}", self.amount, self.currency),
            or_blank(self.payment_status),
            when(self.created_at),
            self.paid_at.map_or_else(String::new, when),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("hold", self.hold_id.to_string()),
            ("payment id", self.payment_id.to_string()),
            ("at the gateway", or_blank(self.pg_payment_id.as_ref())),
        ]
    }
}
