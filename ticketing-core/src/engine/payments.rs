//! Checkout, callbacks and refunds: the engine's side of the gateway.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{EngineError, Ticketing};
use crate::{
    audit::{Actor, Caller},
    clock::Timestamp,
    command::{
        Checkout, CheckoutRefusal, KeepCallback, Never, PaymentRefusal, RecordGatewaySession, SettlePayment, Settlement,
    },
    hold::Hold,
    ids::{CallbackId, HoldId, OrderId, OutboxId, PaymentId, UserId},
    order::Order,
    payment::{
        CallbackReport, GatewaySession, Payment, PaymentLink, PaymentMethod,
        gateway::{GatewayError, OpenPayment},
    },
};

/// How long the gateway may take to answer one call.
const GATEWAY_WAIT: Duration = Duration::from_secs(10);
/// Longest time that a settlement waits for the store of the waiting rooms.
const PLACE_FREED_WITHIN: Duration = Duration::from_millis(250);

/// A wish to pay for a hold.
#[derive(Debug, Clone)]
pub struct CheckoutRequest {
    /// Who asks.
    pub caller: Caller,
    /// Whose hold.
    pub user_id: UserId,
    /// Which.
    pub hold_id: HoldId,
    /// How.
    pub method: PaymentMethod,
}

impl CheckoutRequest {
    /// The wish of the hold's owner, outside of any trace.
    pub fn of(hold: &Hold, method: PaymentMethod) -> Self {
        Self { caller: Caller::of(Actor::User(hold.user_id)), user_id: hold.user_id, hold_id: hold.id, method }
    }
}

/// An order whose payment page is open.
#[derive(Debug, Clone)]
pub struct OpenCheckout {
    /// The order.
    pub order: Order,
    /// Its payment.
    pub payment: Payment,
    /// The gateway's side of it.
    pub gateway: GatewaySession,
    /// When the hold ends.
    pub expires_at: Timestamp,
    /// It was open before.
    pub existing: bool,
}

/// What a callback led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackOutcome {
    /// It was applied to its payment.
    Settled(Settlement),
    /// It names no payment of ours; it is kept, and applied should one turn up.
    Unmatched,
}

impl Ticketing {
    /// Makes an order of a hold and opens its payment page. Asked again, it answers the same.
    ///
    /// # Errors
    /// [`CheckoutRefusal`], or the engine's own; after [`EngineError::Gateway`] ask again.
    pub async fn checkout(&self, request: CheckoutRequest) -> Result<OpenCheckout, EngineError<CheckoutRefusal>> {
        let hold = self.found(self.queries().hold(request.hold_id), CheckoutRefusal::HoldNotFound).await?;
        if hold.user_id != request.user_id {
            return Err(EngineError::Refused(CheckoutRefusal::HoldNotFound));
        }
        let checked_out = self
            .ask(Checkout {
                caller: request.caller,
                session_id: hold.session_id,
                hold_id: request.hold_id,
                user_id: request.user_id,
                method: request.method,
                order_id: OrderId::from_uuid(self.uuid()),
                payment_id: PaymentId::from_uuid(self.uuid()),
            })
            .await?;
        metrics::counter!("ticketing_checkout_total").increment(u64::from(!checked_out.existing));
        let (order, payment) = (checked_out.order, checked_out.payment);
        let (payment, gateway) = match payment.gateway.clone() {
            Some(gateway) => (payment, gateway),
            None => {
                let opened = self.open_payment(request.caller, payment, checked_out.expires_at).await?;
                opened.ok_or(EngineError::Refused(CheckoutRefusal::HoldNotFound))?
            }
        };
        let (expires_at, existing) = (checked_out.expires_at, checked_out.existing);
        Ok(OpenCheckout { order, payment, gateway, expires_at, existing })
    }

    /// Applies a callback whose signature was verified.
    ///
    /// # Errors
    /// The engine's own: the gateway is to try again.
    pub async fn payment_callback(
        &self,
        caller: Caller,
        report: CallbackReport,
    ) -> Result<CallbackOutcome, EngineError<Never>> {
        let known = self.queries().payment_by_gateway(report.pg_payment_id.clone()).await?;
        let Some(payment) = known else {
            let callback_id = callback_id(&report);
            let is_new = self.ask(KeepCallback { caller, report, callback_id }).await?;
            metrics::counter!("ticketing_callback_unmatched_total").increment(u64::from(is_new));
            return Ok(CallbackOutcome::Unmatched);
        };
        let settlement = self.settle(caller, payment.link(), report, false).await?;
        Ok(settlement.map_or(CallbackOutcome::Unmatched, CallbackOutcome::Settled))
    }

