//! I16: what was acknowledged is there. I15 and liveness: everything has drained, nothing is stranded.

use super::{
    super::history::{Answer, Ask, Settled, State, Who},
    Books, Breach, Evidence,
    setting::Setting,
    story::{Stories, Story},
};

/// Checks what is there at the end, when everything has healed and had its time.
pub fn check(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for (sale, books) in evidence.end.iter().enumerate() {
        for story in stories.of_sale(sale) {
            kept(story, books, found);
        }
        drained(sale, books, found);
        let terms = &evidence.sales[sale];
        let total = Setting::of(&evidence.ops, sale, terms.total, |ask| match ask {
            Ask::SetTotal(total) => Some(*total),
            _ => None,
        });
        let last = evidence.ops.iter().filter_map(|op| op.answered).max().unwrap_or(0) + 1;
        if !total.possible(last, last).any(|total| total == books.total) {
            found.push(Breach::of(
                "I16",
                format!("sale {sale} has {} tickets in all, which nobody set last", books.total),
            ));
        }
    }
    for op in &evidence.ops {
        let Some(books) = evidence.end.get(op.sale) else { continue };
        match (&op.ask, &op.answer, op.who) {
            (Ask::Join, Answer::Placed { number, .. }, Who::Buyer(user)) if books.places.get(number) != Some(&user) => {
                found.push(Breach::of("I16", format!("buyer {user} was given place {number}, and does not have it")));
            }
            (Ask::Checkout { .. }, Answer::CheckedOut { order, .. }, _) if !books.orders.contains_key(order) => {
                found.push(Breach::of("I16", format!("{order} was acknowledged and is missing")));
            }
            (Ask::Refund { order }, Answer::Refunded, _)
                if books.orders.get(order).is_none_or(|order| order.status != "REFUNDED") =>
            {
                found.push(Breach::of("I16", format!("{order} was given back, and is not")));
            }
            (Ask::Scan { ticket, .. }, Answer::Scanned { .. }, _)
                if books.tickets.get(ticket).is_none_or(|(_, status)| *status != "USED") =>
            {
                found.push(Breach::of("I16", format!("{ticket} let a guest in, and is not used")));
            }
            _ => {}
        }
    }
    unresolved(stories, found);
}

fn kept(story: &Story<'_>, books: &Books, found: &mut Vec<Breach>) {
    let Some(told) = story.hold else { return };
    let (user, hold) = (story.user, told.hold);
    let Some(record) = books.holds.get(&hold) else {
        found.push(Breach::of("I16", format!("{hold} of buyer {user} was acknowledged and is missing")));
        return;
    };
    let told_as_it_is = record.expires == told.expires && record.wish == *told.wish;
    if record.user != user || !told_as_it_is || record.key != story.key {
        found.push(Breach::of("I16", format!("{hold} was acknowledged as another than it is")));
    }
    let ended = |op: &&&super::Op| matches!(op.answer, Answer::Ended { .. } | Answer::Settled(Settled::Declined));
    if story.ends.iter().find(ended).is_some() && story.sold().is_none() && record.status == "ACTIVE" {
        found.push(Breach::of("I16", format!("{hold} of buyer {user} was given up, and is live")));
    }
    let released = story.ends.iter().any(|op| op.answer == Answer::Ended { expired: false });
    if released && record.status != "RELEASED" {
        found.push(Breach::of("I8", format!("{hold} of buyer {user} was released, and is {}", record.status)));
    }
    if story.sold().is_some() && record.status != "CONFIRMED" {
        found.push(Breach::of("I16", format!("{hold} of buyer {user} was sold, and is {}", record.status)));
    }
}

fn drained(sale: usize, books: &Books, found: &mut Vec<Breach>) {
    let [available, held, sold] = books.stock;
    let confirmed = books.orders.values().filter(|order| order.status == "PAID").map(|order| order.count).sum::<i64>();
    if held != 0 || sold != confirmed || available + sold != books.total {
        let total = books.total;
        let detail = format!(
            "sale {sale} ends with {available} free, {held} held, {sold} sold of {total}; {confirmed} are paid"
        );
        found.push(Breach::of("I1", detail));
    }
    if let Some((hold, _)) = books.holds.iter().find(|(_, hold)| hold.status == "ACTIVE") {
        found.push(Breach::of("liveness", format!("{hold} is never reclaimed")));
    }
    if books.undelivered > 0 {
        found.push(Breach::of("I15", format!("{} messages of sale {sale} are never delivered", books.undelivered)));
    }
    if books.waiting > 0 {
        found.push(Breach::of("liveness", format!("{} places of sale {sale} wait for ever", books.waiting)));
    }
}

/// Once everything has healed, a key that is asked again is answered. Nobody asks again with a token that is
/// somebody else's.
fn unresolved(stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for story in &stories.all {
        let own = story.asks.iter().filter(|op| match &op.ask {
            Ask::Hold { token_of, .. } => token_of.is_none_or(|of| of == story.user),
            _ => false,
        });
        let last = own.max_by_key(|op| op.asked);
        if last.is_some_and(|op| matches!(op.state(), State::Unknown | State::Pending)) {
            let (user, key) = (story.user, story.key);
            found.push(Breach::of("liveness", format!("what became of key {key} of buyer {user} is never told")));
        }
    }
}
