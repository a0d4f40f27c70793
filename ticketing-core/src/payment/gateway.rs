//! The trait between the engine and whoever takes the money.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::{
    clock::Timestamp,
    ids::PaymentId,
    money::Money,
    payment::{GatewayPaymentId, GatewaySession, PaymentMethod},
};

/// What a gateway is asked to take.
#[derive(Debug, Clone)]
pub struct OpenPayment {
    /// The merchant reference: asked twice under one reference, the gateway answers the same session.
    pub reference: PaymentId,
    /// How much.
    pub amount: Money,
    /// How.
    pub method: PaymentMethod,
    /// The buyer cannot pay after that.
    pub expires_at: Timestamp,
}

/// What a gateway is asked to give back.
#[derive(Debug, Clone)]
pub struct Refund {
    /// The fixed key: asked twice under one key, the gateway gives back once.
    pub key: String,
    /// Which payment.
    pub pg_payment_id: GatewayPaymentId,
    /// What its order costs. The gateway gives back all that it captured, which is this unless the
    /// capture itself was of another amount.
    pub amount: Money,
}

/// Why a call of the gateway did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// No answer, or one that says to come back: the same call may be repeated.
    #[error("the payment gateway did not answer: {0}")]
    Unavailable(String),
    /// An answer that no repetition will change.
    #[error("the payment gateway refused: {0}")]
    Refused(String),
}

/// Takes and gives back money. Never called inside a store's transaction.
///
/// # Contract
/// Both calls are idempotent, by `reference` and by `key`; the engine repeats them after crashes.
pub trait PaymentGateway: Send + Sync + fmt::Debug {
    /// Opens a payment page for a payment.
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>>;

    /// Gives back everything that was captured for a payment.
    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>>;
}
