//! I12: one live hold at a time, within the limit. I9: no hold ends early.

use std::collections::BTreeMap;

use super::{
    super::history::{Answer, Ask, No, Settled, User},
    Breach, Evidence,
    setting::Setting,
    span::{Span, peak},
    stock::seconds,
    story::{Stories, Story},
};

/// Checks every buyer.
pub fn check(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for (sale, terms) in evidence.sales.iter().enumerate() {
        let limit = Setting::of(&evidence.ops, sale, terms.limit, |ask| match ask {
            Ask::SetLimit(limit) => Some(*limit),
            _ => None,
        });
        let mut of_user: BTreeMap<User, Vec<&Story<'_>>> = BTreeMap::new();
        for story in stories.of_sale(sale) {
            of_user.entry(story.user).or_default().push(story);
            lived_its_time(evidence, story, terms.ttl, found);
        }
        for (user, theirs) in of_user {
            one_at_a_time(user, &theirs, found);
            within_the_limit(user, &theirs, &limit, found);
            granted_within_the_limit(user, &theirs, &limit, found);
        }
    }
}

fn one_at_a_time(user: User, stories: &[&Story<'_>], found: &mut Vec<Breach>) {
    let lived: Vec<Span> = stories.iter().filter_map(|story| story.unpaid()).collect();
    for (place, span) in lived.iter().enumerate() {
        if lived[..place].iter().any(|other| other.meets(span)) {
            found.push(Breach::of("I12", format!("buyer {user} had two live holds at {}", seconds(span.from))));
        }
    }
}

fn within_the_limit(user: User, stories: &[&Story<'_>], limit: &Setting<'_>, found: &mut Vec<Breach>) {
    let spans: Vec<Span> = stories.iter().flat_map(|story| story.certain()).collect();
    if let Some((at, count)) = peak(&spans) {
        // It may have been granted under a limit that is lower by now.
        let most = limit.most(0, at);
        if count > most {
            found.push(Breach::of("I12", format!("buyer {user} had {count} tickets at {}, of {most}", seconds(at))));
        }
    }
}

/// Whatever the limit was before: it was kept when each was granted.
fn granted_within_the_limit(user: User, stories: &[&Story<'_>], limit: &Setting<'_>, found: &mut Vec<Breach>) {
    for story in stories {
        let Some(told) = story.hold else { continue };
        let late =
            story.paid.iter().filter(|op| op.answer == Answer::Settled(Settled::Sold) && op.asked > told.expires);
        let late = late.filter_map(|op| Some((op.asked, op.answered?)));
        for (from, to) in late.chain([(story.asked(), told.acked)]) {
            let others = stories.iter().filter(|other| other.key != story.key).flat_map(|other| other.certain());
            let others: i64 = others.filter(|span| span.from <= from && to < span.to).map(|span| span.count).sum();
            let (count, most) = (story.count(), limit.most(from, to));
            if others + count > most {
                let detail =
                    format!("buyer {user} with {others} tickets got {count} more at {}, of {most}", seconds(to));
                found.push(Breach::of("I12", detail));
            }
        }
    }
}

fn lived_its_time(evidence: &Evidence, story: &Story<'_>, ttl: i64, found: &mut Vec<Breach>) {
    let Some(told) = story.hold else { return };
    let user = story.user;
    if told.created < story.asked() || told.created > told.acked || told.expires - told.created != ttl {
        let (from, to) = (seconds(told.created), seconds(told.expires));
        found.push(Breach::of("I9", format!("buyer {user} was given a hold from {from} to {to}")));
    }
    let may_end = story.may_end();
    for op in &evidence.ops {
        let Some(answered) = op.answered.filter(|answered| *answered < told.expires.min(may_end)) else { continue };
        let early = match (&op.ask, &op.answer) {
            (Ask::Checkout { hold }, Answer::Refused(No::NotActive)) => *hold == told.hold,
            (Ask::Release { hold }, Answer::Ended { expired: true }) => *hold == told.hold,
            (Ask::Callback { payment, paid: true, in_full: true }, Answer::Settled(Settled::Refund(_))) => {
                story.paid.iter().any(|paid| std::ptr::eq(*paid, op)) && !payment.is_empty()
            }
            _ => false,
        };
        if early {
            let (at, end) = (seconds(answered), seconds(told.expires));
            found.push(Breach::of("I9", format!("the hold of buyer {user} was over at {at}, before {end}")));
        }
    }
    let record = evidence.end.get(story.sale).and_then(|books| books.holds.get(&told.hold));
    if let Some(record) = record
        && record.status == "EXPIRED"
        && record.ended.is_some_and(|ended| ended < record.expires)
    {
        found.push(Breach::of("I9", format!("the hold of buyer {user} was expired early, as its record says")));
    }
}
