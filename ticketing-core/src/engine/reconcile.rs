//! What the gateway took, held against what the ledger knows.
//!
//! A callback is sent until it is answered, and never again. A ledger that loses what it had answered,
//! as a replica that lagged behind does when it takes over, hears of those payments only by asking.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{CallbackOutcome, EngineError, Ticketing, payments::in_time};
use crate::{
    audit::Caller,
    clock::Timestamp,
    command::{Never, PaymentRefusal, RecordGatewaySession, RefundReason, Settlement},
    payment::{
        CallbackReport, CallbackStatus, GatewayPaymentId, GatewaySession, Payment, PaymentStatus,
        gateway::{Capture, GatewayError, OpenPayment},
    },
    store::{Page, StoreError},
};

/// Most payments that a [`ReconcileReport`] names under each head; all are counted.
pub const NAMED_MAX: usize = 1_000;
/// Most pages of captures that one [`Ticketing::reconcile`] asks for.
pub const PAGES_MAX: u32 = 10_000;
/// Captures under way at once.
const AT_ONCE: usize = 32;

/// What the gateway's captures came to, one by one.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReconcileReport {
    /// Those that the gateway listed.
    pub captured: u64,
    /// The ledger knew what became of them.
    pub settled: u64,
    /// The ledger still waited for them: sold now.
    pub sold: u64,
    /// The ledger still waited for them, and there is nothing to sell any more: to be given back.
    pub refunded: u64,
    /// The gateway has given them back, and no ticket stands against them, now at least.
    pub given_back: u64,
    /// The ledger knows no such payment. Kept as unmatched callbacks.
    pub unmatched: u64,
    /// The gateway's names of these, [`NAMED_MAX`] at most.
    pub unmatched_payments: Vec<GatewayPaymentId>,
    /// The ledger says paid, the gateway says given back. Left as they are.
    pub contradicted: u64,
    /// The gateway's names of these, [`NAMED_MAX`] at most.
    pub contradicted_payments: Vec<GatewayPaymentId>,
}

/// What one capture came to.
#[derive(Debug)]
enum Finding {
    Settled,
    Sold,
    Refunded,
    GivenBack,
    Unmatched(GatewayPaymentId),
    Contradicted(GatewayPaymentId),
}

impl ReconcileReport {
    fn note(&mut self, finding: Finding) {
        let name = |names: &mut Vec<_>, name| {
            if names.len() < NAMED_MAX {
                names.push(name);
            }
        };
        self.captured += 1;
        match finding {
            Finding::Settled => self.settled += 1,
            Finding::Sold => self.sold += 1,
            Finding::Refunded => self.refunded += 1,
            Finding::GivenBack => self.given_back += 1,
            Finding::Unmatched(payment) => {
                self.unmatched += 1;
                name(&mut self.unmatched_payments, payment);
            }
            Finding::Contradicted(payment) => {
                self.contradicted += 1;
                name(&mut self.contradicted_payments, payment);
            }
        }
    }
}

