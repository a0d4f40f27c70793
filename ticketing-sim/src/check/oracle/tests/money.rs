//! Payments, refunds and prices.

use super::*;

#[test]
fn money_that_ends_in_none_or_both_of_tickets_and_refund_breaks_i6() {
    keeps(&sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID"));
    keeps(&sold(account(Some(PRICE), &["r"]), 0, "REFUNDED", "CANCELLED"));
    let mut half = sold(account(Some(PRICE), &["r"]), 0, "REFUNDED", "CANCELLED");
    half.bank.values_mut().for_each(|account| account.refunds.values_mut().for_each(|asked| *asked = PRICE / 2));
    breaks(&half, "I6");
    let mut nobodys = sale(Vec::new());
    nobodys.bank.insert(pg(1), account(Some(PRICE), &[]));
    nobodys.end.push(Books { stock: [2, 0, 0], total: 2, ..Books::default() });
    breaks(&nobodys, "I6");
    breaks(&sold(account(Some(PRICE), &["r"]), 1, "SUCCEEDED", "PAID"), "I6");
    breaks(&sold(account(Some(PRICE), &[]), 0, "PENDING", "CANCELLED"), "I6");
    breaks(&sold(account(Some(PRICE), &["r", "s"]), 0, "REFUNDED", "CANCELLED"), "I6");
    breaks(&sold(account(None, &[]), 1, "SUCCEEDED", "PAID"), "I6");
    breaks(&sold(account(Some(PRICE - 1), &[]), 1, "SUCCEEDED", "PAID"), "I6");
    let mut twice = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    twice.ops.extend([reports(1, true, 20, Settled::Sold), reports(1, true, 40, Settled::Sold)]);
    breaks(&twice, "I6");
}

#[test]
fn another_amount_than_the_price_breaks_i4() {
    let mut dear = holds(1, 1, "k", 1, 0);
    if let Answer::Held { amount, .. } = &mut dear.answer {
        *amount = PRICE + 1;
    }
    breaks(&sale(vec![dear]), "I4");
    let mut opened = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    opened.bank.insert(pg(1), Account { amount: PRICE * 2, captured: Some(PRICE * 2), ..Account::default() });
    breaks(&opened, "I4");
    let mut twice = sold(account(Some(PRICE), &[]), 1, "SUCCEEDED", "PAID");
    let order = twice.end[0].orders[&order_id(1)].clone();
    twice.end[0].orders.insert(order_id(2), order);
    breaks(&twice, "I4");
    let never = sale(vec![reports(7, true, 20, Settled::Sold)]);
    breaks(&never, "I4");
}
