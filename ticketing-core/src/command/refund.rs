//! Refunds that somebody asks for.

use crate::{
    audit::Caller,
    ids::{OrderId, OutboxId, SessionId, TicketId},
    order::{Order, OrderStatus},
    payment::Payment,
};

/// Gives a paid order back: all of it.
#[derive(Debug, Clone)]
pub struct RefundOrder {
    /// Who asks.
    pub caller: Caller,
    /// Whose stock.
    pub session_id: SessionId,
    /// Which order.
    pub order_id: OrderId,
    /// The name of the refund's message.
    pub outbox_id: OutboxId,
}

/// An order that was given back, or is on its way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunded {
    /// The order.
    pub order: Order,
    /// Its payment.
    pub payment: Payment,
    /// It was asked for before.
    pub existing: bool,
}

/// Why an order was not given back, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefundRefusal {
    /// There is no such order.
    #[error("there is no such order")]
    OrderNotFound,
    /// Nothing was paid.
    #[error("only a paid order can be refunded: this one is {status}")]
    NotPaid {
        /// What it is.
        status: OrderStatus,
    },
    /// Somebody is in with one of its tickets.
    #[error("a ticket of this order has been used")]
    TicketUsed {
        /// Which.
        ticket_ids: Vec<TicketId>,
    },
}
