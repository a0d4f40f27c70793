//! What the shop shows at the end, when everything has settled, against what it acknowledged.

use ticketing_core::{
    payment::{CallbackStatus, PaymentStatus},
    session::Stock,
};

use crate::load::story::{Reported, Step, Story};

/// What is there of one buyer at the end.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Whether the hold that was acknowledged is there; `None`: none was.
    pub has_hold: Option<bool>,
    /// How the payment stands that was reported.
    pub payment: Option<PaymentStatus>,
    /// The valid tickets of its order.
    pub tickets: usize,
    /// How often the gateway gave its money back, where that is known.
    pub refunds: Option<u32>,
}

/// Judges what is there at the end.
pub fn by_the_end(stories: &[Story], endings: &[Ending], books: Option<Stock>) -> Vec<String> {
    let (mut complaints, mut sold, mut open) = (Vec::new(), 0, 0);
    for (story, ending) in stories.iter().zip(endings) {
        if let (Some(held), Some(false)) = (&story.held, ending.has_hold) {
            complaints.push(format!("I16: {} was acknowledged and is missing", held.hold_id));
        }
        let reads = |step: &Step| matches!(step, Step::Read | Step::Poll | Step::Payment | Step::Tickets);
        for step in story.unresolved.iter().filter(|step| !reads(step)) {
            let user = story.plan.user_id;
            complaints.push(format!("I7: whether the {} of {user} was done is not known to the end", step.name()));
        }
        let Some(reported) = &story.reported else { continue };
        // Whether the shop was told is not known, and what was taken only where the gateway is.
        if reported.answered == 0 && ending.refunds.is_none() {
            open += i64::from(story.plan.quantity);
            continue;
        }
        if ending.payment == Some(PaymentStatus::Succeeded) {
            sold += i64::from(story.plan.quantity);
        }
        if !is_right(story.plan.quantity as usize, reported, ending) {
            complaints.push(format!(
                "I6: {} was {} at the gateway and ended as {} with {} of {} tickets{}",
                reported.payment_id,
                reported.status,
                ending.payment.map_or("missing", |status| status.as_str()),
                ending.tickets,
                story.plan.quantity,
                ending.refunds.map_or_else(String::new, |refunds| format!(" and {refunds} refunds")),
            ));
        }
    }
    match books {
        Some(books) if !books.is_sound() => complaints.push(format!("I1: {books:?}")),
        Some(books) if !(sold..=sold + open).contains(&books.sold) => {
            complaints.push(format!("I1: {} tickets are booked as sold, {sold} were", books.sold));
        }
        Some(_) => {}
        None => complaints.push("I16: the session is missing".to_owned()),
    }
    complaints
}

fn is_right(quantity: usize, reported: &Reported, ending: &Ending) -> bool {
    let given_back = |times| ending.refunds.is_none_or(|refunds| refunds == times);
    match (reported.status, ending.payment) {
        (CallbackStatus::Success, Some(PaymentStatus::Succeeded)) => ending.tickets == quantity && given_back(0),
        (CallbackStatus::Success, Some(PaymentStatus::Refunded)) => ending.tickets == 0 && given_back(1),
        (CallbackStatus::Fail, Some(PaymentStatus::Failed)) => ending.tickets == 0 && given_back(0),
        // Nobody has told the shop, and there is no money that would.
        (CallbackStatus::Fail, Some(PaymentStatus::Pending)) => {
            reported.answered == 0 && ending.tickets == 0 && given_back(0)
        }
        _ => false,
    }
}
