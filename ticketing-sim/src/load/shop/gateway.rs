//! The gateway's own books: what it was asked to open, what it took, and what it gave back.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{BoxFuture, ready};
use serde::Serialize;
use ticketing_core::{
    clock::{Clock, Timestamp},
    ids::PaymentId,
    money::Money,
    payment::{
        GatewaySession,
        gateway::{Capture, GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    store::Page,
};

use super::complaint::{Breach, Complaint};

/// Captures on one page of their list.
const PAGE: usize = 500;

/// What the gateway did for one payment.
#[derive(Debug, Clone, Copy)]
struct Account {
    reference: PaymentId,
    amount: Money,
    is_captured: bool,
    refunds: u32,
}

/// A payment gateway that does everything it is asked, once under each key, and keeps its own account of what the
/// shop asked: of that, nothing is believed that the shop says.
///
/// It names a payment after its merchant reference, so that the same question has the same answer.
#[derive(Debug)]
pub struct SimGateway {
    clock: Arc<dyn Clock>,
    books: Mutex<Books>,
}

/// What went through the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// Payments whose money was taken.
    pub captured: u64,
    /// How often money was given back.
    pub given_back: u64,
}

#[derive(Debug, Default)]
struct Books {
    accounts: HashMap<String, Account>,
    /// The payments that were captured, in the order of capture.
    captured: Vec<(Timestamp, String)>,
    refund_keys: HashMap<String, String>,
    complaints: Vec<Complaint>,
}

impl SimGateway {
    /// One that has done nothing yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, books: Mutex::default() }
    }

    /// Takes the buyer's money, once.
    pub fn capture(&self, payment: &str) {
        let mut books = self.books();
        // While nobody else writes, so that captures are in the order of their times.
        let now = self.clock.now();
        books.capture(payment, now);
    }

    /// Refuses what no shop may ask, and complains of it.
    pub fn refuse(&self, breach: Breach, detail: String) -> GatewayError {
        self.books().refuse(breach, detail)
    }

    /// How often money was given back for `payment`; asking again under one key counts once.
    pub fn refunds_of(&self, payment: &str) -> u32 {
        self.books().accounts.get(payment).map_or(0, |account| account.refunds)
    }

    /// What went through it so far.
    pub fn taken(&self) -> Taken {
        let books = self.books();
        let given_back = books.accounts.values().map(|account| u64::from(account.refunds)).sum();
        Taken { captured: books.captured.len() as u64, given_back }
    }

    /// What it has had to complain of since the last time.
    pub fn complaints(&self) -> Vec<Complaint> {
        mem::take(&mut self.books().complaints)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn open(&mut self, request: &OpenPayment) -> Result<GatewaySession, GatewayError> {
        let OpenPayment { reference, amount, .. } = *request;
        let name = format!("sim_{}", reference.uuid().as_simple());
        let new = Account { reference, amount, is_captured: false, refunds: 0 };
        let opened = self.accounts.entry(name.clone()).or_insert(new).amount;
        if opened != amount {
            let wrong = format!("{name} was opened for {opened}, and then for {amount}");
            return Err(self.refuse(Breach::Terms, wrong));
        }
        let url = format!("https://gateway.invalid/pay/{name}");
        let pg_payment_id = name.parse().map_err(|error| GatewayError::Refused(format!("{name}: {error}")))?;
        Ok(GatewaySession { pg_payment_id, url })
    }

    fn capture(&mut self, name: &str, now: Timestamp) {
        let Some(account) = self.accounts.get_mut(name) else {
            return self.complain(Breach::Terms, format!("a buyer was to pay for {name}, which was never opened"));
        };
        if !account.is_captured {
            account.is_captured = true;
            self.captured.push((now, name.to_owned()));
        }
    }

    fn refund(&mut self, request: Refund) -> Result<(), GatewayError> {
        let Refund { key, pg_payment_id, amount } = request;
        let name = pg_payment_id.as_str();
        match self.refund_keys.get(&key) {
            Some(first) if first == name => return Ok(()),
            Some(first) => {
                let wrong = format!("under {key} the money of {first} was given back, and then asked for {name}");
                return Err(self.refuse(Breach::Refund, wrong));
            }
            None => {}
        }
        let Some(account) = self.accounts.get_mut(name) else {
            let wrong = format!("the money of {name} was to be given back, which there is not");
            return Err(self.refuse(Breach::Refund, wrong));
        };
        let Account { is_captured, amount: paid, refunds, .. } = *account;
        if !is_captured {
            let wrong = format!("the money of {name} was to be given back, and none was taken");
            return Err(self.refuse(Breach::Refund, wrong));
        }
        if paid != amount {
            let wrong = format!("{amount} of {name} were to be given back, {paid} were taken");
            return Err(self.refuse(Breach::Terms, wrong));
        }
        account.refunds += 1;
        if refunds > 0 {
            self.complain(Breach::DoubleRefund, format!("the money of {name} was given back again, under {key}"));
        }
        self.refund_keys.insert(key, name.to_owned());
        Ok(())
    }

    fn captured(&self, since: Timestamp, after: Option<&str>) -> Result<Page<Capture>, GatewayError> {
        let from = match after {
            None => self.captured.partition_point(|(at, _)| *at < since),
            Some(after) => after.parse().map_err(|_| GatewayError::Refused(format!("there is no page {after}")))?,
        };
        let capture = |(captured_at, name): &(Timestamp, String)| {
            let account = self.accounts.get(name)?;
            Some(Capture {
                pg_payment_id: name.parse().ok()?,
                reference: Some(account.reference),
                amount: account.amount,
                captured_at: *captured_at,
                given_back: account.refunds > 0,
            })
        };
        let to = self.captured.len().min(from + PAGE);
        let items = self.captured.get(from..to).unwrap_or_default().iter().filter_map(capture).collect();
        Ok(Page { items, next: (to < self.captured.len()).then(|| to.to_string()) })
    }

    fn refuse(&mut self, breach: Breach, detail: String) -> GatewayError {
        self.complain(breach, detail.clone());
        GatewayError::Refused(detail)
    }

    fn complain(&mut self, breach: Breach, detail: String) {
        self.complaints.push(Complaint { breach, detail });
    }
}

impl PaymentGateway for SimGateway {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(ready(self.books().open(&request)))
    }

    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(ready(self.books().refund(request)))
    }

    fn captured(&self, since: Timestamp, after: Option<String>) -> BoxFuture<'_, Result<Page<Capture>, GatewayError>> {
        Box::pin(ready(self.books().captured(since, after.as_deref())))
    }
}

