//! One buyer's way from the waiting room to the tickets.

use std::{sync::Arc, time::Duration};

use futures_util::future::{join, join_all, poll_immediate};
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    clock::{Clock, Timestamp},
    command::{HoldRefusal, Placed, QueueRefusal, Settlement},
    engine::{CallbackOutcome, CheckoutRequest, EngineError, HoldRequest, OpenCheckout, QueueState},
    hold::{IdempotencyKey, Wanted},
    ids::SessionId,
    payment::{CallbackReport, CallbackStatus, PaymentMethod},
    store::{PageRequest, StoreError},
};

use super::{
    plan::{Delivery, Doubt, Ending, Plan},
    reason::Reason,
    story::{Answer, Call, HeldTickets, Reported, SoldOut, Step, Story},
};

/// Between two looks at the waiting room.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// How often a call whose outcome is unknown, or which found the engine overloaded, is repeated.
const TRIES_MAX: u32 = 20;
/// Before the first repetition; each one waits longer by as much.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// How long after the end of its hold a late payment comes.
const LATE_BY: Duration = Duration::from_millis(200);

/// Where the buyers go.
#[derive(Debug, Clone)]
pub struct Shop {
    /// The engine under load.
    pub engine: Ticketing,
    /// The session they want.
    pub session_id: SessionId,
    /// Tells the times of the story.
    pub clock: Arc<dyn Clock>,
}

/// Lives a plan through.
pub async fn buy(shop: Shop, plan: Plan) -> Story {
    let mut buyer = Buyer { shop, caller: Caller::of(Actor::User(plan.user_id)), story: Story::new(plan) };
    if let Some(token) = buyer.wait_in_line().await
        && let Some(placed) = buyer.hold(token).await
        && buyer.story.plan.ending != Ending::WalksAway
        && let Some(checkout) = buyer.check_out(&placed).await
        && buyer.story.plan.ending != Ending::WalksAwayFromPayment
    {
        buyer.be_called_back(checkout).await;
    }
    buyer.story
}

struct Buyer {
    shop: Shop,
    caller: Caller,
    story: Story,
}

impl Buyer {
    fn now(&self) -> Timestamp {
        self.shop.clock.now()
    }

    fn note<T, E: Reason>(&mut self, step: Step, asked: Timestamp, result: &Result<T, E>) {
        let answer = result.as_ref().map_or_else(Reason::answer, |_| Answer::Done);
        let answered = self.now();
        self.story.calls.push(Call { step, asked, answered, answer });
    }

    async fn wait_in_line(&mut self) -> Option<String> {
        let (engine, user) = (self.shop.engine.clone(), self.story.plan.user_id);
        let asked = self.now();
        let joined = engine.join_queue(self.caller, self.shop.session_id, user).await;
        self.note(Step::Join, asked, &joined);
        if let Err(EngineError::Refused(QueueRefusal::SoldOut)) = &joined {
            self.story.sold_out = Some(SoldOut { quantity: 1, asked, answered: self.now() });
        }
        let mut status = joined.ok()?;
        while status.state == QueueState::Waiting {
            tokio::time::sleep(POLL_EVERY).await;
            let asked = self.now();
            let polled = engine.queue_status(&status.token, user).await;
            self.note(Step::Poll, asked, &polled);
            status = polled.ok()?;
        }
        (status.state == QueueState::Allowed).then_some(status.token)
    }

    async fn hold(&mut self, token: String) -> Option<Placed> {
        let key = format!("buyer-{}", self.story.plan.user_id.uuid().as_simple());
        let key: IdempotencyKey = key.parse().expect("letters, digits and dashes make a key");
        let request = HoldRequest {
            caller: self.caller,
            session_id: self.shop.session_id,
            user_id: self.story.plan.user_id,
            wanted: Wanted::Quantity(self.story.plan.quantity),
            key,
            queue_token: Some(token),
        };
        let first_asked = self.now();
        match self.story.plan.doubt {
            Doubt::None | Doubt::AsksTwice => {}
            Doubt::HangsUp => self.hang_up(request.clone()).await,
            Doubt::AsksTwiceAtOnce => return self.hold_twice_at_once(request, first_asked).await,
        }
        let placed = self.ask_until_known(&request, first_asked).await?;
        if self.story.plan.doubt == Doubt::AsksTwice {
            let again = self.ask_until_known(&request, first_asked).await;
            self.compare(&placed, again.as_ref());
        }
        Some(placed)
    }

