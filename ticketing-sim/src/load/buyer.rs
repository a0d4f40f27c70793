//! One buyer's way from the waiting room to the tickets.

use std::{sync::Arc, time::Duration};

use futures_util::future::{join, join_all};
use ticketing_core::{
    clock::{Clock, Timestamp},
    payment::{CallbackStatus, PaymentStatus},
};

use super::{
    plan::{Delivery, Doubt, Ending, Plan},
    shop::{Counter, Delivered, Heard, PRICE, Page, Sale, Told, Wish},
    story::{Answer, Call, HeldTickets, Place, Released, Reported, Sighting, SoldOut, Step, Story},
};

/// How long a call is repeated whose outcome is unknown, or for which the shop had no time.
const ASK_FOR: Duration = Duration::from_secs(60);
/// Before the first repetition; each one waits longer by as much, up to the longest.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);
const ASK_AGAIN_AFTER_MAX: Duration = Duration::from_millis(500);
/// How long a payment may take to be settled once its callback was answered.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
/// How long after the end of its hold a late payment comes.
const LATE_BY: Duration = Duration::from_millis(200);

/// What is shown of a line may be so old.
const SHOWN_LATE_SECONDS: u32 = 1;

/// What all buyers of a sale have in common.
#[derive(Debug, Clone)]
pub struct Visit {
    /// What they want.
    pub sale: Sale,
    /// Tells the times of the story.
    pub clock: Arc<dyn Clock>,
    /// How long a hold lives.
    pub hold_ttl: Duration,
    /// Whether there is a waiting room.
    pub queued: bool,
    /// Between two looks at it.
    pub poll_every: Duration,
    /// When a buyer hangs up who does.
    pub hang_up_after: Duration,
}

/// When a buyer comes.
#[derive(Debug, Clone, Copy)]
pub struct Coming {
    /// When the first call is due.
    pub due: Timestamp,
    /// When the hold is, if it has a time of its own.
    pub hold_due: Option<Timestamp>,
}

/// Lives a plan through. Every call's time counts from when it was due.
pub async fn buy(visit: Visit, counter: Arc<Counter>, plan: Plan, coming: Coming) -> Story {
    let mut buyer = Buyer { visit, counter, story: Story::new(plan), hold_due: coming.due };
    let token = if buyer.visit.queued {
        let Some(token) = buyer.wait_in_line(coming.due).await else { return buyer.story };
        buyer.hold_due = buyer.now();
        Some(token)
    } else {
        None
    };
    if let Some(hold_due) = coming.hold_due {
        buyer.wait_until(hold_due).await;
        buyer.hold_due = buyer.hold_due.max(hold_due);
    }
    buyer.shop(token).await;
    buyer.story
}

/// Whether a buyer who does nothing wrong may be refused `step` for this reason.
fn may_be_refused(step: Step, reason: &str) -> bool {
    match step {
        Step::Join => matches!(reason, "sold_out" | "queue_full"),
        Step::Poll | Step::Leave => reason == "queue_token_expired",
        Step::Hold => matches!(reason, "sold_out" | "queue_token_expired"),
        Step::Checkout => reason == "hold_not_active",
        // It has a complaint of its own.
        Step::Release => true,
        Step::Read | Step::Callback | Step::Payment | Step::Tickets => false,
    }
}

struct Buyer {
    visit: Visit,
    counter: Arc<Counter>,
    story: Story,
    /// When the hold was to be asked for.
    hold_due: Timestamp,
}

impl Buyer {
    fn now(&self) -> Timestamp {
        self.visit.clock.now()
    }

    async fn wait_until(&self, at: Timestamp) {
        tokio::time::sleep(at.since(self.now())).await;
    }

    /// Puts a call that was answered now into the story.
    fn note<T>(&mut self, step: Step, due: Timestamp, asked: Timestamp, again: bool, heard: &Heard<T>) {
        self.note_at(self.now(), step, due, asked, again, heard);
    }