#[cfg(test)]
mod tests {
    use ticketing_core::{
        clock::SystemClock,
        money::Currency,
        payment::{GatewayPaymentId, PaymentMethod},
    };
    use uuid::Uuid;

    use super::*;

    const PAID: Money = Money::new(55_000, Currency::KRW);

    fn gateway() -> SimGateway {
        SimGateway::new(Arc::new(SystemClock::new()))
    }

    async fn opened(gateway: &SimGateway, number: u128, amount: Money) -> Result<GatewayPaymentId, GatewayError> {
        let reference = PaymentId::from_uuid(Uuid::from_u128(number));
        let expires_at = Timestamp::from_micros(0);
        let request = OpenPayment { reference, amount, method: PaymentMethod::Card, expires_at };
        gateway.open(request).await.map(|session| session.pg_payment_id)
    }

    async fn refund(gateway: &SimGateway, key: &str, payment: &GatewayPaymentId, amount: Money) -> bool {
        let request = Refund { key: key.to_owned(), pg_payment_id: payment.clone(), amount };
        gateway.refund(request).await.is_ok()
    }

    #[tokio::test]
    async fn a_shop_that_asks_as_it_may_is_not_complained_of() {
        let gateway = gateway();
        let payment = opened(&gateway, 1, PAID).await.unwrap();
        assert_eq!(opened(&gateway, 1, PAID).await.unwrap(), payment, "asked twice, it is the same one");
        gateway.capture(payment.as_str());
        gateway.capture(payment.as_str());
        assert!(
            refund(&gateway, "refund:1", &payment, PAID).await && refund(&gateway, "refund:1", &payment, PAID).await
        );
        assert_eq!(gateway.refunds_of(payment.as_str()), 1, "under one key it is given back once");
        assert_eq!(gateway.taken(), Taken { captured: 1, given_back: 1 });
        assert_eq!(gateway.complaints(), Vec::<Complaint>::new());
    }

    #[tokio::test]
    async fn every_wrong_question_is_complained_of_once() {
        let gateway = gateway();
        let one = opened(&gateway, 1, PAID).await.unwrap();
        let other = opened(&gateway, 2, PAID).await.unwrap();
        let less = Money::new(1, Currency::KRW);
        assert!(opened(&gateway, 1, less).await.is_err());
        assert!(!refund(&gateway, "early", &one, PAID).await, "nothing was taken");
        gateway.capture(one.as_str());
        gateway.capture(other.as_str());
        assert!(!refund(&gateway, "other amount", &one, less).await);
        assert!(!refund(&gateway, "unknown", &"sim_3".parse().unwrap(), PAID).await);
        assert!(refund(&gateway, "key", &one, PAID).await);
        assert!(!refund(&gateway, "key", &other, PAID).await, "the key is another payment's");
        assert!(refund(&gateway, "again", &one, PAID).await, "money that went twice is gone");
        gateway.capture("sim_3");
        let complaints = gateway.complaints();
        let breaches: Vec<_> = complaints.iter().map(|complaint| complaint.breach).collect();
        let expected = [
            Breach::Terms,
            Breach::Refund,
            Breach::Terms,
            Breach::Refund,
            Breach::Refund,
            Breach::DoubleRefund,
            Breach::Terms,
        ];
        assert_eq!(breaches, expected, "{complaints:?}");
        assert_eq!(complaints[6].to_string(), "I4: a buyer was to pay for sim_3, which was never opened");
        assert_eq!(gateway.taken(), Taken { captured: 2, given_back: 2 });
        assert_eq!(gateway.complaints(), Vec::<Complaint>::new());
    }

    #[tokio::test]
    async fn what_was_captured_is_listed_in_order_page_by_page() {
        let gateway = gateway();
        for number in 0..=PAGE as u128 {
            let payment = opened(&gateway, number, PAID).await.unwrap();
            gateway.capture(payment.as_str());
        }
        let unpaid = opened(&gateway, 10_000, PAID).await.unwrap();
        let first = gateway.captured(Timestamp::from_micros(0), None).await.unwrap();
        let second = gateway.captured(Timestamp::from_micros(0), first.next.clone()).await.unwrap();
        assert_eq!((first.items.len(), second.items.len(), second.next), (PAGE, 1, None));
        let both = || first.items.iter().chain(&second.items);
        assert!(both().is_sorted_by_key(|capture| capture.captured_at) && both().all(|it| it.pg_payment_id != unpaid));
        let since = second.items[0].captured_at;
        let late = gateway.captured(since, None).await.unwrap();
        assert!(late.items.iter().all(|capture| capture.captured_at >= since));
    }
}