    /// Applies what the gateway says of a payment that it has captured and given back.
    pub(super) async fn payment_given_back(
        &self,
        caller: Caller,
        link: PaymentLink,
        report: CallbackReport,
    ) -> Result<CallbackOutcome, EngineError<Never>> {
        let settlement = self.settle(caller, link, report, true).await?;
        Ok(settlement.map_or(CallbackOutcome::Unmatched, CallbackOutcome::Settled))
    }

    /// Applies one kept callback to the payment that turned up for it.
    pub(super) async fn match_callback(
        &self,
        link: PaymentLink,
        report: CallbackReport,
    ) -> Result<(), EngineError<Never>> {
        self.settle(Caller::of(Actor::Gateway), link, report, false).await.map(|_| ())
    }

    async fn settle(
        &self,
        caller: Caller,
        link: PaymentLink,
        report: CallbackReport,
        given_back: bool,
    ) -> Result<Option<Settlement>, EngineError<Never>> {
        let callback_id = callback_id(&report);
        let outbox_id = OutboxId::from_uuid(self.uuid());
        let settle = SettlePayment { caller, link, report, given_back, callback_id, outbox_id };
        let settlement = match self.inner.batcher.ask(settle).await? {
            Ok(settlement) => settlement,
            Err(PaymentRefusal::PaymentNotFound | PaymentRefusal::AlreadyRecorded { .. }) => return Ok(None),
        };
        match settlement {
            Settlement::Sold => {
                metrics::counter!("ticketing_payment_succeed_total").increment(1);
                self.free_place(&link).await;
            }
            Settlement::Declined => metrics::counter!("ticketing_payment_fail_total").increment(1),
            Settlement::RefundRequested(reason) => {
                metrics::counter!("ticketing_refund_requested_total", "reason" => reason.as_str()).increment(1);
                self.inner.workers.wake_outbox();
            }
            Settlement::Duplicate | Settlement::Contradicted => {
                metrics::counter!("ticketing_callback_duplicate_total").increment(1);
            }
        }
        Ok(Some(settlement))
    }

    /// Tells the waiting room that a buyer needs the place no more. One that does not answer soon learns it from
    /// the end of the buyer's window.
    async fn free_place(&self, link: &PaymentLink) {
        let Some(rooms) = &self.inner.apart else { return };
        match tokio::time::timeout(PLACE_FREED_WITHIN, self.free_place_apart(rooms, link)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a buyer's place in the waiting room was not freed"),
            Err(_) => tracing::debug!("a buyer's place in the waiting room was not freed in time"),
        }
    }

    /// Opens the payment page of a payment and records the gateway's name for it; `None`: there is no
    /// such payment any more.
    pub(super) async fn open_payment<R: std::error::Error>(
        &self,
        caller: Caller,
        payment: Payment,
        expires_at: Timestamp,
    ) -> Result<Option<(Payment, GatewaySession)>, EngineError<R>> {
        let open = OpenPayment { reference: payment.id, amount: payment.amount, method: payment.method, expires_at };
        let opened = in_time(self.inner.gateway.open(open)).await;
        let gateway = opened.map_err(|error| EngineError::Gateway(Arc::new(error)))?;
        let record = RecordGatewaySession { caller, link: payment.link(), gateway: gateway.clone() };
        match self.inner.batcher.ask(record).await? {
            Ok(payment) => Ok(Some((payment, gateway))),
            Err(PaymentRefusal::PaymentNotFound) => Ok(None),
            Err(PaymentRefusal::AlreadyRecorded { .. }) => {
                // Two checkouts of one hold raced and the gateway did not keep its promise to
                // answer both alike: the first one stands.
                let payment = self.queries().payment(payment.id).await?;
                Ok(payment.and_then(|payment| Some((payment.clone(), payment.gateway?))))
            }
        }
    }
}

/// What the gateway answers, if it does within [`GATEWAY_WAIT`].
pub(super) async fn in_time<T>(call: impl Future<Output = Result<T, GatewayError>>) -> Result<T, GatewayError> {
    let silent = || GatewayError::Unavailable(format!("no answer in {} s", GATEWAY_WAIT.as_secs()));
    tokio::time::timeout(GATEWAY_WAIT, call).await.unwrap_or_else(|_| Err(silent()))
}

/// The name of a callback: the same for every delivery of the same words.
fn callback_id(report: &CallbackReport) -> CallbackId {
    let mut hasher = Sha256::new();
    hasher.update(report.pg_payment_id.as_str());
    hasher.update([0]);
    hasher.update(report.raw_payload.as_bytes());
    let digest = hasher.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    CallbackId::from_uuid(Uuid::new_v8(bytes))
}
