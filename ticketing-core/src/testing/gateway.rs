//! A payment gateway in memory, which fails as a test tells it to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use tokio::sync::Barrier;

use crate::{
    clock::Timestamp,
    ids::PaymentId,
    money::Money,
    payment::{
        GatewayPaymentId, GatewaySession,
        gateway::{Capture, GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    store::Page,
};

/// Captures on one page: few, so that every test turns some.
const CAPTURES_PER_PAGE: usize = 2;

/// Remembers what it was asked, by reference and by key, and keeps the promises of
/// [`PaymentGateway`].
#[derive(Debug, Default)]
pub struct TestGateway {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    opened: BTreeMap<PaymentId, OpenPayment>,
    refunds: BTreeMap<String, Refund>,
    captures: Vec<Capture>,
    captures_unavailable: u32,
    opens_asked: u32,
    refunds_asked: u32,
    opens_unavailable: u32,
    open_replies_lost: u32,
    refunds_unavailable: u32,
    refund_replies_lost: u32,
    refunds_meet: Option<Arc<Barrier>>,
}

impl TestGateway {
    /// A gateway that always answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The gateway's name for a payment, told before it was asked to open it.
    pub fn name_of(payment: PaymentId) -> GatewayPaymentId {
        GatewayPaymentId::try_from(format!("pg_{}", payment.uuid().as_simple()))
            .expect("a prefix and hex digits are visible ASCII")
    }

    /// The next `times` openings find it away; nothing is opened.
    pub fn open_unavailable(&self, times: u32) {
        self.state().opens_unavailable = times;
    }

    /// The replies of the next `times` openings are lost; the payment pages are open.
    pub fn lose_open_replies(&self, times: u32) {
        self.state().open_replies_lost = times;
    }

    /// The next `times` refunds find it away; nothing is given back.
    pub fn refund_unavailable(&self, times: u32) {
        self.state().refunds_unavailable = times;
    }

    /// From now on refunds are answered `together` at once: each waits until so many are under way.
    pub fn refunds_meet(&self, together: usize) {
        self.state().refunds_meet = Some(Arc::new(Barrier::new(together)));
    }

    /// The replies of the next `times` refunds are lost; the money is given back.
    pub fn lose_refund_replies(&self, times: u32) {
        self.state().refund_replies_lost = times;
    }

    /// The next `times` questions for what was captured find it away.
    pub fn captures_unavailable(&self, times: u32) {
        self.state().captures_unavailable = times;
    }

    /// A buyer pays `amount` for `payment` at `captured_at`. Nobody is told of it.
    pub fn capture(&self, payment: PaymentId, amount: Money, captured_at: Timestamp) {
        let (pg_payment_id, reference) = (Self::name_of(payment), Some(payment));
        let capture = Capture { pg_payment_id, reference, amount, captured_at, given_back: false };
        let mut state = self.state();
        if !state.captures.iter().any(|known| known.pg_payment_id == capture.pg_payment_id) {
            state.captures.push(capture);
        }
    }

    /// The payment pages that were opened, one per reference.
    pub fn opened(&self) -> Vec<OpenPayment> {
        self.state().opened.values().cloned().collect()
    }

    /// What was given back, once per key.
    pub fn refunds(&self) -> Vec<Refund> {
        self.state().refunds.values().cloned().collect()
    }

    /// How often a refund was asked for, heard or not.
    pub fn refunds_asked(&self) -> u32 {
        self.state().refunds_asked
    }

    /// How often an opening was asked for, heard or not.
    pub fn opens_asked(&self) -> u32 {
        self.state().opens_asked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one of a number of scripted failures down; tells whether there was one left.
fn strikes(left: &mut u32) -> bool {
    let strikes = *left > 0;
    *left = left.saturating_sub(1);
    strikes
}

impl PaymentGateway for TestGateway {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(async move {
            let mut state = self.state();
            state.opens_asked += 1;
            if strikes(&mut state.opens_unavailable) {
                return Err(GatewayError::Unavailable("scripted: away".to_owned()));
            }
            let pg_payment_id = Self::name_of(request.reference);
            let url = format!("https://gateway.test/pay/{pg_payment_id}");
            state.opened.entry(request.reference).or_insert(request);
            if strikes(&mut state.open_replies_lost) {
                return Err(GatewayError::Unavailable("scripted: reply lost".to_owned()));
            }
            Ok(GatewaySession { pg_payment_id, url })
        })
    }

    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(async move {
            let meeting = self.state().refunds_meet.clone();
            if let Some(meeting) = meeting {
                meeting.wait().await;
            }
            let mut state = self.state();
            state.refunds_asked += 1;
            if strikes(&mut state.refunds_unavailable) {
                return Err(GatewayError::Unavailable("scripted: away".to_owned()));
            }
            state.refunds.entry(request.key.clone()).or_insert(request);
            if strikes(&mut state.refund_replies_lost) {
                return Err(GatewayError::Unavailable("scripted: reply lost".to_owned()));
            }
            Ok(())
        })
    }

    fn captured(&self, since: Timestamp, after: Option<String>) -> BoxFuture<'_, Result<Page<Capture>, GatewayError>> {
        Box::pin(async move {
            let mut state = self.state();
            if strikes(&mut state.captures_unavailable) {
                return Err(GatewayError::Unavailable("scripted: away".to_owned()));
            }
            let refused = |error| GatewayError::Refused(format!("no page of this list: {error}"));
            let behind = after.map_or(Ok(0), |after| after.parse::<usize>().map_err(refused))?;
            let refunded: BTreeSet<_> = state.refunds.values().map(|refund| &refund.pg_payment_id).collect();
            let numbered = state
                .captures
                .iter()
                .zip(1..)
                .filter(|(capture, number)| capture.captured_at >= since && *number > behind);
            let found: Vec<(Capture, usize)> = numbered
                .map(|(capture, number)| {
                    let given_back = refunded.contains(&capture.pg_payment_id);
                    (Capture { given_back, ..capture.clone() }, number)
                })
                .collect();
            let page = Page::of(found, CAPTURES_PER_PAGE as u32, |(_, number)| number.to_string());
            Ok(page.map(|(capture, _)| capture))
        })
    }
}
