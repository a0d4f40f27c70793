//! What happened to each hold, as far as the answers tell.

use std::collections::{BTreeMap, BTreeSet};

use ticketing_core::ids::{HoldId, OrderId};

use super::{
    super::history::{Answer, Ask, Op, Settled, User, Who, Wish},
    At, Evidence,
    span::{NEVER, Span},
};

/// Everything that was asked under one key of one buyer.
#[derive(Debug)]
pub struct Story<'a> {
    pub sale: usize,
    pub user: User,
    pub key: &'a str,
    /// The questions under the key, in order.
    pub asks: Vec<&'a Op>,
    /// The hold, if anybody was told of one.
    pub hold: Option<Told<'a>>,
    /// What may have ended the hold: releases, and reports that it was not paid, or not in full.
    pub ends: Vec<&'a Op>,
    /// Reports that it was paid in full.
    pub paid: Vec<&'a Op>,
    /// Refunds of its order.
    pub refunds: Vec<&'a Op>,
    /// The order, if anybody was told of one.
    pub order: Option<OrderId>,
}

/// The first answer that names a hold.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub hold: HoldId,
    pub wish: &'a Wish,
    pub amount: i64,
    pub acked: At,
    pub created: At,
    pub expires: At,
}

impl Story<'_> {
    /// When it was first asked for.
    pub fn asked(&self) -> At {
        self.asks.iter().map(|op| op.asked).min().unwrap_or(NEVER)
    }

    /// How many tickets it is of.
    pub fn count(&self) -> i64 {
        self.wish().map_or(0, Wish::count)
    }

    /// What it is of; the largest that it may be of, where nobody was told.
    pub fn wish(&self) -> Option<&Wish> {
        let open = self.asks.iter().filter(|op| op.may_have_happened()).filter_map(|op| wish_of(op));
        let open = open.max_by_key(|wish| wish.count());
        let first = self.asks.first().and_then(|op| wish_of(op));
        self.hold.map(|told| told.wish).or(open).or(first)
    }

    /// Whether it may be of `seat`: somebody may ask for something else under a key whose first request was refused.
    pub fn may_hold(&self, seat: &String) -> bool {
        match self.hold {
            Some(told) => told.wish.seats().contains(seat),
            None => {
                let mut open = self.asks.iter().filter(|op| op.may_have_happened()).filter_map(|op| wish_of(op));
                open.any(|wish| wish.seats().contains(seat))
            }
        }
    }

    /// When it may have ended before its time, at the earliest.
    pub fn may_end(&self) -> At {
        self.ends.iter().filter(|op| may_end(op)).map(|op| op.asked).min().unwrap_or(NEVER)
    }

    /// When it had certainly ended before its time.
    fn has_ended(&self) -> At {
        let ended = self.ends.iter().filter(|op| {
            matches!(op.answer, Answer::Ended { .. } | Answer::Settled(Settled::Declined | Settled::Refund(_)))
        });
        ended.filter_map(|op| op.acked_at()).min().unwrap_or(NEVER)
    }

    /// When it was certainly sold, and until when.
    pub fn sold(&self) -> Option<Span> {
        let sold = self.paid.iter().filter(|op| op.answer == Answer::Settled(Settled::Sold));
        let from = sold.filter_map(|op| op.acked_at()).min()?;
        let to = self.refunds.iter().filter(|op| op.may_have_happened()).map(|op| op.asked).min().unwrap_or(NEVER);
        Some(Span { from, to, count: self.count() })
    }

    /// When it certainly lived, not being paid.
    pub fn lived(&self) -> Option<Span> {
        let told = self.hold?;
        Some(Span { from: told.acked, to: told.expires.min(self.may_end()), count: self.count() })
    }

    /// When it certainly lived, and was certainly not paid.
    pub fn unpaid(&self) -> Option<Span> {
        let paid = self.paid.iter().filter(|op| op.may_have_happened()).map(|op| op.asked).min();
        let lived = self.lived()?;
        Some(Span { to: lived.to.min(paid.unwrap_or(NEVER)), ..lived }).filter(Span::is_some)
    }

    /// When nobody else can have had its tickets.
    pub fn certain(&self) -> Vec<Span> {
        match (self.lived(), self.sold()) {
            (Some(lived), Some(sold)) if sold.from <= lived.to => {
                vec![Span { from: lived.from.min(sold.from), ..sold }]
            }
            (lived, sold) => lived.into_iter().chain(sold).filter(Span::is_some).collect(),
        }
    }

    /// When it may have had its tickets.
    pub fn possible(&self) -> Vec<Span> {
        self.possibly_held().into_iter().chain(self.possibly_sold()).collect()
    }

    /// When it may have lived, being paid or not.
    pub fn possibly_held(&self) -> Option<Span> {
        if !self.asks.iter().any(|op| op.may_have_happened()) {
            return None;
        }
        let to = self.hold.map_or(NEVER, |told| told.expires.min(self.has_ended()));
        Some(Span { from: self.asked(), to, count: self.count() })
    }

    /// When it may have been sold.
    pub fn possibly_sold(&self) -> Option<Span> {
        let sells = self.paid.iter().filter(|op| match op.answer {
            Answer::Settled(settled) => settled == Settled::Sold,
            _ => op.may_have_happened(),
        });
        let from = sells.map(|op| op.asked).min()?;
        let back = self.refunds.iter().filter_map(|op| op.acked_at()).min();
        Some(Span { from, to: back.unwrap_or(NEVER), count: self.count() })
    }
}

