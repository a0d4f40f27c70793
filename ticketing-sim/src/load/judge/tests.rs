use ticketing_core::{
    ids::{HoldId, OrderId, PaymentId, UserId},
    session::Stock,
};
use uuid::Uuid;

use super::*;
use crate::load::{
    plan::{self, Delivery, Doubt, Plan},
    story::{Call, HeldTickets, Place, Released, Sighting, SoldOut},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn terms(stock: i64) -> Terms {
    Terms { stock, hold_ttl: Duration::from_secs(10), late_landing: Duration::ZERO }
}

fn story(quantity: u32) -> Story {
    let user_id = UserId::from_uuid(Uuid::from_u128(1));
    Story::new(Plan {
        user_id,
        quantity,
        doubt: Doubt::None,
        ending: plan::Ending::Pays,
        delivery: Delivery::Once,
        thinks: Duration::ZERO,
    })
}

fn held(quantity: u32, acknowledged: i64, ends: i64) -> Story {
    let held = HeldTickets {
        hold_id: HoldId::from_uuid(Uuid::from_u128(2)),
        asked: at(acknowledged - 1),
        acknowledged: at(acknowledged),
        expires_at: at(ends),
        ends_earliest: at(ends),
        ends_latest: at(ends),
    };
    Story { held: Some(held), ..story(quantity) }
}

fn reported(story: Story, status: CallbackStatus, asked: i64, settled: i64) -> Story {
    let sells = status == CallbackStatus::Success;
    let reported = Reported {
        order_id: OrderId::from_uuid(Uuid::from_u128(3)),
        payment_id: PaymentId::from_uuid(Uuid::from_u128(4)),
        pg_payment_id: "sim_1".to_owned(),
        status,
        asked: at(asked),
        settled: Some(at(settled)),
        sold: u32::from(sells),
        refunded: 0,
        answered: 1,
        stood: Some(if sells { PaymentStatus::Succeeded } else { PaymentStatus::Failed }),
        tickets: sells.then_some(story.plan.quantity as usize),
    };
    Story { reported: Some(reported), ..story }
}

fn refused(quantity: u32, asked: i64, answered: i64) -> Story {
    Story { sold_out: Some(SoldOut { quantity, asked: at(asked), answered: at(answered) }), ..story(quantity) }
}

fn call(step: Step, asked: i64, answered: i64, answer: Answer) -> Call {
    Call { step, due: at(asked), asked: at(asked), answered: at(answered), again: false, answer }
}

#[track_caller]
fn check_complaints(complaints: &[String], expected: Option<&str>) {
    match expected {
        None => assert_eq!(complaints, Vec::<String>::new()),
        Some(invariant) => assert!(
            matches!(complaints, [only] if only.starts_with(invariant)),
            "expected one {invariant}: {complaints:?}"
        ),
    }
}

#[track_caller]
fn check(stories: &[Story], stock: i64, expected: Option<&str>) {
    check_complaints(&by_history(stories, terms(stock)).complaints, expected);
}

#[test]
fn two_live_holds_of_the_last_ticket_are_an_oversell() {
    check(&[held(1, 10, 100), held(1, 20, 100)], 1, Some("I1:"));
    check(&[held(1, 10, 100), held(1, 20, 100)], 2, None);
    assert_eq!(by_history(&[held(1, 10, 100), held(1, 20, 100)], terms(1)).oversold, 1);
}

#[test]
fn a_hold_that_ended_makes_room_for_another() {
    check(&[held(1, 10, 20), held(1, 30, 100)], 1, None);
}

#[test]
fn a_hold_whose_answer_took_long_is_sure_only_from_its_answer_to_its_earliest_end() {
    let slow = |earliest, latest| {
        let mut story = held(1, 10, 0);
        let held = story.held.as_mut().unwrap();
        (held.ends_earliest, held.ends_latest) = (at(earliest), at(latest));
        story
    };
    check(&[slow(15, 30), held(1, 20, 100)], 1, None);
    check(&[slow(25, 30), held(1, 20, 100)], 1, Some("I1:"));
    // And it may be there until its latest.
    check(&[slow(15, 30), refused(1, 28, 29)], 1, None);
    check(&[slow(15, 30), refused(1, 31, 32)], 1, Some("I13:"));
}

#[test]
fn a_ticket_that_was_sold_stays_taken_past_the_holds_end() {
    let sold = reported(held(1, 10, 20), CallbackStatus::Success, 12, 14);
    check(std::slice::from_ref(&sold), 1, None);
    check(&[sold, held(1, 50, 100)], 1, Some("I1:"));
}

#[test]
fn a_late_payment_counts_from_its_own_answer() {
    let late = reported(held(1, 10, 20), CallbackStatus::Success, 40, 50);
    check(&[late.clone(), held(1, 25, 35)], 1, None);
    check(&[late, held(1, 60, 100)], 1, Some("I1:"));
}

#[test]
fn a_declined_payment_gives_its_ticket_back_at_once() {
    let declined = reported(held(1, 10, 100), CallbackStatus::Fail, 12, 14);
    check(&[declined, held(1, 13, 100)], 1, None);
}

#[test]
fn a_released_hold_is_free_from_the_question_on_and_surely_from_the_answer_on() {
    let released = |done: Option<i64>| {
        let released = Released { asked: at(12), done: done.map(at) };
        Story { released: Some(released), ..held(1, 10, 100) }
    };
    check(&[released(Some(14)), held(1, 13, 100)], 1, None);
    check(&[released(Some(14)), held(1, 11, 100)], 1, Some("I1:"));
    check(&[released(Some(14)), refused(1, 13, 14)], 1, None);
    check(&[released(Some(14)), refused(1, 15, 16)], 1, Some("I13:"));
    check(&[released(None), refused(1, 15, 16)], 1, None);
}

#[test]
fn a_sell_out_that_was_never_so_is_a_false_one() {
    check(&[held(1, 10, 100), refused(1, 20, 21)], 2, Some("I13:"));
    check(&[held(1, 10, 100), refused(2, 20, 21)], 2, None);
    check(&[held(1, 10, 15), refused(1, 20, 21)], 1, Some("I13:"));
}

#[test]
fn a_sell_out_may_be_due_to_a_hold_that_was_not_answered_yet() {
    check(&[held(1, 21, 100), refused(1, 19, 20)], 1, None);
}

#[test]
fn a_sell_out_may_be_due_to_a_hold_that_nobody_heard_of_for_as_long_as_it_may_live() {
    let lost = |then: Option<(i64, i64)>| {
        let mut calls = vec![call(Step::Hold, 10, 12, Answer::Unknown)];
        calls.extend(then.map(|(asked, answered)| call(Step::Hold, asked, answered, Answer::refused("sold_out"))));
        Story { calls, ..story(1) }
    };
    check(&[lost(None), refused(1, 20, 21)], 1, None);
    check(&[lost(None), refused(1, 30, 31)], 1, Some("I13:"));
    // Asked again it was refused: there is none, unless the question itself is still on its way.
    check(&[lost(Some((13, 14))), refused(1, 20, 21)], 1, Some("I13:"));
    let slow = Terms { late_landing: Duration::from_secs(5), ..terms(1) };
    let complaints = |stories: &[Story]| by_history(stories, slow).complaints;
    check_complaints(&complaints(&[lost(Some((13, 14))), refused(1, 20, 21)]), None);
    check_complaints(&complaints(&[lost(Some((18, 19))), refused(1, 20, 21)]), Some("I13:"));
}

#[test]
fn a_buyers_own_lost_hold_excuses_no_sell_out_that_they_are_told() {
    let mut story = refused(1, 15, 16);
    story.calls =
        vec![call(Step::Hold, 10, 12, Answer::Unknown), call(Step::Hold, 15, 16, Answer::refused("sold_out"))];
    check(std::slice::from_ref(&story), 1, Some("I13:"));
    check(&[story, held(1, 9, 100)], 1, None);
}

#[test]
fn what_became_of_a_payment_that_could_not_be_read_is_left_open() {
    let unread = |refunded| {
        let mut story = reported(held(1, 10, 20), CallbackStatus::Success, 12, 14);
        let reported = story.reported.as_mut().unwrap();
        (reported.sold, reported.refunded, reported.stood, reported.tickets) = (0, refunded, None, None);
        story
    };
    check(&[unread(0), refused(1, 50, 51)], 1, None);
    check(&[unread(1), refused(1, 50, 51)], 1, Some("I13:"));
}

#[test]
fn a_payment_whose_callback_never_came_is_judged_by_what_its_buyer_saw() {
    let unreported = |settled: Option<i64>, stood| {
        let mut story = reported(held(1, 10, 20), CallbackStatus::Success, 12, 14);
        story.plan.delivery = Delivery::Lost;
        let reported = story.reported.as_mut().unwrap();
        (reported.answered, reported.settled, reported.stood) = (0, settled.map(at), Some(stood));
        reported.sold = u32::from(stood == PaymentStatus::Succeeded);
        reported.refunded = u32::from(stood == PaymentStatus::Refunded);
        reported.tickets = (reported.sold > 0).then_some(1);
        story
    };
    // The shop learnt of it while the hold lived, or after somebody else had had a turn.
    check(&[unreported(Some(17), PaymentStatus::Succeeded), held(1, 25, 35)], 1, Some("I1:"));
    check(&[unreported(Some(40), PaymentStatus::Succeeded), held(1, 25, 35)], 1, None);
    check(&[unreported(Some(40), PaymentStatus::Succeeded), held(1, 41, 51)], 1, Some("I1:"));
    // What is given back was not there any more, which it was as long as the hold lived.
    check(&[unreported(Some(40), PaymentStatus::Refunded), refused(1, 24, 25)], 1, Some("I13:"));
    check(&[unreported(Some(17), PaymentStatus::Refunded)], 1, Some("I9:"));
    // What nobody saw settled may be sold at any time.
    check(&[unreported(None, PaymentStatus::Pending), refused(1, 50, 51)], 1, None);
    check(&[unreported(None, PaymentStatus::Pending), held(1, 25, 35)], 1, None);
}

#[test]
fn a_double_sale_and_missing_tickets_are_told() {
    let sold = || reported(held(2, 10, 100), CallbackStatus::Success, 12, 14);
    let with = |change: fn(&mut Reported)| {
        let mut story = sold();
        change(story.reported.as_mut().unwrap());
        story
    };
    check(&[sold()], 2, None);
    check(&[with(|reported| reported.sold = 2)], 2, Some("I6:"));
    check(&[with(|reported| reported.refunded = 1)], 2, Some("I6:"));
    check(&[with(|reported| reported.tickets = Some(1))], 2, Some("I5:"));
    check(&[with(|reported| reported.status = CallbackStatus::Fail)], 2, Some("I4:"));
    assert_eq!(by_history(&[with(|reported| reported.sold = 2)], terms(2)).double_payments, 1);
}

#[test]
fn money_that_came_in_time_does_not_go_back() {
    let given_back = |settled| {
        let mut story = reported(held(1, 10, 20), CallbackStatus::Success, 12, settled);
        let reported = story.reported.as_mut().unwrap();
        (reported.sold, reported.refunded, reported.tickets) = (0, 1, None);
        reported.stood = Some(PaymentStatus::Refunded);
        story
    };
    check(&[given_back(15)], 1, Some("I9:"));
    check(&[given_back(25)], 1, None);
}

/// Somebody who asked for a place, got it, and then saw positions at these times.
fn placed(asked: i64, given: i64, seen: &[(i64, u64)]) -> Story {
    let seen = seen.iter().map(|&(when, position)| Sighting { asked: at(when), answered: at(when), position });
    Story { place: Some(Place { asked: at(asked), given: at(given), allowed: None, seen: seen.collect() }), ..story(1) }
}

#[test]
fn who_came_first_is_never_told_to_stand_behind_who_came_later() {
    let first = |seen: &[(i64, u64)]| placed(1, 2, seen);
    let second = |seen: &[(i64, u64)]| placed(3, 4, seen);
    check(&[first(&[(2, 1), (20, 1)]), second(&[(4, 2), (10, 2)])], 9, None);
    check(&[first(&[(2, 1), (20, 1)]), second(&[(4, 2), (10, 0)])], 9, Some("I10:"));
    check(&[first(&[(2, 3), (20, 2)]), second(&[(10, 2)])], 9, Some("I10:"));
    // Of the first nobody may have been told yet that they are let in.
    check(&[first(&[(2, 1), (20, 1)]), second(&[(10, 1)])], 9, None);
    // What was told in the same second may be older than it looks.
    check(&[first(&[(10, 1)]), second(&[(10, 0)])], 9, None);
    // They came at the same time, so nobody was first.
    check(&[placed(1, 5, &[(20, 1)]), second(&[(10, 0)])], 9, None);
    // Both are let in.
    check(&[first(&[(20, 0)]), second(&[(10, 0)])], 9, None);
}

#[test]
fn the_line_is_judged_as_by_comparing_everybody_with_everybody() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut found = 0;
    for _ in 0..300 {
        let stories: Vec<_> = (0..rng.usize(1..8))
            .map(|_| {
                let asked = rng.i64(0..10);
                let given = asked + rng.i64(0..3);
                let seen: Vec<_> = (0..rng.usize(0..4)).map(|_| (given + rng.i64(0..12), rng.u64(0..5))).collect();
                placed(asked, given, &seen)
            })
            .collect();
        let places: Vec<_> = stories.iter().map(|story| story.place.as_ref().unwrap()).collect();
        let mut expected = 0;
        for own in &places {
            for look in own.seen.iter().filter(|look| look.position > 0) {
                expected += usize::from(places.iter().filter(|other| own.given < other.asked).any(|other| {
                    other.seen.iter().any(|seen| {
                        seen.answered.plus(Duration::from_secs(1)) < look.asked
                            && seen.position <= look.position
                            && (seen.position, look.position) != (1, 1)
                    })
                }));
            }
        }
        assert_eq!(by_places(&stories).len(), expected, "{places:?}");
        found += expected;
    }
    assert!(found > 100, "hardly anything was wrong: {found}");
}