    /// Puts a call into the story. A shop that fails breaks a promise, and so does one that refuses what an
    /// honest buyer may ask.
    fn note_at<T>(
        &mut self,
        answered: Timestamp,
        step: Step,
        due: Timestamp,
        asked: Timestamp,
        again: bool,
        heard: &Heard<T>,
    ) {
        let answer = heard.as_ref().map_or_else(Clone::clone, |_| Answer::Done);
        match &answer {
            Answer::Failed { error } => self.story.complaints.push(format!("defect: {}: {error}", step.name())),
            Answer::Refused { reason } if !may_be_refused(step, reason) => {
                let user = self.story.plan.user_id;
                self.story.complaints.push(format!("refused: {user} was refused to {}: {reason}", step.name()));
            }
            Answer::Done | Answer::Refused { .. } | Answer::Busy { .. } | Answer::Unknown => {}
        }
        self.story.calls.push(Call { step, due, asked, answered, again, answer });
    }

    /// Asks until the answer is one, or nobody has patience any more.
    async fn ask<T, F: Future<Output = Heard<T>>>(
        &mut self,
        step: Step,
        due: Timestamp,
        ask: impl Fn() -> F,
    ) -> Heard<T> {
        let patient_until = self.now().plus(ASK_FOR);
        // A hold that was asked for before, by somebody who hung up or does not believe the answer.
        let mut again = step == Step::Hold && self.story.calls.iter().any(|call| call.step == Step::Hold);
        let (mut pause, mut unknown) = (ASK_AGAIN_AFTER, false);
        loop {
            let asked = self.now();
            let heard = ask().await;
            self.note(step, due, asked, again, &heard);
            let Err(answer) = &heard else { return heard };
            unknown |= *answer == Answer::Unknown;
            if !answer.is_open() || self.now() > patient_until {
                if unknown && (answer.is_open() || matches!(answer, Answer::Failed { .. })) {
                    self.story.unresolved.push(step);
                }
                return heard;
            }
            again = true;
            tokio::time::sleep(pause).await;
            pause = (pause + ASK_AGAIN_AFTER).min(ASK_AGAIN_AFTER_MAX);
        }
    }

    async fn wait_in_line(&mut self, due: Timestamp) -> Option<String> {
        let (counter, session_id) = (Arc::clone(&self.counter), self.visit.sale.session_id);
        let asked = self.now();
        let joined = self.ask(Step::Join, due, || counter.join(session_id)).await;
        if joined.as_ref().is_err_and(|answer| answer.is_refusal_for("sold_out")) {
            // What was refused is the last call of those that were made.
            let asked = self.story.calls.last().map_or(asked, |call| call.asked);
            self.story.sold_out = Some(SoldOut { quantity: 1, asked, answered: self.now() });
        }
        let mut turn = joined.ok()?;
        let given = self.now();
        let first = Sighting { asked, answered: given, position: turn.position };
        let allowed = turn.allowed.then_some(given);
        self.story.place = Some(Place { asked, given, allowed, seen: vec![first] });
        if self.story.plan.ending == Ending::LeavesTheLine {
            tokio::time::sleep(self.story.plan.thinks).await;
            let due = self.now();
            let _ = self.ask(Step::Leave, due, || counter.leave_line(&turn.token)).await;
            return None;
        }
        while !turn.allowed && !turn.sold_out {
            tokio::time::sleep(self.visit.poll_every).await;
            let asked = self.now();
            let polled = self.ask(Step::Poll, asked, || counter.poll(&turn.token)).await;
            let answered = self.now();
            turn = polled.ok()?;
            let place = self.story.place.as_mut()?;
            if !turn.sold_out {
                let asked = self.story.calls.last().map_or(asked, |call| call.asked);
                place.seen.push(Sighting { asked, answered, position: turn.position });
            }
            place.allowed = turn.allowed.then_some(answered);
        }
        if let Some(last) = self.story.calls.last().filter(|_| turn.sold_out) {
            let asked = last.asked.minus_seconds(SHOWN_LATE_SECONDS);
            self.story.sold_out = Some(SoldOut { quantity: 1, asked, answered: last.answered });
        }
        turn.allowed.then_some(turn.token)
    }

