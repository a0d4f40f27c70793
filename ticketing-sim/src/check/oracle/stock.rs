//! I1 and I2: nobody is promised what somebody else has. I13: nobody is refused what nobody has.

use super::{
    super::history::{Answer, Ask, No, Op, Settled, Who},
    Breach, Evidence,
    setting::Setting,
    span::{Span, most_within, peak},
    story::{Stories, Story},
};

/// Checks every sale.
pub fn check(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for (sale, terms) in evidence.sales.iter().enumerate() {
        let total = Setting::of(&evidence.ops, sale, terms.total, |ask| match ask {
            Ask::SetTotal(total) => Some(*total),
            _ => None,
        });
        oversold(sale, stories, &total, found);
        twice_seated(sale, stories, found);
        for op in evidence.ops.iter().filter(|op| op.sale == sale) {
            refused(op, stories, &total, found);
        }
    }
}

fn oversold(sale: usize, stories: &Stories<'_>, total: &Setting<'_>, found: &mut Vec<Breach>) {
    let spans: Vec<Span> = stories.of_sale(sale).flat_map(Story::certain).collect();
    let over = spans.iter().filter_map(|span| {
        let together: Vec<Span> =
            spans.iter().filter(|other| other.from <= span.from && span.from < other.to).copied().collect();
        let (at, taken) = peak(&together).filter(|(at, _)| *at == span.from)?;
        let most = total.most(at, at);
        (taken > most).then_some((at, taken, most))
    });
    if let Some((at, taken, most)) = over.min() {
        let detail = format!("{taken} tickets were acknowledged as held or sold at {}, of {most}", seconds(at));
        found.push(Breach::of("I1", detail));
    }
}

fn twice_seated(sale: usize, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    let taken: Vec<(&str, Span, &Story<'_>)> = stories
        .of_sale(sale)
        .flat_map(|story| {
            let seats = story.wish().map_or(&[][..], |wish| wish.seats());
            let each = move |span: Span| seats.iter().map(move |seat| (seat.as_str(), span, story));
            story.certain().into_iter().flat_map(each)
        })
        .collect();
    for (place, (seat, span, story)) in taken.iter().enumerate() {
        let other = taken[..place].iter().find(|(name, other, theirs)| {
            name == seat && other.meets(span) && (theirs.user, theirs.key) != (story.user, story.key)
        });
        if let Some((_, with, theirs)) = other {
            let (one, two) = (theirs.user, story.user);
            let at = seconds(span.from.max(with.from));
            found.push(Breach::of("I2", format!("seat {seat} was promised to buyers {one} and {two} at {at}")));
        }
    }
}

/// What was refused for want of stock must have been out of stock at some instant of the call.
fn refused(op: &Op, stories: &Stories<'_>, total: &Setting<'_>, found: &mut Vec<Breach>) {
    let Some(answered) = op.answered else { return };
    match (&op.ask, &op.answer, op.who) {
        (Ask::Hold { key, wish, .. }, Answer::Refused(No::SoldOut), Who::Buyer(user)) => {
            let most = taken_by_others(op, answered, stories, |story| (story.user, story.key) != (user, key.as_str()));
            let free = total.least(op.asked, answered) - most;
            if free >= wish.count() {
                let wanted = wish.count();
                let detail = format!(
                    "buyer {user} was refused {wanted} at {}, when at least {free} were free",
                    seconds(answered)
                );
                found.push(Breach::of("I13", detail));
            }
        }
        (Ask::Hold { key, .. }, Answer::Refused(No::SeatTaken(seats)), Who::Buyer(user)) => {
            for seat in seats {
                let is_other = |story: &Story<'_>| (story.user, story.key) != (user, key.as_str());
                if !seat_taken(op, answered, seat, stories, is_other) {
                    let detail =
                        format!("buyer {user} was refused seat {seat} at {}, which was free", seconds(answered));
                    found.push(Breach::of("I13", detail));
                }
            }
        }
        (Ask::Callback { payment, .. }, Answer::Settled(Settled::Refund("stock_gone")), _) => {
            let Some(story) = stories.of_payment.get(payment.as_str()).map(|number| &stories.all[*number]) else {
                return;
            };
            let is_other = |other: &Story<'_>| (other.user, other.key) != (story.user, story.key);
            let seats = story.wish().map_or(&[][..], |wish| wish.seats());
            if !seats.is_empty() {
                if seats.iter().all(|seat| !seat_taken(op, answered, seat, stories, is_other)) {
                    let at = seconds(answered);
                    let detail = format!("{payment} was given back at {at} for want of seats, all of which were free");
                    found.push(Breach::of("I13", detail));
                }
                return;
            }
            let most = taken_by_others(op, answered, stories, is_other);
            let free = total.least(op.asked, answered) - most;
            if free >= story.count() {
                let detail =
                    format!("{payment} was given back at {} for want of stock: {free} were free", seconds(answered));
                found.push(Breach::of("I13", detail));
            }
        }
        _ => {}
    }
}

/// Whether one of the others may have had `seat` at some instant of a call.
fn seat_taken(
    op: &Op,
    answered: i64,
    seat: &String,
    stories: &Stories<'_>,
    others: impl Fn(&Story<'_>) -> bool,
) -> bool {
    let has_it = |story: &&Story<'_>| others(story) && story.may_hold(seat);
    let mut taken = stories.of_sale(op.sale).filter(has_it).flat_map(Story::possible);
    taken.any(|span| span.touches(op.asked, answered))
}

fn taken_by_others(op: &Op, answered: i64, stories: &Stories<'_>, others: impl Fn(&Story<'_>) -> bool) -> i64 {
    let spans: Vec<Span> = stories.of_sale(op.sale).filter(|story| others(story)).flat_map(Story::possible).collect();
    most_within(&spans, op.asked, answered)
}

/// An instant as a trace prints it.
pub fn seconds(at: i64) -> String {
    format!("{}.{:03} s", at / 1_000_000, at / 1_000 % 1_000)
}
