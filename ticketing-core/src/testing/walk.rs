//! A walk: a sequence of steps through a small shop, taken by an engine.
//!
//! [`Model`](super::model::Model) takes the same steps by itself; whoever compares the two decides
//! which sequences.

use std::collections::BTreeSet;

use super::{
    Harness,
    harness::{OPERATOR, buyer, refusal, report},
};
use crate::{
    command::{CheckoutRefusal, HoldRefusal, Placed, RefundReason, ReleaseRefusal, SessionPatch, Settlement},
    engine::OpenCheckout,
    hold::HoldStatus,
    ids::{EventId, HoldId, SessionId},
    payment::CallbackStatus,
    session::SaleStatus,
};

/// Tickets of the quantity session at first.
pub const STOCK: i64 = 6;
/// Seats of the seated session.
pub const SEATS: [&str; 5] = ["A1", "A2", "A3", "A4", "A5"];
/// Most tickets per user in either session.
pub const PER_USER: u32 = 4;
/// Life of a hold, in seconds.
pub const HOLD_TTL_SECONDS: u32 = 120;
const USERS: u8 = 5;
const KEYS: u8 = 12;

/// One step. A hold is named by how many were placed since; a number too high wraps around.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is one thing a user, the gateway, the operator or time does")]
pub enum Step {
    Hold { user: u8, key: u8, quantity: u8 },
    HoldSeats { user: u8, key: u8, seats: BTreeSet<&'static str> },
    Release { hold: u8, by_owner: bool },
    Checkout { hold: u8 },
    Pay { hold: u8 },
    PayTooLittle { hold: u8 },
    Decline { hold: u8 },
    Pass { seconds: u32 },
    Tick,
    SetStock { total: i64 },
    SetStatus { status: SaleStatus },
}

impl Step {
    /// The step that these numbers mean; every number means one, the smallest the plainest.
    pub fn of((what, a, b, c): (u8, u8, u8, u8)) -> Self {
        let (user, key) = (a % USERS, b % KEYS);
        // Mostly the latest ones: stories are told of a hold while it still means something.
        let hold = if a < 200 { a % 4 } else { a };
        match what % 32 {
            0..=9 => Self::Hold { user, key, quantity: 1 + c % 5 },
            10..=14 => {
                let mut seats: BTreeSet<_> = (0..5).filter(|bit| c & (1 << bit) != 0).map(|bit| SEATS[bit]).collect();
                seats.insert(SEATS[usize::from(c >> 5) % SEATS.len()]);
                Self::HoldSeats { user, key, seats }
            }
            15 | 16 => Self::Release { hold, by_owner: b > 50 },
            17..=19 => Self::Checkout { hold },
            20..=22 => Self::Pay { hold },
            23 => Self::PayTooLittle { hold },
            24 => Self::Decline { hold },
            25..=27 => Self::Pass { seconds: [1, 30, 60, 119, 120, 121][usize::from(a) % 6] },
            28 | 29 => Self::Tick,
            30 => Self::SetStock { total: i64::from(a % 12) },
            _ => Self::SetStatus { status: SaleStatus::ALL[usize::from(a) % SaleStatus::ALL.len()] },
        }
    }
}

/// What a step came to, in words that are the same for every walker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the engine's own answers, with holds named by their number")]
pub enum Seen {
    Held(usize),
    Replayed(usize),
    KeyReused,
    NotSelling(SaleStatus),
    SoldOut(i64),
    SeatTaken(BTreeSet<String>),
    HoldExists(usize),
    LimitExceeded,
    Ended(HoldStatus),
    AlreadySold,
    NotFound,
    CheckedOut,
    CheckedOutBefore,
    NotActive,
    NeverCheckedOut,
    Settled(Settlement),
    Refunds(usize),
    StockInUse,
    Done,
    NoHoldYet,
}

/// What everyone can see behind a step: what remains of either session, and how many tickets exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Books {
    /// Of the quantity session and of the seated one.
    pub remaining: [i64; 2],
    /// Bought in either.
    pub sold: [i64; 2],
}

/// An engine on its walk.
#[derive(Debug)]
pub struct Walk {
    h: Harness,
    event: EventId,
    sessions: [SessionId; 2],
    holds: Vec<(HoldId, u8, Option<OpenCheckout>)>,
}

impl Walk {
    /// Opens the shop.
    pub async fn start(h: Harness) -> Self {
        let seated = h.seated(&SEATS).await;
        let patch = SessionPatch {
            max_per_user: Some(PER_USER),
            hold_ttl_seconds: Some(HOLD_TTL_SECONDS),
            ..SessionPatch::default()
        };
        for_sale(&h, seated, patch.clone()).await;
        let by_quantity = h.session(STOCK).await;
        for_sale(&h, by_quantity, patch).await;
        let event = h.event_id();
        Self { h, event, sessions: [by_quantity, seated], holds: Vec::new() }
    }

    /// Takes all of `steps`, and checks every invariant behind the last.
    pub async fn take(mut self, steps: &[Step]) -> Vec<(Seen, Books)> {
        let mut seen = Vec::with_capacity(steps.len());
        for step in steps {
            let answer = self.step(step).await;
            seen.push((answer, self.books().await));
        }
        self.h.verify().await;
        self.h.engine.shutdown().await;
        seen
    }

