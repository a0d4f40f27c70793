//! The gateway: it keeps its promises, and its own books, and its answers get lost.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::BoxFuture;
use ticketing_core::payment::{
    CallbackReport, CallbackStatus, GatewaySession,
    gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
};
use tokio::time::sleep;

use super::{
    super::oracle::Account,
    faults::{Fault, Faults},
    trace::Trace,
};

/// Longer than anybody waits for the gateway.
const SILENCE: Duration = Duration::from_secs(15);

/// The gateway. A clone is the same one.
#[derive(Clone)]
pub struct Bank {
    shared: Arc<Shared>,
}

struct Shared {
    faults: Faults,
    trace: Trace,
    state: Mutex<State>,
}

struct State {
    random: Rng,
    accounts: BTreeMap<String, Account>,
}

impl Bank {
    /// A gateway that nobody has asked yet.
    pub fn new(faults: Faults, trace: Trace, seed: u64) -> Self {
        let state = Mutex::new(State { random: Rng::with_seed(seed), accounts: BTreeMap::new() });
        Self { shared: Arc::new(Shared { faults, trace, state }) }
    }

    /// A buyer pays `amount` on the page of `payment`. Once: the page is closed behind it. Tells whether
    /// the money was taken now.
    pub fn capture(&self, payment: &str, amount: i64) -> bool {
        let mut state = self.state();
        let Some(account) = state.accounts.get_mut(payment).filter(|account| account.captured.is_none()) else {
            return false;
        };
        account.captured = Some(amount);
        true
    }

    /// Its books.
    pub fn books(&self) -> BTreeMap<String, Account> {
        self.state().accounts.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn travel(&self) {
        let millis = self.state().random.u64(0..60);
        if millis > 10 {
            sleep(Duration::from_millis(millis)).await;
        }
    }

    async fn open_payment(&self, request: OpenPayment) -> Result<GatewaySession, GatewayError> {
        self.travel().await;
        if self.shared.faults.strikes(Fault::OpenSilent) {
            self.shared.trace.fault("the gateway does not answer");
            sleep(SILENCE).await;
            return Err(GatewayError::Unavailable("injected".to_owned()));
        }
        let name = format!("pg_{}", request.reference.uuid().as_simple());
        {
            let mut state = self.state();
            let account = state.accounts.entry(name.clone()).or_default();
            account.amount = request.amount.minor;
        }
        if self.shared.faults.strikes(Fault::OpenReplyLost) {
            self.shared.trace.fault("the gateway has opened a payment, and its answer is lost");
            return Err(GatewayError::Unavailable("injected: reply lost".to_owned()));
        }
        self.travel().await;
        let url = format!("https://gateway.test/pay/{name}");
        let pg_payment_id = name.parse().map_err(|_| GatewayError::Refused("this is no name".to_owned()))?;
        Ok(GatewaySession { pg_payment_id, url })
    }

    async fn give_back(&self, request: Refund) -> Result<(), GatewayError> {
        self.travel().await;
        if self.shared.faults.strikes(Fault::RefundUnavailable) {
            self.shared.trace.fault("the gateway gives nothing back");
            return Err(GatewayError::Unavailable("injected".to_owned()));
        }
        {
            let mut state = self.state();
            let name = request.pg_payment_id.as_str();
            let account = state.accounts.get_mut(name);
            let account = account.ok_or_else(|| GatewayError::Refused(format!("there is no {name}")))?;
            account.refunds.entry(request.key).or_insert_with(|| {
                self.shared.trace.note(format_args!("gateway: {name} is given back"));
                request.amount.minor
            });
        }
        if self.shared.faults.strikes(Fault::RefundReplyLost) {
            self.shared.trace.fault("the money is given back, and the gateway's answer is lost");
            if self.state().random.bool() {
                sleep(SILENCE).await;
            }
            return Err(GatewayError::Unavailable("injected: reply lost".to_owned()));
        }
        Ok(())
    }
}

/// What the gateway reports of a payment. `amount`: what was captured, if anything.
pub fn report(payment: &str, amount: Option<i64>) -> Option<CallbackReport> {
    let status = if amount.is_some() { CallbackStatus::Success } else { CallbackStatus::Fail };
    Some(CallbackReport {
        pg_payment_id: payment.parse().ok()?,
        status,
        amount,
        currency: amount.map(|_| "KRW".to_owned()),
        raw_payload: format!(r#"{{"payment":"{payment}","status":"{status}"}}"#),
    })
}

impl PaymentGateway for Bank {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(self.open_payment(request))
    }

    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(self.give_back(request))
    }
}

impl fmt::Debug for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bank")
    }
}
