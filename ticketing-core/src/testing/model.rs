//! A naive shop: sets and counters, nothing shared with the rules it is compared with.
//!
//! Nothing is kept twice in here. What is free is counted anew from all holds each time it is asked,
//! and a hold is live or not by the time alone, so there is no sweep to forget.

use std::collections::BTreeSet;

use super::walk::{Books, HOLD_TTL_SECONDS, PER_USER, SEATS, STOCK, Seen, Step, refunded};
use crate::{
    command::{RefundReason, Settlement},
    hold::HoldStatus,
    session::SaleStatus,
};

/// The naive shop on its walk.
#[derive(Debug)]
pub struct Model {
    seconds: u64,
    total: i64,
    status: SaleStatus,
    holds: Vec<Hold>,
    given_back: BTreeSet<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Tickets(i64),
    Seats(BTreeSet<&'static str>),
}

#[derive(Debug)]
struct Hold {
    user: u8,
    key: u8,
    wanted: Wanted,
    ends: u64,
    fate: Fate,
    payment: Payment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Time alone decides.
    Open,
    Released,
    Sold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payment {
    None,
    Asked,
    Declined,
    Paid,
    ToGiveBack,
}

impl Wanted {
    fn count(&self) -> i64 {
        match self {
            Self::Tickets(count) => *count,
            Self::Seats(seats) => seats.len() as i64,
        }
    }

    fn session(&self) -> usize {
        usize::from(matches!(self, Self::Seats(_)))
    }
}

impl Default for Model {
    fn default() -> Self {
        Self { seconds: 0, total: STOCK, status: SaleStatus::Open, holds: Vec::new(), given_back: BTreeSet::new() }
    }
}

impl Model {
    /// Takes all of `steps`.
    pub fn take(mut self, steps: &[Step]) -> Vec<(Seen, Books)> {
        steps.iter().map(|step| (self.step(step), self.books())).collect()
    }

    fn step(&mut self, step: &Step) -> Seen {
        match step {
            Step::Hold { user, key, quantity } => self.hold(*user, *key, Wanted::Tickets((*quantity).into())),
            Step::HoldSeats { user, key, seats } => self.hold(*user, *key, Wanted::Seats(seats.clone())),
            Step::Pass { seconds } => {
                self.seconds += u64::from(*seconds);
                Seen::Done
            }
            Step::Tick => {
                self.give_back();
                Seen::Refunds(self.given_back.len())
            }
            Step::SetStock { total } => {
                self.give_back();
                if *total < self.total - self.free(0) {
                    return Seen::StockInUse;
                }
                self.total = *total;
                Seen::Done
            }
            Step::SetStatus { status } => {
                self.status = *status;
                Seen::Done
            }
            Step::Release { hold, by_owner } => self.of(*hold, |shop, n| shop.release(n, *by_owner)),
            Step::Checkout { hold } => self.of(*hold, Self::checkout),
            Step::Pay { hold } => self.of(*hold, |shop, n| shop.captured(n, true)),
            Step::PayTooLittle { hold } => self.of(*hold, |shop, n| shop.captured(n, false)),
            Step::Decline { hold } => self.of(*hold, Self::declined),
        }
    }

    fn of(&mut self, hold: u8, act: impl FnOnce(&mut Self, usize) -> Seen) -> Seen {
        match usize::from(hold).checked_rem(self.holds.len()) {
            Some(since) => act(self, self.holds.len() - 1 - since),
            None => Seen::NoHoldYet,
        }
    }

    fn live(&self, hold: &Hold) -> bool {
        hold.fate == Fate::Open && self.seconds < hold.ends
    }

    /// Holds that keep others from having what they have.
    fn in_the_way(&self, session: usize) -> impl Iterator<Item = &Hold> {
        let of_session = self.holds.iter().filter(move |hold| hold.wanted.session() == session);
        of_session.filter(|hold| self.live(hold) || hold.fate == Fate::Sold)
    }

    fn free(&self, session: usize) -> i64 {
        let total = if session == 0 { self.total } else { SEATS.len() as i64 };
        total - self.in_the_way(session).map(|hold| hold.wanted.count()).sum::<i64>()
    }

    fn of_user(&self, session: usize, user: u8) -> i64 {
        self.in_the_way(session).filter(|hold| hold.user == user).map(|hold| hold.wanted.count()).sum()
    }

    /// What stands against giving `wanted` out now.
    fn obstacle(&self, wanted: &Wanted) -> Option<Seen> {
        match wanted {
            Wanted::Tickets(count) => {
                let free = self.free(0);
                (free < *count).then_some(Seen::SoldOut(free))
            }
            Wanted::Seats(seats) => {
                let mut taken = BTreeSet::new();
                for hold in self.in_the_way(1) {
                    if let Wanted::Seats(theirs) = &hold.wanted {
                        taken.extend(seats.intersection(theirs).map(|seat| (*seat).to_owned()));
                    }
                }
                (!taken.is_empty()).then_some(Seen::SeatTaken(taken))
            }
        }
    }

