//! Judges a sale from outside: by what was acknowledged, not by what the engine believes.
//!
//! Where the history leaves an order of events open, the engine gets the benefit of the doubt, so a
//! complaint is always a broken promise. All times are the story's own; no two clocks are compared.

mod ending;
mod line;

use std::time::Duration;

use ticketing_core::{
    clock::Timestamp,
    payment::{CallbackStatus, PaymentStatus},
};

pub use self::{
    ending::{Ending, by_the_end},
    line::by_places,
};
use super::{
    levels::{Levels, Ties},
    story::{Answer, Reported, Step, Story},
};

/// How far a second of the store's clock and one of the story's may lie apart over a hold's life.
const CLOCKS_APART: Duration = Duration::from_millis(100);

const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// What a sale is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How many tickets there are.
    pub stock: i64,
    /// How long a hold lives.
    pub hold_ttl: Duration,
    /// How long after its caller gave up a request may still be carried out.
    pub late_landing: Duration,
}

/// What the stories alone show.
#[derive(Debug, Default)]
pub struct Shown {
    /// Most tickets that were acknowledged as held or sold at one instant.
    pub taken_max: i64,
    /// By how many that was too many.
    pub oversold: i64,
    /// Payments that were taken for more than one ticket set, or for one and a refund.
    pub double_payments: u64,
    /// Places that were served before others ahead of them.
    pub inversions: u64,
    /// Promises that were broken.
    pub complaints: Vec<String>,
}

/// Judges a sale by its stories alone.
pub fn by_history(stories: &[Story], terms: Terms) -> Shown {
    let stock = terms.stock;
    let mut complaints: Vec<String> = stories.iter().flat_map(|story| story.complaints.iter().cloned()).collect();
    let certain = Levels::of(stories.iter().flat_map(certainly_taken).collect(), Ties::Low);
    let peak = certain.peak();
    if let Some((at, taken)) = peak.filter(|(_, taken)| *taken > stock) {
        complaints.push(format!("I1: {taken} of {stock} tickets were acknowledged as held or sold at {at}"));
    }
    let possible = |of: &dyn Fn(&&Story) -> bool| {
        Levels::of(stories.iter().filter(of).flat_map(|story| possibly_taken(story, terms)).collect(), Ties::High)
    };
    let all = possible(&|_| true);
    for (story, sold_out) in stories.iter().filter_map(|story| Some((story, story.sold_out?))) {
        let most_of = |levels: &Levels| levels.most_within(sold_out.asked, sold_out.answered);
        // A hold of their own would have been the answer.
        let has_own = !possibly_taken(story, terms).is_empty();
        let most = if has_own { most_of(&possible(&|other| !std::ptr::eq(*other, story))) } else { most_of(&all) };
        if most + i64::from(sold_out.quantity) <= stock {
            let (user, wanted, at) = (story.plan.user_id, sold_out.quantity, sold_out.answered);
            complaints.push(format!(
                "I13: {user} was told at {at} that {wanted} are not left, when at most {most} of {stock} were taken"
            ));
        }
    }
    let payments = || stories.iter().filter_map(|story| Some((story, story.reported.as_ref()?)));
    let double_payments = payments().filter(|(_, reported)| reported.is_double()).count() as u64;
    complaints.extend(payments().filter_map(|(story, reported)| by_callbacks(story, reported)));
    let inversions = by_places(stories);
    let taken_max = peak.map_or(0, |(_, taken)| taken);
    let oversold = (taken_max - stock).max(0);
    let shown = Shown { taken_max, oversold, double_payments, inversions: inversions.len() as u64, complaints };
    Shown { complaints: shown.complaints.into_iter().chain(inversions).collect(), ..shown }
}

