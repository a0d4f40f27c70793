//! A buyer on their way through the sale.

use std::time::Duration;

use fastrand::Rng;
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    command::{Redeemed, ReleaseBy},
    engine::{CheckoutRequest, HoldRequest, OpenCheckout, QueueState, QueueStatus, RedeemRequest},
    hold::{Hold, HoldStatus, Wanted},
    ids::{HoldId, OrderId},
    payment::PaymentMethod,
    ticket::ScanNonce,
};
use tokio::time::sleep;

use super::{
    history::{Answer, Ask, User, Who, Wish},
    persona::{Sneak, Step, Which},
    reports,
    scene::{Scene, held, user_id, user_of},
    sim::nodes::keys,
};

/// How often a question without an answer is asked again.
const ATTEMPTS: u32 = 6;
/// How often somebody who waits asks where they stand.
const POLLS: u64 = 24;

/// A buyer and what they have.
pub struct Shopper {
    scene: Scene,
    random: Rng,
    user: User,
    sale: usize,
    token: Option<(String, u64)>,
    last: Option<(u32, Wish)>,
    holds: Vec<HoldId>,
    orders: Vec<Bill>,
    scans: u32,
}

/// What a buyer has checked out.
struct Bill {
    hold: HoldId,
    order: OrderId,
    payment: String,
    amount: i64,
}