    fn hold(&mut self, user: u8, key: u8, wanted: Wanted) -> Seen {
        let session = wanted.session();
        let own = |hold: &Hold| hold.wanted.session() == session && hold.user == user;
        if let Some(n) = self.holds.iter().position(|hold| own(hold) && hold.key == key) {
            return if self.holds[n].wanted == wanted { Seen::Replayed(n) } else { Seen::KeyReused };
        }
        if self.status != SaleStatus::Open {
            return Seen::NotSelling(self.status);
        }
        if let Some(obstacle) = self.obstacle(&wanted) {
            return obstacle;
        }
        if let Some(n) = self.holds.iter().position(|hold| own(hold) && self.live(hold)) {
            return Seen::HoldExists(n);
        }
        if self.of_user(session, user) + wanted.count() > i64::from(PER_USER) {
            return Seen::LimitExceeded;
        }
        let ends = self.seconds + u64::from(HOLD_TTL_SECONDS);
        self.holds.push(Hold { user, key, wanted, ends, fate: Fate::Open, payment: Payment::None });
        Seen::Held(self.holds.len() - 1)
    }

    fn release(&mut self, n: usize, by_owner: bool) -> Seen {
        if !by_owner {
            return Seen::NotFound;
        }
        let live = self.live(&self.holds[n]);
        let hold = &mut self.holds[n];
        match hold.fate {
            Fate::Sold => Seen::AlreadySold,
            Fate::Open if !live => Seen::Ended(HoldStatus::Expired),
            Fate::Open | Fate::Released => {
                hold.fate = Fate::Released;
                Seen::Ended(HoldStatus::Released)
            }
        }
    }

    fn checkout(&mut self, n: usize) -> Seen {
        let live = self.live(&self.holds[n]);
        let hold = &mut self.holds[n];
        if !live && hold.fate != Fate::Sold {
            return Seen::NotActive;
        }
        if hold.payment != Payment::None {
            return Seen::CheckedOutBefore;
        }
        hold.payment = Payment::Asked;
        Seen::CheckedOut
    }

    fn captured(&mut self, n: usize, in_full: bool) -> Seen {
        match self.holds[n].payment {
            Payment::None => return Seen::NeverCheckedOut,
            Payment::Paid | Payment::ToGiveBack => return Seen::Settled(Settlement::Duplicate),
            Payment::Asked | Payment::Declined => {}
        }
        let live = self.live(&self.holds[n]);
        let reason = if !in_full {
            if live {
                self.holds[n].fate = Fate::Released;
            }
            Some(RefundReason::AmountMismatch)
        } else if self.holds[n].fate == Fate::Released {
            Some(RefundReason::HoldReleased)
        } else if live {
            None
        } else {
            self.too_late(n)
        };
        let hold = &mut self.holds[n];
        if let Some(reason) = reason {
            hold.payment = Payment::ToGiveBack;
            return refunded(reason);
        }
        hold.payment = Payment::Paid;
        hold.fate = Fate::Sold;
        Seen::Settled(Settlement::Sold)
    }

    /// Why the money for a hold that has ended goes back, if it does.
    fn too_late(&self, n: usize) -> Option<RefundReason> {
        let hold = &self.holds[n];
        let (session, count) = (hold.wanted.session(), hold.wanted.count());
        if self.obstacle(&hold.wanted).is_some() {
            return Some(RefundReason::StockGone);
        }
        let too_many = self.of_user(session, hold.user) + count > i64::from(PER_USER);
        too_many.then_some(RefundReason::LimitExceeded)
    }

    fn declined(&mut self, n: usize) -> Seen {
        let live = self.live(&self.holds[n]);
        let hold = &mut self.holds[n];
        Seen::Settled(match hold.payment {
            Payment::None => return Seen::NeverCheckedOut,
            Payment::Asked => {
                hold.payment = Payment::Declined;
                if live {
                    hold.fate = Fate::Released;
                }
                Settlement::Declined
            }
            Payment::Declined => Settlement::Duplicate,
            Payment::Paid | Payment::ToGiveBack => Settlement::Contradicted,
        })
    }

    fn give_back(&mut self) {
        let due = self.holds.iter().enumerate().filter(|(_, hold)| hold.payment == Payment::ToGiveBack);
        self.given_back.extend(due.map(|(n, _)| n));
    }

    fn books(&self) -> Books {
        let sold = |session| {
            let sold = self.in_the_way(session).filter(|hold| hold.fate == Fate::Sold);
            sold.map(|hold| hold.wanted.count()).sum()
        };
        Books { remaining: [self.free(0), self.free(1)], sold: [sold(0), sold(1)] }
    }
}