    /// Makes the call, so that it is queued, and drops it before its answer.
    async fn hang_up(&mut self, request: HoldRequest) {
        let (engine, asked) = (self.shop.engine.clone(), self.now());
        let call = std::pin::pin!(engine.hold(request));
        let unheard = poll_immediate(call).await;
        let answer = unheard.map_or(Answer::Unknown, |heard| heard.map_or_else(|e| e.answer(), |_| Answer::Done));
        let answered = self.now();
        self.story.calls.push(Call { step: Step::Hold, asked, answered, answer });
    }

    async fn hold_twice_at_once(&mut self, request: HoldRequest, asked: Timestamp) -> Option<Placed> {
        let engine = self.shop.engine.clone();
        let (one, other) = join(engine.hold(request.clone()), engine.hold(request.clone())).await;
        self.note(Step::Hold, asked, &one);
        self.note(Step::Hold, asked, &other);
        match (one, other) {
            (Ok(one), Ok(other)) => {
                self.acknowledge(&one, asked);
                self.compare(&one, Some(&other));
                if one.replayed == other.replayed {
                    let holds = one.hold.id;
                    self.story.complaints.push(format!("I7: of two calls under one key, not one placed {holds}"));
                }
                Some(one)
            }
            (Ok(placed), Err(_)) | (Err(_), Ok(placed)) => {
                self.acknowledge(&placed, asked);
                Some(placed)
            }
            (Err(_), Err(_)) => self.ask_until_known(&request, asked).await,
        }
    }

    async fn ask_until_known(&mut self, request: &HoldRequest, first_asked: Timestamp) -> Option<Placed> {
        let engine = self.shop.engine.clone();
        for attempt in 1..=TRIES_MAX {
            let asked = self.now();
            let answer = engine.hold(request.clone()).await;
            self.note(Step::Hold, asked, &answer);
            match answer {
                Ok(placed) => {
                    self.acknowledge(&placed, first_asked);
                    return Some(placed);
                }
                Err(EngineError::Refused(refusal)) => {
                    if matches!(refusal, HoldRefusal::SoldOut { .. }) {
                        let quantity = request.wanted.quantity();
                        self.story.sold_out = Some(SoldOut { quantity, asked, answered: self.now() });
                    }
                    return None;
                }
                Err(EngineError::Overloaded | EngineError::Store(StoreError::OutcomeUnknown { .. })) => {
                    tokio::time::sleep(TRY_AGAIN_AFTER * attempt).await;
                }
                Err(_) => return None,
            }
        }
        None
    }

    fn acknowledge(&mut self, placed: &Placed, asked: Timestamp) {
        let acknowledged = self.now();
        let hold = &placed.hold;
        if hold.quantity() != self.story.plan.quantity {
            let (held, wanted) = (hold.quantity(), self.story.plan.quantity);
            self.story.complaints.push(format!("I2: {} holds {held} instead of {wanted}", hold.id));
        }
        let held = HeldTickets { hold_id: hold.id, asked, acknowledged, expires_at: hold.expires_at };
        self.story.held.get_or_insert(held);
    }

    fn compare(&mut self, first: &Placed, again: Option<&Placed>) {
        let Some(again) = again else {
            return self.story.complaints.push(format!("I7: the key of {} was not answered again", first.hold.id));
        };
        if first.hold.id != again.hold.id {
            self.story.complaints.push(format!("I7: one key names {} and {}", first.hold.id, again.hold.id));
        }
    }

