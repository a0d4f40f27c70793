//! I4, I5, I6: what was captured is what it cost, and ends in exactly one of a ticket set and one refund.

use std::collections::BTreeMap;

use super::{
    super::history::{Answer, Ask, Settled},
    Account, Breach, Evidence, OrderRecord,
    setting::Setting,
    story::Stories,
};

/// Checks every payment.
pub fn check(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    prices(evidence, stories, found);
    answers(evidence, found);
    for books in &evidence.end {
        for (id, order) in &books.orders {
            let nothing = Account::default();
            let account = order.payment.as_ref().and_then(|name| evidence.bank.get(name)).unwrap_or(&nothing);
            let tickets = books.tickets.values().filter(|(of, status)| of == id && *status != "REVOKED").count() as i64;
            if let Some(wrong) = settled(order, account, tickets) {
                let name = order.payment.as_deref().unwrap_or("no payment");
                found.push(Breach::of("I6", format!("{id} ({name}): {wrong}")));
            }
        }
    }
    let mut orders: BTreeMap<&str, usize> = BTreeMap::new();
    for order in evidence.end.iter().flat_map(|books| books.orders.values()) {
        if let Some(name) = &order.payment {
            *orders.entry(name).or_default() += 1;
        }
    }
    for (name, account) in &evidence.bank {
        match orders.get(name.as_str()) {
            Some(1) => {}
            Some(many) => found.push(Breach::of("I4", format!("{name} pays {many} orders"))),
            None if account.captured.is_some() => {
                found.push(Breach::of("I6", format!("{name} was captured, and no order has it")));
            }
            None => {}
        }
    }
}

/// What is wrong with an order, its money and its tickets, once everything has settled.
fn settled(order: &OrderRecord, account: &Account, tickets: i64) -> Option<String> {
    let refunds = account.refunds.len();
    let right = match account.captured {
        None => tickets == 0 && refunds == 0 && order.paid != "SUCCEEDED",
        Some(_) => match (order.status, order.paid) {
            ("PAID", "SUCCEEDED") => tickets == order.count && refunds == 0 && account.captured == Some(account.amount),
            // What is asked for is what the order costs: the gateway gives back all that it took for that.
            ("CANCELLED" | "REFUNDED", "REFUNDED") => {
                tickets == 0 && refunds == 1 && account.refunds.values().all(|asked| *asked == account.amount)
            }
            _ => false,
        },
    };
    let captured = account.captured.map_or("nothing was captured".to_owned(), |amount| format!("{amount} captured"));
    let (status, paid, count) = (order.status, order.paid, order.count);
    let refunds = if refunds == 0 { "no refund".to_owned() } else { format!("refunds {:?}", account.refunds) };
    (!right).then(|| {
        format!("{captured}, {refunds}, {tickets} of {count} tickets; the order is {status}, its payment {paid}")
    })
}

/// A hold costs what its tickets cost while it was asked for, and that is what the gateway is told.
fn prices(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for (sale, terms) in evidence.sales.iter().enumerate() {
        let price = Setting::of(&evidence.ops, sale, terms.price, |ask| match ask {
            Ask::SetPrice(price) => Some(*price),
            _ => None,
        });
        for story in stories.of_sale(sale) {
            for op in &story.asks {
                let Answer::Held { amount, wish, .. } = &op.answer else { continue };
                let (from, to) = (story.asked(), op.answered.unwrap_or(op.asked));
                if !price.possible(from, to).any(|price| price * wish.count() == *amount) {
                    found.push(Breach::of("I4", format!("buyer {} was told to pay {amount} for {wish:?}", story.user)));
                }
            }
        }
    }
    let mut amounts = BTreeMap::new();
    for op in &evidence.ops {
        if let (Ask::Hold { .. }, Answer::Held { hold, amount, .. }) = (&op.ask, &op.answer) {
            amounts.insert(*hold, *amount);
        }
        if let (Ask::Checkout { hold }, Answer::CheckedOut { payment, amount, .. }) = (&op.ask, &op.answer) {
            let opened = evidence.bank.get(payment).map(|account| account.amount);
            if amounts.get(hold).is_some_and(|due| due != amount) || opened != Some(*amount) {
                let detail =
                    format!("{hold} costs {:?}, its order {amount}, its payment {opened:?}", amounts.get(hold));
                found.push(Breach::of("I4", detail));
            }
        }
    }
}

/// A payment is sold once or refunded once, and only what was captured is sold.
fn answers(evidence: &Evidence, found: &mut Vec<Breach>) {
    let mut told: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for op in &evidence.ops {
        let Ask::Callback { payment, .. } = &op.ask else { continue };
        let (sold, refunded) = told.entry(payment).or_default();
        match op.answer {
            Answer::Settled(Settled::Sold) => *sold += 1,
            Answer::Settled(Settled::Refund(_)) => *refunded += 1,
            _ => {}
        }
    }
    for (payment, (sold, refunded)) in told {
        if sold + refunded > 1 {
            found.push(Breach::of("I6", format!("{payment} was sold {sold} times and given back {refunded} times")));
        }
        let captured = evidence.bank.get(payment).and_then(|account| account.captured);
        if sold > 0 && captured.is_none() {
            found.push(Breach::of("I4", format!("{payment} was sold and never captured")));
        }
    }
}
