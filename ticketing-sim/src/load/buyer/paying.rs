//! From the checkout to the tickets.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use ticketing_core::payment::{CallbackStatus, PaymentStatus};

use super::{ASK_AGAIN_AFTER, ASK_AGAIN_AFTER_MAX, Buyer};
use crate::load::{
    plan::{Delivery, Ending},
    shop::{Delivered, Heard, Page, Told},
    story::{Reported, Step},
};

/// How long a payment may take to be settled once its callback was answered.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
/// And when no callback comes: servers ask the gateway every five seconds, and some of these questions fail.
const LEARNT_WITHIN: Duration = Duration::from_secs(20);
/// How long after the end of its hold a late payment comes.
const LATE_BY: Duration = Duration::from_millis(200);

impl Buyer {
    pub(super) async fn check_out(&mut self, told: &Told) -> Option<Page> {
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

    pub(super) async fn pay(&mut self, page: &Page) {
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
        if status == CallbackStatus::Success {
            self.counter.capture(page);
        }
        match self.story.plan.delivery {
            Delivery::Lost => {}
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

    /// Where the answer to a callback tells nothing, or none comes, the payment does.
    async fn look_at_the_payment(&mut self, page: &Page) {
        let (counter, payment_id) = (Arc::clone(&self.counter), page.payment_id);
        let patience = match self.story.plan.delivery {
            Delivery::Once | Delivery::Twice | Delivery::FiveAtOnce => SETTLED_WITHIN,
            Delivery::Lost => LEARNT_WITHIN,
        };
        let (until, mut waited, mut pause) = (self.now().plus(patience), false, ASK_AGAIN_AFTER);
        let stood = loop {
            let due = self.now();
            let heard = self.ask(Step::Payment, due, || counter.payment(payment_id)).await;
            if heard != Ok(PaymentStatus::Pending) || self.now() >= until {
                break heard.ok();
            }
            waited = true;
            tokio::time::sleep(pause).await;
            pause = (pause + ASK_AGAIN_AFTER).min(ASK_AGAIN_AFTER_MAX);
        };
        let now = self.now();
        let Some(reported) = &mut self.story.reported else { return };
        reported.stood = stood;
        if waited || reported.settled.is_none() {
            reported.settled = stood.filter(|status| *status != PaymentStatus::Pending).map(|_| now);
        }
        let told = reported.sold + reported.refunded > 0;
        match stood {
            Some(PaymentStatus::Succeeded) if !told => reported.sold = 1,
            Some(PaymentStatus::RefundPending | PaymentStatus::Refunded) if !told => reported.refunded = 1,
            _ => {}
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
