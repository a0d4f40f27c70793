//! Orders in JSON, as administrators see them.

use http::StatusCode;
use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    command::{RefundRefusal, Refunded},
    ids::{HoldId, OrderId, PaymentId, SessionId, UserId},
    money::Currency,
    order::{Order, OrderStatus},
    payment::{GatewayPaymentId, Payment, PaymentStatus},
    seat::SeatId,
};

use crate::error::{ApiError, IntoApi};

/// An order and its payment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminOrder {
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
    payment_status: PaymentStatus,
    pg_payment_id: Option<GatewayPaymentId>,
    created_at: Timestamp,
    updated_at: Timestamp,
    paid_at: Option<Timestamp>,
}

impl AdminOrder {
    /// `order`, paid by `payment`.
    pub fn new(order: Order, payment: Payment) -> Self {
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
            payment_status: payment.status,
            pg_payment_id: payment.gateway.map(|gateway| gateway.pg_payment_id),
            created_at: order.created_at,
            updated_at: order.updated_at,
            paid_at: order.paid_at,
        }
    }
}

/// An order that was given back; its money may still be on its way.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundView {
    order_id: OrderId,
    status: OrderStatus,
    payment_id: PaymentId,
    payment_status: PaymentStatus,
    amount: i64,
    currency: Currency,
}

impl From<Refunded> for RefundView {
    fn from(refunded: Refunded) -> Self {
        let Refunded { order, payment, .. } = refunded;
        Self {
            order_id: order.id,
            status: order.status,
            payment_id: payment.id,
            payment_status: payment.status,
            amount: order.amount.minor,
            currency: order.amount.currency,
        }
    }
}

impl IntoApi for RefundRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        match self {
            Self::OrderNotFound => ApiError::new(StatusCode::NOT_FOUND, "order_not_found", detail),
            Self::NotPaid { status } => {
                ApiError::new(StatusCode::CONFLICT, "order_not_paid", detail).with("orderStatus", status.as_str())
            }
            Self::TicketUsed { ticket_ids } => {
                let ids: Vec<String> = ticket_ids.iter().map(ToString::to_string).collect();
                ApiError::new(StatusCode::CONFLICT, "ticket_used", detail).with("ticketIds", ids)
            }
            _ => ApiError::internal(detail),
        }
    }
}