impl Shopper {
    /// A buyer with nothing.
    pub fn new(scene: Scene, user: User, sale: usize, seed: u64) -> Self {
        let random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9).wrapping_add(u64::from(user)));
        Self { scene, random, user, sale, token: None, last: None, holds: Vec::new(), orders: Vec::new(), scans: 0 }
    }

    /// Takes all `steps`.
    pub async fn go(&mut self, steps: &[Step]) {
        for step in steps {
            self.think(400).await;
            self.take(step).await;
        }
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Think(millis) => sleep(Duration::from_millis(*millis)).await,
            Step::Queue => self.wait_in_line().await,
            Step::Join => {
                self.join().await;
            }
            Step::Poll => {
                self.poll().await;
            }
            Step::Leave => self.leave().await,
            Step::Hold { key, wish } => {
                self.last = Some((*key, wish.clone()));
                self.hold(*key, wish.clone()).await;
            }
            Step::Again => {
                if let Some((key, wish)) = self.last.clone() {
                    self.hold(key, wish).await;
                }
            }
            Step::Otherwise { wish } => {
                if let Some((key, _)) = self.last {
                    self.hold(key, wish.clone()).await;
                }
            }
            Step::Release(which) => self.release(*which).await,
            Step::Checkout(which) => self.check_out(*which).await,
            Step::Pay(which) => self.pay(*which, 0).await,
            Step::PayShort(which) => self.pay(*which, -1_000).await,
            Step::Decline(which) => {
                if let Some(bill) = self.bill(*which) {
                    let payment = bill.payment.clone();
                    reports::declined(&self.scene, &mut self.random, self.sale, &payment);
                }
            }
            Step::Sneak(sneak) => self.sneak(*sneak).await,
            Step::Scan(which) => self.scan(*which).await,
        }
    }

    /// Asks for a hold until there is an answer, or patience is over.
    pub async fn hold(&mut self, key: u32, wish: Wish) -> Answer {
        let token = self.token.clone().map(|(token, _)| token);
        let mut answer = Answer::Pending;
        for _ in 0..ATTEMPTS {
            let of = token.as_ref().map(|_| self.user);
            answer = self.hold_once(key, wish.clone(), token.clone(), of).await;
            if let Answer::Held { hold, .. } = &answer {
                if !self.holds.contains(hold) {
                    self.holds.push(*hold);
                    self.scene.known().holds.push((self.sale, self.user, *hold));
                }
                return answer;
            }
            if matches!(answer, Answer::Refused(_)) {
                return answer;
            }
            self.think(1_500).await;
        }
        answer
    }

    async fn hold_once(&mut self, key: u32, wish: Wish, token: Option<String>, token_of: Option<User>) -> Answer {
        let Some(wanted) = wanted(&wish) else { return Answer::Failed("no such seat".to_owned()) };
        // Everybody counts their keys from one.
        let name = format!("k{key}");
        let Ok(parsed) = name.parse() else { return Answer::Failed("no such key".to_owned()) };
        let request = HoldRequest {
            queue_token: token,
            ..HoldRequest::of(user_id(self.user), self.scene.sessions[self.sale], wanted, parsed)
        };
        let ask = Ask::Hold { key: name, wish, token_of };
        let question = |engine: Ticketing| async move { engine.hold(request).await };
        let (scene, who, sale) = (self.scene.clone(), self.who(), self.sale);
        scene.ask(&mut self.random, who, sale, ask, question, |placed| held(&placed.hold, placed.replayed)).await
    }

    async fn wait_in_line(&mut self) {
        for _ in 0..ATTEMPTS {
            match self.join().await {
                Answer::Placed { allowed: true, .. } | Answer::Refused(_) => return,
                Answer::Placed { allowed: false, .. } => break,
                _ => self.think(1_500).await,
            }
        }
        for polled in 0..POLLS {
            self.think((2_000 + 500 * polled).min(9_000)).await;
            match self.poll().await {
                Answer::Standing { allowed: true, .. } | Answer::Refused(_) => return,
                _ => {}
            }
        }
    }

    async fn join(&mut self) -> Answer {
        let (caller, session, user) = (self.caller(), self.scene.sessions[self.sale], user_id(self.user));
        let question = move |engine: Ticketing| async move { engine.join_queue(caller, session, user).await };
        let mut token = None;
        let read = |status: QueueStatus| {
            let number = number_of(&status.token);
            let allowed = status.state == QueueState::Allowed;
            token = Some((status.token, number));
            Answer::Placed { number, existing: status.existing, allowed }
        };
        let (scene, who, sale) = (self.scene.clone(), self.who(), self.sale);
        let answer = scene.ask(&mut self.random, who, sale, Ask::Join, question, read).await;
        if let Some((token, number)) = token {
            self.scene.known().tokens.push((self.sale, self.user, token.clone(), number));
            self.token = Some((token, number));
        }
        answer
    }

    async fn poll(&mut self) -> Answer {
        let Some((token, place)) = self.token.clone() else { return Answer::Pending };
        self.poll_with(token, place, self.user).await
    }

    async fn poll_with(&mut self, token: String, place: u64, token_of: User) -> Answer {
        let user = user_id(self.user);
        let question = move |engine: Ticketing| async move { engine.queue_status(&token, user).await };
        let read = |status: QueueStatus| Answer::Standing {
            allowed: status.state == QueueState::Allowed,
            sold_out: status.state == QueueState::SoldOut,
            position: status.position,
        };
        let (scene, who, sale) = (self.scene.clone(), self.who(), self.sale);
        scene.ask(&mut self.random, who, sale, Ask::Poll { token_of, place }, question, read).await
    }

    async fn leave(&mut self) {
        let Some((token, place)) = self.token.clone() else { return };
        let user = user_id(self.user);
        let question = move |engine: Ticketing| async move { engine.leave_queue(&token, user).await };
        let (scene, who, sale) = (self.scene.clone(), self.who(), self.sale);
        let ask = Ask::Leave { token_of: self.user, place };
        scene.ask(&mut self.random, who, sale, ask, question, |()| Answer::Done).await;
    }

    async fn release(&mut self, which: Which) {
        if let Some(hold) = self.pick(which) {
            for _ in 0..ATTEMPTS {
                if !matches!(self.release_once(hold).await, Answer::Unknown | Answer::Failed(_)) {
                    return;
                }
                self.think(1_500).await;
            }
        }
    }

    async fn release_once(&mut self, hold: HoldId) -> Answer {
        let (caller, by) = (self.caller(), ReleaseBy::Owner(user_id(self.user)));
        let question = move |engine: Ticketing| async move { engine.release(caller, hold, by).await };
        let (scene, who, sale) = (self.scene.clone(), self.who(), self.sale);
        scene.ask(&mut self.random, who, sale, Ask::Release { hold }, question, ended).await
    }

    async fn check_out(&mut self, which: Which) {
        if let Some(hold) = self.pick(which) {
            for _ in 0..ATTEMPTS {
                let answer = self.check_out_once(hold).await;
                if let Answer::CheckedOut { order, payment, amount } = answer {
                    if !self.orders.iter().any(|bill| bill.order == order) {
                        self.scene.known().orders.push((self.sale, order));
                        self.orders.push(Bill { hold, order, payment, amount });
                    }
                    return;
                }
                if matches!(answer, Answer::Refused(_)) {
                    return;
                }
                self.think(1_500).await;
            }
        }
    }

    async fn check_out_once(&mut self, hold: HoldId) -> Answer {
        let request = CheckoutRequest {
            caller: self.caller(),
            user_id: user_id(self.user),
            hold_id: hold,
            method: PaymentMethod::Card,
        };
        let question = |engine: Ticketing| async move { engine.checkout(request).await };
        let (scene, who, sale) = (self.scene.clone(), self.who(), self.sale);
        let read = |open: OpenCheckout| Answer::CheckedOut {
            order: open.order.id,
            payment: open.gateway.pg_payment_id.to_string(),
            amount: open.payment.amount.minor,
        };
        scene.ask(&mut self.random, who, sale, Ask::Checkout { hold }, question, read).await
    }

    async fn pay(&mut self, which: Which, off_by: i64) {
        let Some(bill) = self.bill(which) else { return };
        let (payment, amount) = (bill.payment.clone(), bill.amount);
        if self.scene.bank.capture(&payment, amount + off_by) {
            self.scene.trace.note(format_args!("buyer {} pays {} for {payment}", self.user, amount + off_by));
            reports::captured(&self.scene, &mut self.random, self.sale, &payment, amount + off_by, off_by == 0);
        }
    }

    async fn sneak(&mut self, sneak: Sneak) {
        let (hold, token) = {
            let known = self.scene.known();
            let others = |sale: usize, user: User| sale == self.sale && user != self.user;
            let holds: Vec<_> = known.holds.iter().filter(|(sale, user, _)| others(*sale, *user)).copied().collect();
            let tokens: Vec<_> = known.tokens.iter().filter(|(sale, user, ..)| others(*sale, *user)).cloned().collect();
            (self.random.choice(holds), self.random.choice(tokens))
        };
        match (sneak, hold, token) {
            (Sneak::Release, Some((_, _, hold)), _) => {
                self.release_once(hold).await;
            }
            (Sneak::Checkout, Some((_, _, hold)), _) => {
                self.check_out_once(hold).await;
            }
            (Sneak::HoldWithToken, _, Some((_, owner, token, _))) => {
                let wish = if self.scene.sales[self.sale].seated {
                    Wish::Seats(vec![super::persona::seat(0)])
                } else {
                    Wish::Tickets(1)
                };
                let key = 90 + self.random.u32(0..1_000);
                self.hold_once(key, wish, Some(token), Some(owner)).await;
            }
            (Sneak::PollToken, _, Some((_, owner, token, place))) => {
                self.poll_with(token, place, owner).await;
            }
            _ => {}
        }
    }

    async fn scan(&mut self, which: Which) {
        let Some(order) = self.bill(which).map(|bill| bill.order) else { return };
        self.think(4_000).await;
        self.scans += 1;
        let nonce = format!("scan-{}-{}", self.user, self.scans);
        scan(&self.scene.clone(), &mut self.random, self.sale, order, &nonce).await;
    }

    async fn think(&mut self, most: u64) {
        sleep(Duration::from_millis(self.random.u64(0..most))).await;
    }

    fn pick(&self, which: Which) -> Option<HoldId> {
        match which {
            Which::First => self.holds.first(),
            Which::Last => self.holds.last(),
        }
        .copied()
    }

    fn bill(&self, which: Which) -> Option<&Bill> {
        let hold = self.pick(which)?;
        self.orders.iter().find(|bill| bill.hold == hold)
    }

    fn caller(&self) -> Caller {
        Caller::of(Actor::User(user_id(self.user)))
    }

    fn who(&self) -> Who {
        Who::Buyer(self.user)
    }
}

