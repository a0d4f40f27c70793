//! What a crowd was told, against what is stored.

use std::{collections::HashMap, fmt};

use ticketing_core::{
    hold::HoldStatus,
    ids::{SessionId, UserId},
    order::OrderStatus,
    payment::PaymentStatus,
    store::Ledger,
};

use super::{Shop, Story, buyer::KEY};

/// The stories of many, summed up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub holds: usize,
    pub payments: usize,
    pub sold_out: usize,
    /// Questions whose outcome stayed unknown.
    pub unknown: u32,
    /// Of the buyers with such a question, those whose hold was there when they asked again.
    pub were_there: usize,
    /// Questions that were put off.
    pub put_off: u32,
}

impl Told {
    pub fn of(stories: &[Story]) -> Self {
        let count = |is: fn(&Story) -> bool| stories.iter().filter(|story| is(story)).count();
        Self {
            holds: count(|story| story.hold.is_some()),
            payments: count(|story| story.paid.is_some()),
            sold_out: count(|story| story.hold.is_none()),
            unknown: stories.iter().map(|story| story.unknown).sum(),
            were_there: count(|story| story.replayed),
            put_off: stories.iter().map(|story| story.put_off).sum(),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { holds, payments, sold_out, unknown, were_there, put_off } = self;
        write!(
            f,
            "{holds} holds and {payments} payments acknowledged, {sold_out} sold out, {put_off} times put off, \
             {unknown} times unknown, after which {were_there} holds were there"
        )
    }
}

/// Holds the books of sessions of `stock` tickets each, as `node` reads them, against what everybody who ever
/// asked there was told: every ticket is held or sold, once, and by those who were told so.
///
/// # Panics
/// When anything is lost, doubled or there without anybody's knowledge.
pub async fn assert_kept(node: &Shop, stock: usize, stories: &[Story]) {
    let mut of_session: HashMap<SessionId, Vec<&Story>> = HashMap::new();
    for story in stories {
        of_session.entry(story.session).or_default().push(story);
    }
    for (session, stories) in of_session {
        let ledger = node.engine.queries().ledger(session).await.expect("the store is read");
        check(&ledger.expect("the session is there"), stock, &stories);
    }
    let report = node.engine.verify().await.expect("the store is read");
    assert!(report.is_clean(), "broken invariants: {:#?}", report.violations);
}

fn check(ledger: &Ledger, stock: usize, stories: &[&Story]) {
    let mut of_user: HashMap<UserId, _> = HashMap::new();
    for hold in &ledger.holds {
        assert_eq!(hold.key.as_str(), KEY);
        let first = of_user.insert(hold.user_id, hold);
        assert!(first.is_none(), "{} has two holds under one key: {first:?} {hold:?}", hold.user_id);
    }
    let holding = stories.iter().filter(|story| story.hold.is_some()).count();
    assert_eq!((holding, ledger.holds.len()), (stock, stock), "of {stock} tickets, told and stored");
    for story in stories {
        let stored = of_user.get(&story.user);
        assert_eq!(stored.map(|hold| hold.id), story.hold, "lost or out of nothing: {story:?} {stored:?}");
        let status = story.paid.map_or(HoldStatus::Active, |_| HoldStatus::Confirmed);
        assert!(stored.is_none_or(|hold| hold.status == status), "{story:?} {stored:?}");
        assert_eq!(story.paid.is_some(), story.captured.is_some(), "paid for nothing: {story:?}");
        let Some(paid) = story.paid else { continue };
        let order = ledger.orders.iter().find(|order| order.id == paid).expect("a paid order is there");
        let payment = ledger.payments.iter().find(|payment| payment.id == order.payment_id);
        assert_eq!((order.status, Some(order.hold_id)), (OrderStatus::Paid, story.hold));
        assert_eq!(payment.map(|payment| payment.status), Some(PaymentStatus::Succeeded));
        assert_eq!(ledger.tickets.iter().filter(|ticket| ticket.order_id == paid).count(), 1, "{story:?}");
    }
    let paid = stories.iter().filter(|story| story.paid.is_some()).count();
    assert_eq!((ledger.orders.len(), ledger.tickets.len()), (paid, paid));
    let books = ledger.session.stock;
    assert_eq!((books.available, books.held, books.sold), (0, (stock - paid) as i64, paid as i64));
}
