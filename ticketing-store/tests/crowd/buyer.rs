//! One buyer's way.

use std::time::Duration;

use ticketing_core::{
    audit::{Actor, Caller},
    clock::{Clock, SystemClock},
    command::{HoldRefusal, Placed, Settlement},
    engine::{CallbackOutcome, CheckoutRequest, EngineError, HoldRequest, OpenCheckout},
    hold::Wanted,
    ids::{HoldId, OrderId, PaymentId, SessionId, UserId},
    payment::{CallbackStatus, PaymentMethod},
    store::StoreError,
    testing::harness::{buyer, report},
};
use tokio::{sync::watch, time::Instant};

use super::Shop;

/// What every buyer's only hold is asked for under.
pub const KEY: &str = "the-key";
/// How long a buyer rests before it asks again.
const REST: Duration = Duration::from_millis(20);
/// How long a buyer asks.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one buyer was told.
#[derive(Debug, Clone)]
pub struct Story {
    pub number: u32,
    pub user: UserId,
    pub session: SessionId,
    /// Its hold; `None`: nothing was left.
    pub hold: Option<HoldId>,
    /// When it was told so.
    pub told_at: Instant,
    /// The hold was there when it asked again.
    pub replayed: bool,
    /// Its order, once the shop took the callback for a sale.
    pub paid: Option<OrderId>,
    /// Its payment, once the gateway has the money.
    pub captured: Option<PaymentId>,
    /// How often it was not told what became of its question.
    pub unknown: u32,
    /// How often it was told to come again.
    pub put_off: u32,
}

/// Asks for a ticket until it is told, and pays for it if its number is odd.
pub async fn buy(shop: &Shop, session: SessionId, number: u32, told: &watch::Sender<usize>) -> Story {
    let story = Story {
        number,
        user: buyer(number),
        session,
        hold: None,
        told_at: Instant::now(),
        replayed: false,
        paid: None,
        captured: None,
        unknown: 0,
        put_off: 0,
    };
    let mut buyer = Buyer { shop, story };
    let way = async {
        let Some(placed) = buyer.hold().await else { return };
        told.send_modify(|holding| *holding += 1);
        if !number.is_multiple_of(2) {
            buyer.pay(&placed).await;
        }
    };
    tokio::time::timeout(PATIENCE, way).await.unwrap_or_else(|_| panic!("buyer {number} was not told in {PATIENCE:?}"));
    buyer.story
}

struct Buyer<'a> {
    shop: &'a Shop,
    story: Story,
}

impl Buyer<'_> {
    async fn hold(&mut self) -> Option<Placed> {
        let key = KEY.parse().expect("letters and a dash make a key");
        let request = HoldRequest::of(self.story.user, self.story.session, Wanted::Quantity(1), key);
        let engine = self.shop.engine.clone();
        let placed = self.ask(|| engine.hold(request.clone())).await;
        self.story.told_at = Instant::now();
        match placed {
            Ok(placed) => {
                (self.story.hold, self.story.replayed) = (Some(placed.hold.id), placed.replayed);
                Some(placed)
            }
            Err(HoldRefusal::SoldOut { .. }) => None,
            Err(refusal) => panic!("{refusal}: {:?}", self.story),
        }
    }

    async fn pay(&mut self, placed: &Placed) {
        let engine = self.shop.engine.clone();
        let request = CheckoutRequest::of(&placed.hold, PaymentMethod::Card);
        // A hold that is not there any more is for the judge.
        let Ok(open) = self.ask(|| engine.checkout(request.clone())).await else { return };
        let OpenCheckout { order, payment, .. } = &open;
        self.shop.gateway.capture(payment.id, payment.amount, SystemClock::new().now());
        self.story.captured = Some(payment.id);
        let report = report(&open, CallbackStatus::Success);
        let answer = self.ask(|| engine.payment_callback(Caller::of(Actor::Gateway), report.clone())).await;
        if let Ok(CallbackOutcome::Settled(Settlement::Sold | Settlement::Duplicate)) = answer {
            self.story.paid = Some(order.id);
        }
    }

    /// Asks again for as long as the answer is none.
    async fn ask<T, R, F>(&mut self, question: impl Fn() -> F) -> Result<T, R>
    where
        R: std::error::Error,
        F: Future<Output = Result<T, EngineError<R>>>,
    {
        loop {
            match question().await {
                Ok(done) => return Ok(done),
                Err(EngineError::Refused(refusal)) => return Err(refusal),
                Err(EngineError::Store(StoreError::OutcomeUnknown { .. })) => self.story.unknown += 1,
                Err(EngineError::Store(StoreError::Unavailable { .. } | StoreError::Conflict { .. })) => {
                    self.story.put_off += 1;
                }
                Err(error) => panic!("the engine failed: {error:?}"),
            }
            tokio::time::sleep(REST).await;
        }
    }
}
