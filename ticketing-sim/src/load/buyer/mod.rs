//! One buyer's way from the waiting room to the tickets.

mod holding;
mod paying;

use std::{sync::Arc, time::Duration};

use ticketing_core::clock::{Clock, Timestamp};

use super::{
    plan::{Ending, Plan},
    shop::{Counter, Heard, Sale},
    story::{Answer, Call, Place, Sighting, SoldOut, Step, Story},
};

/// How long a call is repeated whose outcome is unknown, or for which the shop had no time.
const ASK_FOR: Duration = Duration::from_secs(60);
/// Before the first repetition; each one waits longer by as much, up to the longest.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);
const ASK_AGAIN_AFTER_MAX: Duration = Duration::from_millis(500);
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
}