impl Ticketing {
    /// Asks the gateway for everything it captured at `since` or later, by its own clock, and takes what
    /// the ledger does not know as captured for a callback: the rules sell it or give it back. What the
    /// ledger does not know at all is kept as an unmatched callback. Asked again, it finds nothing new.
    ///
    /// # Errors
    /// The engine's own, or [`EngineError::Gateway`] when the gateway lists nothing, or a list without an
    /// end within [`PAGES_MAX`]. What was applied until then stands; ask again.
    pub async fn reconcile(&self, caller: Caller, since: Timestamp) -> Result<ReconcileReport, EngineError<Never>> {
        let mut report = ReconcileReport::default();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = in_time(self.inner.gateway.captured(since, after.clone())).await;
            let Page { items, next } = page.map_err(|error| EngineError::Gateway(Arc::new(error)))?;
            let findings = stream::iter(items).map(|capture| self.reconcile_one(caller, capture));
            let mut findings = findings.buffered(AT_ONCE);
            while let Some(finding) = findings.try_next().await? {
                report.note(finding);
            }
            let Some(next) = next else { return Ok(report) };
            if after.as_ref() == Some(&next) {
                return Err(unending(format!("its list of captures does not go on behind `{next}`")));
            }
            after = Some(next);
        }
        Err(unending(format!("its list of captures has more than {PAGES_MAX} pages; ask for those since a later time")))
    }

    async fn reconcile_one(&self, caller: Caller, capture: Capture) -> Result<Finding, EngineError<Never>> {
        let name = capture.pg_payment_id.clone();
        let known = self.payment_of(caller, &capture).await?;
        let outcome = match (known.as_ref().map(|payment| (payment.status, payment.link())), capture.given_back) {
            (Some((PaymentStatus::RefundPending | PaymentStatus::Refunded, _)), _) => return Ok(Finding::Settled),
            (Some((PaymentStatus::Succeeded, _)), false) => return Ok(Finding::Settled),
            (Some((PaymentStatus::Succeeded, _)), true) => return Ok(Finding::Contradicted(name)),
            (Some((PaymentStatus::Pending | PaymentStatus::Failed, link)), true) => {
                self.payment_given_back(caller, link, report_of(capture)).await?
            }
            (None, true) => return Ok(Finding::GivenBack),
            (Some((PaymentStatus::Pending | PaymentStatus::Failed, _)) | None, false) => {
                self.payment_callback(caller, report_of(capture)).await?
            }
        };
        Ok(match outcome {
            CallbackOutcome::Unmatched => Finding::Unmatched(name),
            CallbackOutcome::Settled(Settlement::Sold) => Finding::Sold,
            CallbackOutcome::Settled(Settlement::RefundRequested(RefundReason::GivenBack) | Settlement::Declined) => {
                Finding::GivenBack
            }
            CallbackOutcome::Settled(Settlement::RefundRequested(_)) => Finding::Refunded,
            // Its own callback was faster.
            CallbackOutcome::Settled(Settlement::Duplicate) => Finding::Settled,
            CallbackOutcome::Settled(Settlement::Contradicted) => Finding::Contradicted(name),
        })
    }

    /// The payment that a capture is of, by the gateway's name for it.
    ///
    /// A ledger may have lost no more than that name. Then the payment is there under the merchant
    /// reference, and the gateway, asked for its page again, says the name again. One that says another
    /// is not believed: nothing is recorded, and the payment may still find its own.
    async fn payment_of(&self, caller: Caller, capture: &Capture) -> Result<Option<Payment>, EngineError<Never>> {
        let known = self.queries().payment_by_gateway(capture.pg_payment_id.clone()).await?;
        let (None, Some(reference)) = (&known, capture.reference) else { return Ok(known) };
        let payment = self.queries().payment(reference).await?.filter(|payment| payment.gateway.is_none());
        let Some(payment) = payment else { return Ok(None) };
        let hold = self.queries().hold(payment.hold_id).await?;
        let hold = hold.ok_or_else(|| StoreError::corrupt(format_args!("{} has no hold", payment.id)))?;
        let Payment { id, amount, method, .. } = payment;
        let open = OpenPayment { reference: id, amount, method, expires_at: hold.expires_at };
        // One payment whose name is not to be had keeps no other from being settled.
        let gateway = match in_time(self.inner.gateway.open(open)).await {
            Ok(gateway) if gateway.pg_payment_id == capture.pg_payment_id => gateway,
            Ok(GatewaySession { pg_payment_id: other, .. }) => {
                let captured = &capture.pg_payment_id;
                tracing::warn!(payment_id = %id, %captured, %other, "a captured payment has another name by now");
                return Ok(None);
            }
            Err(error) => {
                tracing::warn!(payment_id = %id, %error, "the name of a captured payment is not told again");
                return Ok(None);
            }
        };
        match self.inner.batcher.ask(RecordGatewaySession { caller, link: payment.link(), gateway }).await? {
            Ok(payment) => Ok(Some(payment)),
            // A checkout was faster, and was told another name.
            Err(PaymentRefusal::PaymentNotFound | PaymentRefusal::AlreadyRecorded { .. }) => Ok(None),
        }
    }
}

fn unending(detail: String) -> EngineError<Never> {
    EngineError::Gateway(Arc::new(GatewayError::Refused(detail)))
}

/// What a callback would have said of it. Money that was given back was not captured, in the end.
fn report_of(capture: Capture) -> CallbackReport {
    let Capture { pg_payment_id, reference, amount, captured_at, given_back } = capture;
    let status = if given_back { CallbackStatus::Fail } else { CallbackStatus::Success };
    // The same at every asking, so that it is kept once.
    let raw_payload = serde_json::json!({
        "source": "reconciliation",
        "pgPaymentId": pg_payment_id,
        "reference": reference,
        "status": status,
        "amount": amount.minor,
        "currency": amount.currency,
        "capturedAt": captured_at,
    });
    CallbackReport {
        pg_payment_id,
        status,
        amount: Some(amount.minor),
        currency: Some(amount.currency.to_string()),
        raw_payload: raw_payload.to_string(),
    }
}