    async fn check_out(&mut self, placed: &Placed) -> Option<OpenCheckout> {
        let request = CheckoutRequest {
            caller: self.caller,
            user_id: self.story.plan.user_id,
            hold_id: placed.hold.id,
            method: PaymentMethod::Card,
        };
        let (engine, asked) = (self.shop.engine.clone(), self.now());
        let opened = engine.checkout(request).await;
        self.note(Step::Checkout, asked, &opened);
        let opened = opened.ok()?;
        if opened.payment.amount != placed.hold.amount {
            let (asked, held) = (opened.payment.amount, placed.hold.amount);
            self.story.complaints.push(format!("I4: {} asks {asked} for a hold of {held}", opened.payment.id));
        }
        Some(opened)
    }

    async fn be_called_back(&mut self, checkout: OpenCheckout) {
        let status = match self.story.plan.ending {
            Ending::Pays | Ending::PaysLate => CallbackStatus::Success,
            Ending::IsDeclined | Ending::WalksAway | Ending::WalksAwayFromPayment => CallbackStatus::Fail,
        };
        let pg_payment_id = checkout.gateway.pg_payment_id.clone();
        let amount = checkout.payment.amount;
        let report = CallbackReport {
            raw_payload: format!(r#"{{"pgPaymentId":"{pg_payment_id}","status":"{status}"}}"#),
            pg_payment_id: pg_payment_id.clone(),
            status,
            amount: Some(amount.minor),
            currency: Some(amount.currency.to_string()),
        };
        if self.story.plan.ending == Ending::PaysLate {
            let late = checkout.expires_at.plus(LATE_BY);
            tokio::time::sleep(late.since(self.now())).await;
        }
        let asked = self.now();
        self.story.reported = Some(Reported {
            order_id: checkout.order.id,
            payment_id: checkout.payment.id,
            pg_payment_id,
            status,
            asked,
            settled: None,
            sold: 0,
            refunded: 0,
            answered: 0,
            tickets: None,
        });
        match self.story.plan.delivery {
            Delivery::Once => self.deliver(&report, 1).await,
            Delivery::Twice => {
                self.deliver(&report, 1).await;
                self.deliver(&report, 1).await;
            }
            Delivery::FiveAtOnce => self.deliver(&report, 5).await,
        }
        self.read_tickets().await;
    }

    /// Delivers `report` so many times at once.
    async fn deliver(&mut self, report: &CallbackReport, times: usize) {
        let (engine, asked) = (self.shop.engine.clone(), self.now());
        let caller = Caller::of(Actor::Gateway);
        let deliveries = (0..times).map(|_| engine.payment_callback(caller, report.clone()));
        for outcome in join_all(deliveries).await {
            self.note(Step::Callback, asked, &outcome);
            let now = self.now();
            let Some(reported) = &mut self.story.reported else { continue };
            let Ok(outcome) = outcome else { continue };
            reported.answered += 1;
            match outcome {
                CallbackOutcome::Settled(Settlement::Sold) => reported.sold += 1,
                CallbackOutcome::Settled(Settlement::RefundRequested(_)) => reported.refunded += 1,
                CallbackOutcome::Settled(Settlement::Declined) => {}
                CallbackOutcome::Settled(Settlement::Duplicate | Settlement::Contradicted) => continue,
                CallbackOutcome::Unmatched => {
                    let name = &reported.pg_payment_id;
                    self.story.complaints.push(format!("I6: the callback of {name} found no payment"));
                    continue;
                }
            }
            reported.settled.get_or_insert(now);
        }
    }

    async fn read_tickets(&mut self) {
        if self.story.reported.as_ref().is_none_or(|reported| reported.sold == 0) {
            return;
        }
        let (engine, asked) = (self.shop.engine.clone(), self.now());
        let page = PageRequest { limit: PageRequest::LIMIT_MAX, after: None };
        let tickets = engine.queries().tickets_of_user(self.story.plan.user_id, page).await;
        self.note(Step::Tickets, asked, &tickets);
        if let (Some(reported), Ok(page)) = (&mut self.story.reported, tickets) {
            let of_order = page.items.iter().filter(|view| view.ticket.order_id == reported.order_id);
            reported.tickets = Some(of_order.count());
        }
    }
}
