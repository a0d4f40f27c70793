//! One sale, from its opening to its judgement.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use ticketing_core::{
    clock::{Clock, Timestamp},
    ids::UserId,
    payment::{CallbackStatus, PaymentStatus},
    session::Stock,
    waiting_room::QueueMode,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    background::{Background, Sample},
    buyer::{self, Coming, Visit},
    judge::{self, Ending, Shown, Terms},
    plan::Plan,
    scene::{Arrival, Pattern, Scene},
    shop::{Counter, Sale, Shop},
    story::{Call, Story},
};
use crate::{
    chaos::{Fault, Site},
    error::SimError,
};

/// How long payments and refunds may take after the last buyer has left.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at what has not settled.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Buyers who are let in, or asked at the end, at the same time.
const AT_ONCE: usize = 16;
/// Before the first buyer comes who was not let in already.
const HEAD_START: Duration = Duration::from_millis(50);
/// How often the end is asked for by somebody who got no answer.
const END_TRIES_MAX: u32 = 50;

/// Everything that one sale needs.
#[derive(Debug)]
pub struct Round<'a> {
    pub shop: &'a Shop,
    pub scene: &'a Scene,
    pub clock: &'a Arc<dyn Clock>,
    pub rng: &'a mut Rng,
    pub bar: &'a ProgressBar,
}

/// A sale that is over.
#[derive(Debug)]
pub struct Held {
    /// What its buyers were told.
    pub stories: Vec<Story>,
    /// What was read beside them.
    pub reads: Vec<Call>,
    /// Its numbers over time.
    pub samples: Vec<Sample>,
    /// What broke meanwhile.
    pub faults: Vec<Fault>,
    /// From the first buyer to the last.
    pub elapsed: Duration,
    /// The books at the end.
    pub stock: Stock,
    /// The judgement.
    pub shown: Shown,
}

type Customer = (Arc<Counter>, Plan);