    async fn step(&mut self, step: &Step) -> Seen {
        match step {
            Step::Hold { user, key, quantity } => {
                self.h.select(self.event, self.sessions[0]);
                let answer = self.h.hold(buyer((*user).into()), &format!("k{key}"), (*quantity).into()).await;
                self.held(*user, answer)
            }
            Step::HoldSeats { user, key, seats } => {
                self.h.select(self.event, self.sessions[1]);
                let labels: Vec<_> = seats.iter().copied().collect();
                let answer = self.h.hold_seats(buyer((*user).into()), &format!("k{key}"), &labels).await;
                self.held(*user, answer)
            }
            Step::Pass { seconds } => {
                self.h.advance((*seconds).into());
                Seen::Done
            }
            Step::Tick => {
                self.h.tick().await;
                Seen::Refunds(self.h.gateway.refunds().len())
            }
            Step::SetStock { total } => {
                self.h.tick().await;
                let patch = SessionPatch { total_stock: Some(*total), ..SessionPatch::default() };
                match refusal(self.h.engine.update_session(OPERATOR, self.sessions[0], patch).await) {
                    Ok(_) => Seen::Done,
                    Err(_) => Seen::StockInUse,
                }
            }
            Step::SetStatus { status } => {
                for session in self.sessions {
                    let patch = SessionPatch { status: Some(*status), ..SessionPatch::default() };
                    for_sale(&self.h, session, patch).await;
                }
                Seen::Done
            }
            Step::Release { hold, .. }
            | Step::Checkout { hold }
            | Step::Pay { hold }
            | Step::PayTooLittle { hold }
            | Step::Decline { hold } => match usize::from(*hold).checked_rem(self.holds.len()) {
                Some(since) => self.step_of_hold(step, self.holds.len() - 1 - since).await,
                None => Seen::NoHoldYet,
            },
        }
    }

    async fn step_of_hold(&mut self, step: &Step, number: usize) -> Seen {
        let (id, user, open) = self.holds[number].clone();
        if let Step::Release { by_owner, .. } = step {
            let by = if *by_owner { user } else { (user + 1) % USERS };
            return match self.h.release(buyer(by.into()), id).await {
                Ok(hold) => Seen::Ended(hold.status),
                Err(ReleaseRefusal::AlreadySold) => Seen::AlreadySold,
                Err(ReleaseRefusal::HoldNotFound) => Seen::NotFound,
            };
        }
        if let Step::Checkout { .. } = step {
            return match self.h.checkout(buyer(user.into()), id).await {
                Ok(open) => {
                    let before = open.existing;
                    self.holds[number].2 = Some(open);
                    if before { Seen::CheckedOutBefore } else { Seen::CheckedOut }
                }
                Err(CheckoutRefusal::HoldNotActive) => Seen::NotActive,
                Err(CheckoutRefusal::HoldNotFound) => Seen::NotFound,
            };
        }
        let Some(open) = open else { return Seen::NeverCheckedOut };
        Seen::Settled(match step {
            Step::Decline { .. } => self.h.decline(&open).await,
            Step::PayTooLittle { .. } => {
                let mut report = report(&open, CallbackStatus::Success);
                report.amount = Some(open.payment.amount.minor - 1);
                self.h.settle(report).await
            }
            _ => self.h.pay(&open).await,
        })
    }

    fn held(&mut self, user: u8, answer: Result<Placed, HoldRefusal>) -> Seen {
        match answer {
            Ok(placed) if placed.replayed => Seen::Replayed(self.number_of(placed.hold.id)),
            Ok(placed) => {
                self.holds.push((placed.hold.id, user, None));
                Seen::Held(self.holds.len() - 1)
            }
            Err(HoldRefusal::KeyReused) => Seen::KeyReused,
            Err(HoldRefusal::NotOnSale) => Seen::NotSelling(SaleStatus::Scheduled),
            Err(HoldRefusal::SalePaused) => Seen::NotSelling(SaleStatus::Paused),
            Err(HoldRefusal::SaleClosed) => Seen::NotSelling(SaleStatus::Closed),
            Err(HoldRefusal::SoldOut { remaining }) => Seen::SoldOut(remaining),
            Err(HoldRefusal::SeatTaken { seat_ids }) => {
                Seen::SeatTaken(seat_ids.iter().map(ToString::to_string).collect())
            }
            Err(HoldRefusal::HoldExists { hold_id }) => Seen::HoldExists(self.number_of(hold_id)),
            Err(HoldRefusal::LimitExceeded { .. }) => Seen::LimitExceeded,
            Err(refusal) => panic!("a walk does not lead to this refusal: {refusal}"),
        }
    }

    fn number_of(&self, id: HoldId) -> usize {
        let number = self.holds.iter().position(|(known, ..)| *known == id);
        number.expect("the engine names a hold that it placed on this walk")
    }

    async fn books(&self) -> Books {
        let mut books = Books { remaining: [0; 2], sold: [0; 2] };
        for (n, session) in self.sessions.into_iter().enumerate() {
            self.h.select(self.event, session);
            books.remaining[n] = self.h.remaining().await;
            books.sold[n] = self.h.stock().await.sold;
        }
        books
    }
}

async fn for_sale(h: &Harness, session: SessionId, patch: SessionPatch) {
    h.engine.update_session(OPERATOR, session, patch).await.expect("a sound change of a session is made");
}

/// A settlement that gives the money back for `reason`.
pub const fn refunded(reason: RefundReason) -> Seen {
    Seen::Settled(Settlement::RefundRequested(reason))
}