    /// From the hold on.
    async fn shop(&mut self, token: Option<String>) {
        if self.story.plan.ending == Ending::LeavesTheLine {
            return;
        }
        let Some(told) = self.hold(token).await else { return };
        tokio::time::sleep(self.story.plan.thinks).await;
        match self.story.plan.ending {
            Ending::WalksAway | Ending::LeavesTheLine => {}
            Ending::Releases => self.release(&told).await,
            Ending::WalksAwayFromPayment => {
                self.check_out(&told).await;
            }
            Ending::Pays | Ending::PaysLate | Ending::IsDeclined => {
                if let Some(page) = self.check_out(&told).await {
                    self.pay(&page).await;
                }
            }
        }
    }

    async fn hold(&mut self, token: Option<String>) -> Option<Told> {
        let wish = Wish {
            session_id: self.visit.sale.session_id,
            quantity: self.story.plan.quantity,
            key: format!("buyer-{}", self.story.plan.user_id.uuid().as_simple()),
            token,
        };
        let first_asked = self.now();
        match self.story.plan.doubt {
            Doubt::None | Doubt::AsksTwice => {}
            Doubt::HangsUp => self.hang_up(&wish).await,
            Doubt::AsksTwiceAtOnce => return self.hold_twice_at_once(&wish, first_asked).await,
        }
        let told = self.hold_until_known(&wish, first_asked).await?;
        if self.story.plan.doubt == Doubt::AsksTwice {
            self.hold_due = self.now();
            let again = self.hold_until_known(&wish, first_asked).await;
            self.compare(&told, again.as_ref());
        }
        Some(told)
    }

    /// Makes the call, so that it is on its way, and drops it before its answer.
    async fn hang_up(&mut self, wish: &Wish) {
        let (counter, asked) = (Arc::clone(&self.counter), self.now());
        let heard = tokio::time::timeout(self.visit.hang_up_after, counter.hold(wish)).await;
        self.note(Step::Hold, self.hold_due, asked, false, &heard.unwrap_or(Err(Answer::Unknown)));
    }

    async fn hold_twice_at_once(&mut self, wish: &Wish, asked: Timestamp) -> Option<Told> {
        let counter = Arc::clone(&self.counter);
        let clock = Arc::clone(&self.visit.clock);
        let timed = async || (counter.hold(wish).await, clock.now());
        let ((one, one_at), (other, other_at)) = join(timed(), timed()).await;
        self.note_at(one_at, Step::Hold, self.hold_due, asked, false, &one);
        self.note_at(other_at, Step::Hold, self.hold_due, asked, false, &other);
        match (one, other) {
            (Ok(one), Ok(other)) => {
                self.acknowledge(&one, asked);
                self.compare(&one, Some(&other));
                if one.replayed == other.replayed {
                    let holds = one.hold_id;
                    self.story.complaints.push(format!("I7: of two calls under one key, not one placed {holds}"));
                }
                Some(one)
            }
            (Ok(told), Err(answer)) | (Err(answer), Ok(told)) => {
                self.acknowledge(&told, asked);
                // One that was decided first may have found nothing left.
                if matches!(answer, Answer::Refused { .. }) && !answer.is_refusal_for("sold_out") {
                    let hold = told.hold_id;
                    self.story.complaints.push(format!("I7: {hold} was placed, and its key was refused: {answer:?}"));
                }
                if answer.is_open() {
                    let again = self.hold_until_known(wish, asked).await;
                    self.compare(&told, again.as_ref());
                }
                Some(told)
            }
            (Err(_), Err(_)) => self.hold_until_known(wish, asked).await,
        }
    }

