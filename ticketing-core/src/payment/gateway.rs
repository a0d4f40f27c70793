//! The trait between the engine and whoever takes the money.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::{
    clock::Timestamp,
    ids::PaymentId,
    money::Money,
    payment::{GatewayPaymentId, GatewaySession, PaymentMethod},
    store::Page,
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

/// Money that a gateway took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The gateway's name for the payment.
    pub pg_payment_id: GatewayPaymentId,
    /// The merchant reference; `None` when it is no payment's name: another shop's, for instance.
    pub reference: Option<PaymentId>,
    /// How much.
    pub amount: Money,
    /// When, by the gateway's clock.
    pub captured_at: Timestamp,
    /// All of it was given back since.
    pub given_back: bool,
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
/// [`PaymentGateway::open`] and [`PaymentGateway::refund`] are idempotent, by `reference` and by
/// `key`; the engine repeats them after crashes, from whatever node.
pub trait PaymentGateway: Send + Sync + fmt::Debug {
    /// Opens a payment page for a payment.
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>>;

    /// Gives back everything that was captured for a payment.
    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>>;

    /// A page of what was captured at `since` or later, in the order of capture: the first one, or the
    /// one behind `after`, which is the [`Page::next`] of the page before. The gateway settles how long
    /// a page is.
    ///
    /// A gateway that keeps no such list refuses, which is what this does unless it is written; then
    /// [`Ticketing::reconcile`](crate::Ticketing::reconcile) cannot be had.
    ///
    /// # Contract
    /// - Every capture of that time is on some page, at least once.
    /// - Whether it was given back is told as of the reading, whenever the refund was.
    ///
    /// Relied on by `suite::reconcile`.
    fn captured(&self, since: Timestamp, after: Option<String>) -> BoxFuture<'_, Result<Page<Capture>, GatewayError>> {
        let _ = (since, after);
        let refused = GatewayError::Refused("it keeps no list of what it captured".to_owned());
        Box::pin(std::future::ready(Err(refused)))
    }
}