impl Round<'_> {
    /// Holds it.
    ///
    /// # Errors
    /// [`SimError`] when it cannot be opened, looked at or closed.
    pub async fn hold(&mut self, site: Option<&mut Site>) -> Result<Held, SimError> {
        let sale = self.shop.open_sale(self.scene, self.scene.stock).await?;
        let held = self.sell(sale, site).await;
        let closed = self.shop.close_sale(sale).await;
        held.and_then(|held| closed.map(|()| held))
    }

    async fn sell(&mut self, sale: Sale, site: Option<&mut Site>) -> Result<Held, SimError> {
        let plans: Vec<Plan> = (0..self.scene.buyers).map(|_| Plan::draw(self.rng, self.scene)).collect();
        let arrivals = self.scene.arrivals(self.rng);
        let customers = self.let_in(plans).await?;
        let reader = UserId::from_uuid(Uuid::from_u128(self.rng.u128(..)));
        let reader = Arc::new(self.shop.visit(reader).await?);
        let background =
            Background::start(self.shop, sale, self.clock, Arc::clone(&reader), self.scene.reads_per_second);

        let begun = self.clock.now();
        let last = arrivals.last().map_or(Duration::ZERO, |arrival| arrival.at);
        let (clock, mut chance) = (self.clock, Rng::with_seed(self.rng.u64(..)));
        let faults = async {
            match site {
                Some(site) => site.break_until(begun.plus(last), sale, clock, &mut chance).await,
                None => Ok(Vec::new()),
            }
        };
        let visit = Visit {
            sale,
            clock: Arc::clone(self.clock),
            hold_ttl: self.hold_ttl(),
            queued: self.scene.queue.mode == QueueMode::On,
            poll_every: self.shop.poll_every(),
            hang_up_after: self.shop.hang_up_after(),
        };
        let counters: Vec<_> = customers.iter().map(|(counter, plan)| (plan.user_id, Arc::clone(counter))).collect();
        let sold = async {
            match self.scene.pattern {
                Pattern::Crowd { concurrency } => crowd(visit, customers, concurrency, self.bar).await,
                Pattern::Flash | Pattern::Spec | Pattern::Steady { .. } => {
                    stream_in(visit, customers, &arrivals, self.bar).await
                }
            }
        };
        let (stories, faults) = tokio::join!(sold, faults);
        let (mut stories, faults) = (stories?, faults?);
        let elapsed = self.clock.now().since(begun);
        let (reads, samples) = background.stop().await;

        let mut places: std::collections::HashMap<_, _> = counters.into_iter().collect();
        let counters: Vec<_> = stories.iter().filter_map(|story| places.remove(&story.plan.user_id)).collect();
        let endings = self.ask_at_the_end(&stories, &counters).await?;
        let books = self.books(sale).await?;
        let late_landing = self.shop.late_landing();
        let mut shown =
            judge::by_history(&stories, Terms { stock: self.scene.stock, hold_ttl: self.hold_ttl(), late_landing });
        shown.complaints.extend(judge::by_the_end(&stories, &endings, books));
        shown.complaints.extend(faults.iter().filter_map(Fault::complaint));
        stories.sort_by_key(|story| story.calls.first().map(|call| call.due));
        let missing = || SimError::Broken(format!("I16: {} is missing", sale.session_id));
        let stock = books.ok_or_else(missing)?;
        Ok(Held { stories, reads, samples, faults, elapsed, stock, shown })
    }

    fn hold_ttl(&self) -> Duration {
        Duration::from_secs(self.scene.hold_ttl_seconds.into())
    }

    async fn let_in(&self, plans: Vec<Plan>) -> Result<Vec<Customer>, SimError> {
        let visits = plans.into_iter().map(async |plan| {
            let counter = self.shop.visit(plan.user_id).await?;
            Ok::<_, SimError>((Arc::new(counter), plan))
        });
        stream::iter(visits).buffered(AT_ONCE).try_collect().await
    }

    /// What is there of every buyer, once every payment is settled and every refund that was promised has been made.
    async fn ask_at_the_end(&self, stories: &[Story], counters: &[Arc<Counter>]) -> Result<Vec<Ending>, SimError> {
        let deadline = self.clock.now().plus(SETTLED_WITHIN);
        let asked = stories.iter().zip(counters).map(|(story, counter)| self.ending(story, counter, deadline));
        stream::iter(asked).buffered(AT_ONCE).try_collect().await
    }

    async fn ending(&self, story: &Story, counter: &Counter, deadline: Timestamp) -> Result<Ending, SimError> {
        let mut ending = Ending::default();
        if let Some(held) = &story.held {
            ending.has_hold = Some(patiently(async || counter.has_hold(held.hold_id).await).await?);
        }
        let Some(reported) = &story.reported else { return Ok(ending) };
        let gateway_is_known = self.shop.refunds_of(&reported.pg_payment_id).is_some();
        if reported.answered == 0 && !gateway_is_known {
            return Ok(ending);
        }
        // The shop has to learn of money that was taken. Of a refusal that it was not told of it never hears.
        let is_captured = gateway_is_known && reported.status == CallbackStatus::Success;
        loop {
            let status = patiently(async || match counter.payment(reported.payment_id).await {
                Err(answer) if answer.is_refusal_for("payment_not_found") => Ok(None),
                told => told.map(Some),
            });
            ending.payment = status.await?;
            let is_open = match ending.payment {
                Some(PaymentStatus::RefundPending) => true,
                Some(PaymentStatus::Pending) => is_captured,
                Some(PaymentStatus::Succeeded | PaymentStatus::Failed | PaymentStatus::Refunded) | None => false,
            };
            if !is_open || self.clock.now() > deadline {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        ending.tickets = patiently(async || counter.tickets(reported.order_id).await).await?;
        ending.refunds = self.shop.refunds_of(&reported.pg_payment_id);
        Ok(ending)
    }

    async fn books(&self, sale: Sale) -> Result<Option<Stock>, SimError> {
        let numbers = patiently(async || match self.shop.numbers(sale).await {
            Err(answer) if answer.is_refusal_for("session_not_found") => Ok(None),
            told => told.map(Some),
        });
        Ok(numbers.await?.map(|numbers| numbers.stock))
    }
}

/// Asks until there is an answer.
async fn patiently<T>(ask: impl AsyncFn() -> super::shop::Heard<T>) -> Result<T, SimError> {
    let mut last = None;
    for _ in 0..END_TRIES_MAX {
        match ask().await {
            Ok(told) => return Ok(told),
            Err(answer) if answer.is_open() => last = Some(answer),
            Err(answer) => return Err(SimError::Unreachable(format!("the end cannot be asked for: {answer:?}"))),
        }
        tokio::time::sleep(LOOK_EVERY * 5).await;
    }
    Err(SimError::Unreachable(format!("the end cannot be asked for: {last:?}")))
}

/// Everybody in turn, as soon as somebody has left.
async fn crowd(
    visit: Visit,
    customers: Vec<Customer>,
    concurrency: usize,
    bar: &ProgressBar,
) -> Result<Vec<Story>, SimError> {
    let buyers = customers.into_iter().map(|(counter, plan)| {
        let coming = Coming { due: visit.clock.now(), hold_due: None };
        tokio::spawn(buyer::buy(visit.clone(), counter, plan, coming))
    });
    let mut under_way = stream::iter(buyers).buffer_unordered(concurrency);
    let mut stories = Vec::new();
    while let Some(story) = under_way.next().await {
        stories.push(story.map_err(failed)?);
        bar.inc(1);
    }
    Ok(stories)
}

/// Everybody when it is their time, whatever became of those before.
async fn stream_in(
    visit: Visit,
    customers: Vec<Customer>,
    arrivals: &[Arrival],
    bar: &ProgressBar,
) -> Result<Vec<Story>, SimError> {
    let begun = visit.clock.now().plus(HEAD_START);
    let mut under_way = JoinSet::new();
    let mut stories = Vec::new();
    for ((counter, plan), arrival) in customers.into_iter().zip(arrivals) {
        let coming =
            Coming { due: begun.plus(arrival.at), hold_due: arrival.hold_at.map(|hold_at| begun.plus(hold_at)) };
        let wait = coming.due.since(visit.clock.now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        under_way.spawn(buyer::buy(visit.clone(), counter, plan, coming));
        while let Some(story) = under_way.try_join_next() {
            stories.push(story.map_err(failed)?);
            bar.inc(1);
        }
    }
    while let Some(story) = under_way.join_next().await {
        stories.push(story.map_err(failed)?);
        bar.inc(1);
    }
    Ok(stories)
}

fn failed(error: tokio::task::JoinError) -> SimError {
    SimError::Broken(format!("a buyer failed: {error}"))
}
