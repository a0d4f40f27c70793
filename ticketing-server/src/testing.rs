//! An engine for the tests of this crate.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use futures_util::future::BoxFuture;
use ticketing_core::{
    Ticketing,
    clock::{Clock, Timestamp},
    engine::Keys,
    payment::{
        GatewaySession,
        gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    store::memory::MemoryStore,
};

/// Seconds, as a test sets them.
#[derive(Debug, Default)]
pub(crate) struct Seconds(pub(crate) AtomicI64);

impl Clock for Seconds {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed) * 1_000_000)
    }
}

#[derive(Debug)]
struct Unused;

impl PaymentGateway for Unused {
    fn open(&self, _: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        unreachable!("nothing is paid here")
    }

    fn refund(&self, _: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        unreachable!("nothing is paid here")
    }
}

/// An engine in memory, by this clock, at which nothing is paid.
pub(crate) fn engine(clock: Arc<dyn Clock>) -> Ticketing {
    let store = Arc::new(MemoryStore::new(clock));
    Ticketing::builder(store, Keys::new(b"audit", b"queue", &[1; 32]), Arc::new(Unused)).build()
}