/// Tickets that nobody else can have: from acknowledgement until the engine may take them back.
fn certainly_taken(story: &Story) -> Vec<(Timestamp, i64)> {
    let Some(held) = &story.held else { return Vec::new() };
    let quantity = i64::from(story.plan.quantity);
    let life = held.ends_earliest.since(held.acknowledged).saturating_sub(CLOCKS_APART);
    let mut until = held.acknowledged.plus(life);
    let mut sold_from = None;
    if let Some(released) = story.released {
        until = until.min(released.asked);
    }
    if let Some(reported) = &story.reported {
        match reported.status {
            CallbackStatus::Fail => until = until.min(reported.asked),
            CallbackStatus::Success => sold_from = reported.settled.filter(|_| reported.sold > 0),
        }
    }
    let mut steps = vec![(held.acknowledged, quantity)];
    match sold_from {
        Some(sold) if sold <= until => {}
        Some(sold) => steps.extend([(until, -quantity), (sold, quantity)]),
        None => steps.push((until.max(held.acknowledged), -quantity)),
    }
    steps
}

/// Tickets that may be taken: from the first question until they are certainly back.
fn possibly_taken(story: &Story, terms: Terms) -> Vec<(Timestamp, i64)> {
    let quantity = i64::from(story.plan.quantity);
    let Some(held) = &story.held else { return unheard_of(story, quantity, terms) };
    let expired = held.ends_latest.plus(CLOCKS_APART);
    let mut until = match &story.reported {
        None => expired,
        Some(reported) => match (reported.status, reported.settled) {
            (CallbackStatus::Fail, settled) => settled.unwrap_or(expired),
            // What was not seen to be given back may be sold.
            (CallbackStatus::Success, _) if reported.sold > 0 || reported.refunded == 0 => NEVER,
            (CallbackStatus::Success, _) => expired,
        },
    };
    if let Some(done) = story.released.and_then(|released| released.done) {
        until = until.min(done);
    }
    let back = (until != NEVER).then_some((until, -quantity));
    [(held.asked, quantity)].into_iter().chain(back).collect()
}

/// A hold that nobody heard of may be there all the same: for its life from when the last lost question
/// for it may have arrived, unless a later answer said that it is not.
fn unheard_of(story: &Story, quantity: i64, terms: Terms) -> Vec<(Timestamp, i64)> {
    let holds = || story.calls.iter().filter(|call| call.step == Step::Hold);
    let mut lost = holds().filter(|call| !matches!(call.answer, Answer::Refused { .. } | Answer::Busy { .. }));
    let Some(first) = lost.next() else { return Vec::new() };
    let last = lost.next_back().unwrap_or(first);
    let refused = holds().rfind(|call| matches!(call.answer, Answer::Refused { .. }));
    let until = match refused {
        // Nothing of theirs was there, and nothing of theirs is under way any more.
        Some(call) if call.asked >= last.answered.plus(terms.late_landing) || terms.late_landing.is_zero() => {
            call.answered
        }
        _ => last.answered.plus(terms.late_landing).plus(terms.hold_ttl).plus(CLOCKS_APART),
    };
    vec![(first.asked, quantity), (until, -quantity)]
}

fn by_callbacks(story: &Story, reported: &Reported) -> Option<String> {
    let Reported { order_id, sold, refunded, .. } = reported;
    if reported.is_double() {
        return Some(format!("I6: {order_id} was sold {sold} times and refunded {refunded} times"));
    }
    if *sold == 1 && reported.status == CallbackStatus::Fail {
        return Some(format!("I4: {order_id} was sold although its payment failed"));
    }
    let in_time =
        |held: &super::story::HeldTickets| reported.settled.is_some_and(|settled| settled < held.ends_earliest);
    let given_back = matches!(reported.stood, Some(PaymentStatus::RefundPending | PaymentStatus::Refunded));
    if given_back && reported.status == CallbackStatus::Success && story.held.as_ref().is_some_and(in_time) {
        return Some(format!("I9: {order_id} was paid before its hold could end, and its money went back"));
    }
    let wrong = reported.tickets.filter(|tickets| *tickets != story.plan.quantity as usize)?;
    Some(format!("I5: the buyer of {order_id} read {wrong} tickets instead of {}", story.plan.quantity))
}

#[cfg(test)]
mod tests;