/// What a request for a hold is for.
fn wish_of(op: &Op) -> Option<&Wish> {
    match &op.ask {
        Ask::Hold { wish, .. } => Some(wish),
        _ => None,
    }
}

/// Whether an operation that ends holds may have ended its own.
fn may_end(op: &Op) -> bool {
    match op.answer {
        Answer::Settled(Settled::Duplicate | Settled::Contradicted) | Answer::Ended { expired: true } => false,
        _ => op.may_have_happened(),
    }
}

/// All stories of a run.
#[derive(Debug)]
pub struct Stories<'a> {
    pub all: Vec<Story<'a>>,
    /// Whose story a hold is.
    pub of_hold: BTreeMap<HoldId, usize>,
    /// Whose story an order is.
    pub of_order: BTreeMap<OrderId, usize>,
    /// Whose story a payment is.
    pub of_payment: BTreeMap<&'a str, usize>,
    /// Payments of which another amount was reported than is due.
    pub short_paid: BTreeSet<&'a str>,
}

impl<'a> Stories<'a> {
    /// The stories that `evidence` tells.
    pub fn of(evidence: &'a Evidence) -> Self {
        let mut stories = Self {
            all: Vec::new(),
            of_hold: BTreeMap::new(),
            of_order: BTreeMap::new(),
            of_payment: BTreeMap::new(),
            short_paid: BTreeSet::new(),
        };
        let mut by_key: BTreeMap<(usize, User, &str), usize> = BTreeMap::new();
        for op in &evidence.ops {
            if let (Ask::Hold { key, .. }, Who::Buyer(user)) = (&op.ask, op.who) {
                let number = *by_key.entry((op.sale, user, key)).or_insert_with(|| stories.begin(op.sale, user, key));
                stories.asked(number, op);
            }
        }
        for op in &evidence.ops {
            if let (Ask::Checkout { hold }, Answer::CheckedOut { order, payment, .. }) = (&op.ask, &op.answer)
                && let Some(number) = stories.of_hold.get(hold).copied()
            {
                stories.all[number].order = Some(*order);
                stories.of_order.insert(*order, number);
                stories.of_payment.insert(payment, number);
            }
        }
        evidence.ops.iter().for_each(|op| stories.follow(op));
        stories
    }

    fn begin(&mut self, sale: usize, user: User, key: &'a str) -> usize {
        let story = Story {
            sale,
            user,
            key,
            asks: Vec::new(),
            hold: None,
            ends: Vec::new(),
            paid: Vec::new(),
            refunds: Vec::new(),
            order: None,
        };
        self.all.push(story);
        self.all.len() - 1
    }

    fn asked(&mut self, number: usize, op: &'a Op) {
        let story = &mut self.all[number];
        story.asks.push(op);
        if let (Answer::Held { hold, wish, amount, created, expires, .. }, Some(acked)) = (&op.answer, op.answered) {
            let told = Told { hold: *hold, wish, amount: *amount, acked, created: *created, expires: *expires };
            if story.hold.is_none_or(|known| acked < known.acked) {
                story.hold = Some(told);
            }
            self.of_hold.entry(*hold).or_insert(number);
        }
    }

    fn follow(&mut self, op: &'a Op) {
        match &op.ask {
            Ask::Release { hold } => {
                if let Some(number) = self.of_hold.get(hold) {
                    self.all[*number].ends.push(op);
                }
            }
            Ask::Callback { payment, paid, in_full } => {
                if *paid && !in_full {
                    self.short_paid.insert(payment);
                }
                if let Some(number) = self.of_payment.get(payment.as_str()) {
                    let story = &mut self.all[*number];
                    if *paid && *in_full { story.paid.push(op) } else { story.ends.push(op) }
                }
            }
            Ask::Refund { order } => {
                if let Some(number) = self.of_order.get(order) {
                    self.all[*number].refunds.push(op);
                }
            }
            _ => {}
        }
    }

    /// Those of sale `sale`.
    pub fn of_sale(&self, sale: usize) -> impl Iterator<Item = &Story<'a>> {
        self.all.iter().filter(move |story| story.sale == sale)
    }
}
