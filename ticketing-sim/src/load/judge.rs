//! Judges a sale from outside: by what was acknowledged, not by what the engine believes.
//!
//! Where the history leaves an order of events open, the engine gets the benefit of the doubt, so a
//! complaint is always a broken promise.

use std::time::Duration;

use ticketing_core::{
    Ticketing,
    clock::Timestamp,
    ids::SessionId,
    payment::{CallbackStatus, PaymentStatus},
    store::StoreError,
};

use super::{
    gateway::SimGateway,
    levels::{Levels, Ties},
    story::{Reported, Story},
};

/// How far the store's clock and the story's may lie apart: both follow the same monotonic clock,
/// anchored at different moments.
const CLOCKS_APART: Duration = Duration::from_millis(100);

const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// What the stories alone show.
#[derive(Debug)]
pub struct Shown {
    /// Most tickets that were acknowledged as held or sold at one instant.
    pub taken_max: i64,
    /// Promises that were broken.
    pub complaints: Vec<String>,
}

/// Judges a sale of `stock` tickets by its stories alone.
pub fn by_history(stories: &[Story], stock: i64) -> Shown {
    let mut complaints: Vec<String> = stories.iter().flat_map(|story| story.complaints.iter().cloned()).collect();
    let certain = Levels::of(stories.iter().flat_map(certainly_taken).collect(), Ties::Low);
    let peak = certain.peak();
    if let Some((at, taken)) = peak.filter(|(_, taken)| *taken > stock) {
        complaints.push(format!("I1: {taken} of {stock} tickets were acknowledged as held or sold at {at}"));
    }
    let possible = Levels::of(stories.iter().flat_map(possibly_taken).collect(), Ties::High);
    for (story, sold_out) in stories.iter().filter_map(|story| Some((story, story.sold_out?))) {
        let most = possible.most_within(sold_out.asked, sold_out.answered);
        if most + i64::from(sold_out.quantity) <= stock {
            let (user, wanted, at) = (story.plan.user_id, sold_out.quantity, sold_out.answered);
            complaints.push(format!(
                "I13: {user} was told at {at} that {wanted} are not left, when at most {most} of {stock} were taken"
            ));
        }
    }
    complaints.extend(stories.iter().filter_map(|story| by_callbacks(story, story.reported.as_ref()?)));
    Shown { taken_max: peak.map_or(0, |(_, taken)| taken), complaints }
}

/// Tickets that nobody else can have: from acknowledgement until the engine may take them back.
fn certainly_taken(story: &Story) -> Vec<(Timestamp, i64)> {
    let Some(held) = &story.held else { return Vec::new() };
    let quantity = i64::from(story.plan.quantity);
    let life = held.expires_at.since(held.acknowledged).saturating_sub(CLOCKS_APART);
    let mut until = held.acknowledged.plus(life);
    let mut sold_from = None;
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
fn possibly_taken(story: &Story) -> Vec<(Timestamp, i64)> {
    let quantity = i64::from(story.plan.quantity);
    let Some(held) = &story.held else {
        // Without an acknowledgement and without a sell-out, the last word may be unknown.
        let first = story.calls.iter().find(|call| call.step == super::story::Step::Hold);
        let refused = story.calls.last().is_some_and(|call| call.answer.is_refusal());
        return first.filter(|_| !refused).map_or_else(Vec::new, |call| vec![(call.asked, quantity)]);
    };
    let expired = held.expires_at.plus(CLOCKS_APART);
    let until = match &story.reported {
        None => expired,
        Some(reported) => match (reported.status, reported.settled) {
            (CallbackStatus::Fail, settled) => settled.unwrap_or(expired),
            (CallbackStatus::Success, _) if reported.sold > 0 || reported.answered == 0 => NEVER,
            (CallbackStatus::Success, _) => expired,
        },
    };
    let back = (until != NEVER).then_some((until, -quantity));
    [(held.asked, quantity)].into_iter().chain(back).collect()
}

fn by_callbacks(story: &Story, reported: &Reported) -> Option<String> {
    let Reported { order_id, sold, refunded, .. } = reported;
    if sold + refunded > 1 {
        return Some(format!("I6: {order_id} was sold {sold} times and refunded {refunded} times"));
    }
    if *sold == 1 && reported.status == CallbackStatus::Fail {
        return Some(format!("I4: {order_id} was sold although its payment failed"));
    }
    let wrong = reported.tickets.filter(|tickets| *tickets != story.plan.quantity as usize)?;
    Some(format!("I5: the buyer of {order_id} read {wrong} tickets instead of {}", story.plan.quantity))
}

/// What the store and the gateway must agree on with the stories once everything has settled.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub async fn by_the_end(
    stories: &[Story],
    engine: &Ticketing,
    gateway: &SimGateway,
    session: SessionId,
) -> Result<Vec<String>, StoreError> {
    let (mut complaints, mut sold) = (Vec::new(), 0);
    for story in stories {
        if let Some(held) = &story.held
            && engine.queries().hold(held.hold_id).await?.is_none()
        {
            complaints.push(format!("I16: {} was acknowledged and is missing", held.hold_id));
        }
        if let Some(reported) = story.reported.as_ref().filter(|reported| reported.answered > 0) {
            let tickets = engine.queries().tickets_of_order(reported.order_id).await?.len();
            let status = engine.queries().payment(reported.payment_id).await?.map(|payment| payment.status);
            let refunds = gateway.refunds_of(&reported.pg_payment_id);
            let expected = story.plan.quantity as usize;
            let right = match (reported.status, status) {
                (CallbackStatus::Success, Some(PaymentStatus::Succeeded)) => tickets == expected && refunds == 0,
                (CallbackStatus::Success, Some(PaymentStatus::Refunded)) => tickets == 0 && refunds == 1,
                (CallbackStatus::Fail, Some(PaymentStatus::Failed)) => tickets == 0 && refunds == 0,
                _ => false,
            };
            if status == Some(PaymentStatus::Succeeded) {
                sold += i64::from(story.plan.quantity);
            }
            if !right {
                complaints.push(format!(
                    "I6: {} was reported {} and ended as {} with {tickets} of {expected} tickets and {refunds} refunds",
                    reported.payment_id,
                    reported.status,
                    status.map_or("missing", |status| status.as_str()),
                ));
            }
        }
    }
    match engine.session_stats(session).await? {
        Some(stats) if !stats.stock.is_sound() => complaints.push(format!("I1: {:?}", stats.stock)),
        Some(stats) if stats.stock.sold != sold => {
            complaints.push(format!("I1: {} tickets are booked as sold, {sold} were", stats.stock.sold));
        }
        Some(_) => {}
        None => complaints.push(format!("I16: {session} is missing")),
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests;