    async fn hold_until_known(&mut self, wish: &Wish, first_asked: Timestamp) -> Option<Told> {
        let counter = Arc::clone(&self.counter);
        let heard = self.ask(Step::Hold, self.hold_due, || counter.hold(wish)).await;
        match &heard {
            Ok(told) => self.acknowledge(told, first_asked),
            Err(answer) if answer.is_refusal_for("sold_out") => {
                // What was refused is the last call of those that were made.
                let asked = self.story.calls.last().map_or(first_asked, |call| call.asked);
                self.story.sold_out = Some(SoldOut { quantity: wish.quantity, asked, answered: self.now() });
            }
            Err(_) => {}
        }
        heard.ok()
    }

    fn acknowledge(&mut self, told: &Told, asked: Timestamp) {
        let acknowledged = self.now();
        if told.quantity != self.story.plan.quantity {
            let (id, held, wanted) = (told.hold_id, told.quantity, self.story.plan.quantity);
            self.story.complaints.push(format!("I2: {id} holds {held} instead of {wanted}"));
        }
        let due = PRICE.minor * i64::from(told.quantity);
        if told.amount != due {
            let (id, amount) = (told.hold_id, told.amount);
            self.story.complaints.push(format!("I4: {id} costs {amount} instead of {due}"));
        }
        let held = HeldTickets {
            hold_id: told.hold_id,
            asked,
            acknowledged,
            expires_at: told.expires_at,
            ends_earliest: asked.plus(self.visit.hold_ttl),
            ends_latest: acknowledged.plus(self.visit.hold_ttl),
        };
        self.story.held.get_or_insert(held);
    }

    fn compare(&mut self, first: &Told, again: Option<&Told>) {
        let Some(again) = again else {
            return self.story.complaints.push(format!("I7: the key of {} was not answered again", first.hold_id));
        };
        if first.hold_id != again.hold_id {
            self.story.complaints.push(format!("I7: one key names {} and {}", first.hold_id, again.hold_id));
        }
    }

    async fn release(&mut self, told: &Told) {
        let (counter, hold_id, asked) = (Arc::clone(&self.counter), told.hold_id, self.now());
        self.story.released = Some(Released { asked, done: None });
        let heard = self.ask(Step::Release, asked, || counter.release(hold_id)).await;
        match heard {
            Ok(()) => self.story.released = Some(Released { asked, done: Some(self.now()) }),
            Err(Answer::Refused { reason }) => {
                self.story.complaints.push(format!("I8: {hold_id} was not paid and cannot be released: {reason}"));
            }
            Err(_) => {}
        }
    }

    async fn check_out(&mut self, told: &Told) -> Option<Page> {
        let (counter, hold_id, due) = (Arc::clone(&self.counter), told.hold_id, self.now());
        let opened = self.ask(Step::Checkout, due, || counter.check_out(hold_id)).await;
        if let (Err(answer), Some(held)) = (&opened, &self.story.held)
            && answer.is_refusal_for("hold_not_active")
            && self.now() < held.ends_earliest
        {
            let early = held.ends_earliest;
            self.story
                .complaints
                .push(format!("I9: {hold_id} had ended before {early}, when it could end at the earliest"));
        }
        let page = opened.ok()?;
        if page.amount != told.amount {
            let (id, asked, held) = (page.payment_id, page.amount, told.amount);
            self.story.complaints.push(format!("I4: {id} asks {asked} for a hold of {held}"));
        }
        Some(page)
    }