/// Somebody goes in with the first ticket of `order`, if there is one.
pub async fn scan(scene: &Scene, random: &mut Rng, sale: usize, order: OrderId, nonce: &str) {
    let tickets = scene.store.tickets_of_order(order).await.unwrap_or_default();
    let Some(ticket) = tickets.first() else { return };
    let Ok(parsed) = ScanNonce::try_from(nonce.to_owned()) else { return };
    let request = RedeemRequest {
        caller: Caller::of(Actor::Operator),
        code: keys().ticket_signer.sign(ticket),
        nonce: parsed,
        session_id: None,
    };
    let who = Who::Buyer(user_of(ticket.user_id));
    let ask = Ask::Scan { ticket: ticket.id, nonce: nonce.to_owned() };
    for _ in 0..ATTEMPTS {
        let request = request.clone();
        let question = |engine: Ticketing| async move { engine.redeem(request).await };
        let read = |redeemed: Redeemed| Answer::Scanned { replayed: redeemed.replayed };
        let answer = scene.ask(random, who, sale, ask.clone(), question, read).await;
        if !matches!(answer, Answer::Unknown | Answer::Failed(_)) {
            return;
        }
        sleep(Duration::from_millis(random.u64(0..1_500))).await;
    }
}

/// What the end of a hold is told as.
pub fn ended(hold: Hold) -> Answer {
    Answer::Ended { expired: hold.status == HoldStatus::Expired }
}

fn wanted(wish: &Wish) -> Option<Wanted> {
    Some(match wish {
        Wish::Tickets(count) => Wanted::Quantity(*count),
        Wish::Seats(seats) => Wanted::Seats(seats.iter().map(|seat| seat.parse().ok()).collect::<Option<_>>()?),
    })
}

/// The place that a token is of.
fn number_of(token: &str) -> u64 {
    keys().queue_token.verify(token).map_or(0, |claim| claim.number)
}
