//! Gateways that do not keep their word when they are asked for what they captured.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use futures_util::future::BoxFuture;
use ticketing_core::{
    Ticketing,
    clock::Timestamp,
    engine::{EngineError, PAGES_MAX, ReconcileReport},
    payment::{
        GatewaySession,
        gateway::{Capture, GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    store::{Page, memory::MemoryStore},
    testing::{
        Harness, SimClock, TestGateway,
        harness::{ALICE, OPERATOR, keys},
    },
};

/// What follows the page behind `after`.
type Next = fn(Option<&str>) -> Option<String>;

/// One that has a wrong name for every payment, and pages as it pleases.
#[derive(Debug)]
struct Liar {
    next: Next,
    captures: Mutex<Vec<Capture>>,
    pages_asked: AtomicU32,
}

impl Liar {
    fn new(next: Next) -> Self {
        Self { next, captures: Mutex::default(), pages_asked: AtomicU32::new(0) }
    }
}

impl PaymentGateway for Liar {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        let pg_payment_id = format!("pg_of_another_{}", request.reference.uuid().as_simple()).try_into().unwrap();
        Box::pin(async { Ok(GatewaySession { pg_payment_id, url: "https://gateway.test/another".to_owned() }) })
    }

    fn refund(&self, _: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(async { Ok(()) })
    }

    fn captured(&self, _: Timestamp, after: Option<String>) -> BoxFuture<'_, Result<Page<Capture>, GatewayError>> {
        self.pages_asked.fetch_add(1, Ordering::Relaxed);
        let items = std::mem::take(&mut *self.captures.lock().unwrap());
        Box::pin(async move { Ok(Page { items, next: (self.next)(after.as_deref()) }) })
    }
}

async fn shop() -> Harness {
    let clock = Arc::new(SimClock::new());
    Harness::over(Arc::new(MemoryStore::new(Arc::clone(&clock) as _)), clock).await
}

async fn reconcile(h: &Harness, gateway: &Arc<Liar>) -> Result<ReconcileReport, String> {
    let engine = Ticketing::builder(Arc::clone(&h.store), keys(), Arc::clone(gateway) as _).build();
    let report = engine.reconcile(OPERATOR, Timestamp::from_micros(0)).await;
    engine.shutdown().await;
    report.map_err(|error| {
        assert!(matches!(error, EngineError::Gateway(_)), "{error:?}");
        error.to_string()
    })
}

#[tokio::test]
async fn a_name_that_is_not_the_captures_is_not_recorded() {
    let h = shop().await;
    h.session(5).await;
    let hold = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    h.gateway.lose_open_replies(1);
    h.engine.checkout(h.checkout_request(ALICE, hold.id)).await.unwrap_err();
    let opened = h.gateway.opened().remove(0);
    let (pg_payment_id, reference) = (TestGateway::name_of(opened.reference), Some(opened.reference));
    let capture = Capture { pg_payment_id, reference, amount: opened.amount, captured_at: h.now(), given_back: false };
    let liar = Arc::new(Liar::new(|_| None));
    liar.captures.lock().unwrap().push(capture);
    assert_eq!(reconcile(&h, &liar).await.unwrap().unmatched, 1);
    assert_eq!(h.store.payment(opened.reference).await.unwrap().unwrap().gateway, None);

    h.gateway.capture(opened.reference, opened.amount, h.now());
    let report = h.engine.reconcile(OPERATOR, Timestamp::from_micros(0)).await.unwrap();
    assert_eq!(report, ReconcileReport { captured: 1, sold: 1, ..ReconcileReport::default() });
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_refused() {
    let h = shop().await;
    let stuck = Arc::new(Liar::new(|_| Some("page-2".to_owned())));
    let told = reconcile(&h, &stuck).await.unwrap_err();
    assert!(told.contains("page-2"), "{told}");
    assert_eq!(stuck.pages_asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let h = shop().await;
    let turning = Arc::new(Liar::new(|after| Some(if after == Some("a") { "b" } else { "a" }.to_owned())));
    let told = reconcile(&h, &turning).await.unwrap_err();
    assert!(told.contains(&format!("more than {PAGES_MAX} pages")), "{told}");
    assert_eq!(turning.pages_asked.load(Ordering::Relaxed), PAGES_MAX);
}