    async fn pay(&mut self, page: &Page) {
        let status = match self.story.plan.ending {
            Ending::IsDeclined => CallbackStatus::Fail,
            Ending::Pays
            | Ending::PaysLate
            | Ending::WalksAway
            | Ending::WalksAwayFromPayment
            | Ending::Releases
            | Ending::LeavesTheLine => CallbackStatus::Success,
        };
        if let (Ending::PaysLate, Some(held)) = (self.story.plan.ending, &self.story.held) {
            self.wait_until(held.ends_latest.plus(LATE_BY)).await;
        }
        self.story.reported = Some(Reported {
            order_id: page.order_id,
            payment_id: page.payment_id,
            pg_payment_id: page.pg_payment_id.clone(),
            status,
            asked: self.now(),
            settled: None,
            sold: 0,
            refunded: 0,
            answered: 0,
            stood: None,
            tickets: None,
        });
        match self.story.plan.delivery {
            Delivery::Once => self.deliver(page, status).await,
            Delivery::Twice => {
                self.deliver(page, status).await;
                self.deliver(page, status).await;
            }
            Delivery::FiveAtOnce => {
                self.deliver_five_at_once(page, status).await;
                if self.story.reported.as_ref().is_some_and(|reported| reported.answered == 0) {
                    self.deliver(page, status).await;
                }
            }
        }
        self.look_at_the_payment(page).await;
        self.read_tickets(page).await;
    }

    /// As a gateway does: until it is answered.
    async fn deliver(&mut self, page: &Page, status: CallbackStatus) {
        let (counter, due) = (Arc::clone(&self.counter), self.now());
        let heard = self.ask(Step::Callback, due, || counter.report(page, status)).await;
        self.be_told(&heard);
    }

    async fn deliver_five_at_once(&mut self, page: &Page, status: CallbackStatus) {
        let (counter, asked) = (Arc::clone(&self.counter), self.now());
        let clock = Arc::clone(&self.visit.clock);
        let timed = async || (counter.report(page, status).await, clock.now());
        for (heard, answered) in join_all((0..5).map(|_| timed())).await {
            self.note_at(answered, Step::Callback, asked, asked, false, &heard);
            self.be_told(&heard);
        }
    }

    fn be_told(&mut self, heard: &Heard<Delivered>) {
        let now = self.now();
        let (Some(reported), Ok(delivered)) = (&mut self.story.reported, heard) else { return };
        reported.answered += 1;
        match delivered {
            Delivered::Sold => reported.sold += 1,
            Delivered::Refunded => reported.refunded += 1,
            Delivered::Declined | Delivered::Untold => {}
            Delivered::Nothing => return,
            Delivered::Unmatched => {
                let name = &reported.pg_payment_id;
                self.story.complaints.push(format!("I6: the callback of {name} found no payment"));
                return;
            }
        }
        reported.settled.get_or_insert(now);
    }

    /// Where the answer to a callback tells nothing, the payment does.
    async fn look_at_the_payment(&mut self, page: &Page) {
        let (counter, payment_id) = (Arc::clone(&self.counter), page.payment_id);
        let (until, mut waited) = (self.now().plus(SETTLED_WITHIN), false);
        loop {
            let due = self.now();
            let heard = self.ask(Step::Payment, due, || counter.payment(payment_id)).await;
            let waits = heard == Ok(PaymentStatus::Pending) && self.now() < until;
            if !waits {
                let now = self.now();
                let Some(reported) = &mut self.story.reported else { return };
                reported.stood = heard.ok();
                if waited {
                    reported.settled = Some(now);
                }
                let told = reported.sold + reported.refunded > 0;
                match reported.stood {
                    Some(PaymentStatus::Succeeded) if !told => reported.sold = 1,
                    Some(PaymentStatus::RefundPending | PaymentStatus::Refunded) if !told => reported.refunded = 1,
                    _ => {}
                }
                return;
            }
            waited = true;
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
        }
    }

    async fn read_tickets(&mut self, page: &Page) {
        if !self.story.bought() {
            return;
        }
        let (counter, order_id, due) = (Arc::clone(&self.counter), page.order_id, self.now());
        let tickets = self.ask(Step::Tickets, due, || counter.tickets(order_id)).await;
        if let Some(reported) = &mut self.story.reported {
            reported.tickets = tickets.ok();
        }
    }
}