#[test]
fn what_was_acknowledged_is_there_at_the_end() {
    #[track_caller]
    fn check(story: &Story, ending: &Ending, sold: i64, expected: Option<&str>) {
        let books = Stock { total: 5, available: 5 - sold, held: 0, sold };
        let complaints = by_the_end(std::slice::from_ref(story), std::slice::from_ref(ending), Some(books));
        check_complaints(&complaints, expected);
    }
    let of = |payment, tickets, refunds| Ending { has_hold: Some(true), payment, tickets, refunds };
    let bought = reported(held(2, 10, 100), CallbackStatus::Success, 12, 14);
    check(&bought, &of(Some(PaymentStatus::Succeeded), 2, None), 2, None);
    check(&bought, &of(Some(PaymentStatus::Succeeded), 2, Some(1)), 2, Some("I6:"));
    check(&bought, &of(Some(PaymentStatus::Succeeded), 1, None), 2, Some("I6:"));
    check(&bought, &of(Some(PaymentStatus::Succeeded), 2, None), 1, Some("I1:"));
    check(&bought, &of(Some(PaymentStatus::Refunded), 0, Some(1)), 0, None);
    check(&bought, &of(Some(PaymentStatus::Refunded), 0, Some(2)), 0, Some("I6:"));
    check(&bought, &of(Some(PaymentStatus::Refunded), 2, None), 0, Some("I6:"));
    check(&bought, &of(Some(PaymentStatus::Pending), 0, None), 0, Some("I6:"));
    check(&bought, &of(None, 0, None), 0, Some("I6:"));
    check(&held(1, 10, 20), &Ending { has_hold: Some(false), ..Ending::default() }, 0, Some("I16:"));
    let unknown = Story { unresolved: vec![Step::Hold], ..story(1) };
    check(&unknown, &Ending::default(), 0, Some("I7:"));
    // A callback that nobody answered may have sold, or not.
    let mut unanswered = bought.clone();
    unanswered.reported.as_mut().unwrap().answered = 0;
    check(&unanswered, &Ending { has_hold: Some(true), ..Ending::default() }, 0, None);
    check(&unanswered, &Ending { has_hold: Some(true), ..Ending::default() }, 2, None);
    check(&unanswered, &Ending { has_hold: Some(true), ..Ending::default() }, 3, Some("I1:"));
    // Where the gateway is known, its money is somewhere all the same.
    check(&unanswered, &of(Some(PaymentStatus::Succeeded), 2, Some(0)), 2, None);
    check(&unanswered, &of(Some(PaymentStatus::Succeeded), 2, Some(0)), 0, Some("I1:"));
    check(&unanswered, &of(Some(PaymentStatus::Succeeded), 1, Some(0)), 2, Some("I6:"));
    check(&unanswered, &of(Some(PaymentStatus::Succeeded), 2, Some(1)), 2, Some("I6:"));
    check(&unanswered, &of(Some(PaymentStatus::Refunded), 0, Some(1)), 0, None);
    check(&unanswered, &of(Some(PaymentStatus::Refunded), 0, Some(0)), 0, Some("I6:"));
    check(&unanswered, &of(Some(PaymentStatus::Refunded), 0, Some(1)), 2, Some("I1:"));
    check(&unanswered, &of(Some(PaymentStatus::Pending), 0, Some(0)), 0, Some("I6:"));
    check(&unanswered, &of(Some(PaymentStatus::RefundPending), 0, Some(0)), 0, Some("I6:"));
    check(&unanswered, &of(Some(PaymentStatus::Failed), 0, Some(0)), 0, Some("I6:"));
    check(&unanswered, &of(None, 0, Some(0)), 0, Some("I6:"));
    // Nothing was taken, so that nobody is to find out what the shop was not told.
    let declined = |answered| {
        let mut story = reported(held(2, 10, 100), CallbackStatus::Fail, 12, 14);
        story.reported.as_mut().unwrap().answered = answered;
        story
    };
    check(&declined(0), &of(Some(PaymentStatus::Pending), 0, Some(0)), 0, None);
    check(&declined(0), &of(Some(PaymentStatus::Failed), 0, Some(0)), 0, None);
    check(&declined(0), &of(Some(PaymentStatus::Failed), 0, Some(1)), 0, Some("I6:"));
    check(&declined(0), &of(Some(PaymentStatus::Pending), 2, Some(0)), 0, Some("I6:"));
    check(&declined(1), &of(Some(PaymentStatus::Pending), 0, Some(0)), 0, Some("I6:"));
    check(&declined(1), &of(Some(PaymentStatus::Failed), 0, Some(0)), 0, None);
}
