//! Refusals that say something about the sale: each must have been true at some instant of its call.

use super::{
    super::history::{Answer, Ask, At, No, Op, Settled, User, Who},
    Breach, Evidence,
    setting::Setting,
    span::{Span, most_within},
    stock::seconds,
    story::{Stories, Story},
};

/// What is shown of a line may be so old.
const SHOWN_LATE: At = 1_000_000;

/// Checks every refusal that [`super::stock`] does not.
pub fn check(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for (sale, terms) in evidence.sales.iter().enumerate() {
        let total = Setting::of(&evidence.ops, sale, terms.total, |ask| match ask {
            Ask::SetTotal(total) => Some(*total),
            _ => None,
        });
        let limit = Setting::of(&evidence.ops, sale, terms.limit, |ask| match ask {
            Ask::SetLimit(limit) => Some(*limit),
            _ => None,
        });
        for op in evidence.ops.iter().filter(|op| op.sale == sale) {
            let wrong = match (&op.ask, &op.answer, op.who) {
                (Ask::Join, Answer::Refused(No::SoldOut), _) => not_sold_out(op, op.asked, stories, &total),
                (Ask::Poll { .. }, Answer::Standing { sold_out: true, .. }, _) => {
                    not_sold_out(op, op.asked - SHOWN_LATE, stories, &total)
                }
                (Ask::SetTotal(wanted), Answer::Refused(No::StockInUse), _) => not_in_use(op, *wanted, stories),
                (Ask::Hold { key, wish, .. }, Answer::Refused(No::Limit), Who::Buyer(user)) => {
                    below_the_limit(op, user, key, wish.count(), stories, &limit)
                }
                (Ask::Hold { .. }, Answer::Refused(No::HoldExists(hold)), _) => {
                    stories.of_hold.get(hold).and_then(|number| no_obstacle(op, &stories.all[*number]))
                }
                (Ask::Callback { payment, .. }, Answer::Settled(Settled::Refund("limit_exceeded")), _) => {
                    let story = stories.of_payment.get(payment.as_str()).map(|number| &stories.all[*number]);
                    story.and_then(|story| below_the_limit(op, story.user, story.key, story.count(), stories, &limit))
                }
                (Ask::Release { hold } | Ask::Checkout { hold }, Answer::Refused(no), Who::Buyer(user)) => {
                    let story = stories.of_hold.get(hold).map(|number| &stories.all[*number]);
                    story.filter(|story| story.user == user).and_then(|story| not_theirs(op, no, story))
                }
                _ => None,
            };
            found.extend(wrong);
        }
    }
}

/// Tickets that are held may come back: a sale is sold out when all are sold.
fn not_sold_out(op: &Op, from: At, stories: &Stories<'_>, total: &Setting<'_>) -> Option<Breach> {
    let answered = op.answered?;
    let sold: Vec<Span> = stories.of_sale(op.sale).filter_map(Story::possibly_sold).collect();
    let left = total.least(from, answered) - most_within(&sold, from, answered);
    let at = seconds(answered);
    (left > 0).then(|| Breach::of("I13", format!("a line was sold out at {at}, when at least {left} were not sold")))
}

fn not_in_use(op: &Op, wanted: i64, stories: &Stories<'_>) -> Option<Breach> {
    let answered = op.answered?;
    let taken: Vec<Span> = stories.of_sale(op.sale).flat_map(Story::possible).collect();
    let most = most_within(&taken, op.asked, answered);
    let at = seconds(answered);
    (most <= wanted)
        .then(|| Breach::of("I9", format!("{wanted} tickets in all were refused at {at}: {most} were taken")))
}

fn below_the_limit(
    op: &Op,
    user: User,
    key: &str,
    wanted: i64,
    stories: &Stories<'_>,
    limit: &Setting<'_>,
) -> Option<Breach> {
    let answered = op.answered?;
    let others = stories.of_sale(op.sale).filter(|story| story.user == user && story.key != key);
    let taken: Vec<Span> = others.flat_map(Story::possible).collect();
    let (has, least) = (most_within(&taken, op.asked, answered), limit.least(op.asked, answered));
    let at = seconds(answered);
    (has + wanted <= least).then(|| {
        Breach::of("I12", format!("buyer {user} with {has} tickets was refused {wanted} more at {at}, of {least}"))
    })
}

/// A hold that is over stands in nobody's way.
fn no_obstacle(op: &Op, story: &Story<'_>) -> Option<Breach> {
    let answered = op.answered?;
    let lived = story.possibly_held().is_some_and(|span| span.touches(op.asked, answered));
    let (user, at) = (story.user, seconds(answered));
    (!lived).then(|| Breach::of("I9", format!("buyer {user} was refused at {at} for a hold that was over")))
}

/// What was acknowledged is there, and is sold only when it was paid.
fn not_theirs(op: &Op, no: &No, story: &Story<'_>) -> Option<Breach> {
    let (told, answered) = (story.hold?, op.answered?);
    let (user, at) = (story.user, seconds(answered));
    match no {
        No::NotFound if op.asked > told.acked => {
            Some(Breach::of("I16", format!("{} of buyer {user} was not there at {at}", told.hold)))
        }
        No::AlreadySold if story.possibly_sold().is_none_or(|sold| sold.from > answered) => {
            Some(Breach::of("I8", format!("{} of buyer {user} was sold at {at}, and not paid", told.hold)))
        }
        _ => None,
    }
}
