//! Setting tickets aside, and giving them back.

use std::sync::Arc;

use futures_util::future::join;
use ticketing_core::clock::Timestamp;

use super::Buyer;
use crate::load::{
    plan::Doubt,
    shop::{PRICE, Told, Wish},
    story::{Answer, HeldTickets, Released, SoldOut, Step},
};

impl Buyer {
    pub(super) async fn hold(&mut self, token: Option<String>) -> Option<Told> {
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

    pub(super) async fn release(&mut self, told: &Told) {
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
}
