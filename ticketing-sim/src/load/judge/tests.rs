use ticketing_core::ids::{HoldId, OrderId, PaymentId, UserId};
use uuid::Uuid;

use super::*;
use crate::load::{
    plan::{Delivery, Doubt, Ending, Plan},
    story::{HeldTickets, SoldOut},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn story(quantity: u32) -> Story {
    let user_id = UserId::from_uuid(Uuid::from_u128(1));
    Story::new(Plan { user_id, quantity, doubt: Doubt::None, ending: Ending::Pays, delivery: Delivery::Once })
}

fn held(quantity: u32, acknowledged: i64, expires: i64) -> Story {
    let hold_id = HoldId::from_uuid(Uuid::from_u128(2));
    let held =
        HeldTickets { hold_id, asked: at(acknowledged - 1), acknowledged: at(acknowledged), expires_at: at(expires) };
    Story { held: Some(held), ..story(quantity) }
}

fn reported(story: Story, status: CallbackStatus, asked: i64, settled: i64) -> Story {
    let reported = Reported {
        order_id: OrderId::from_uuid(Uuid::from_u128(3)),
        payment_id: PaymentId::from_uuid(Uuid::from_u128(4)),
        pg_payment_id: "sim_1".parse().unwrap(),
        status,
        asked: at(asked),
        settled: Some(at(settled)),
        sold: u32::from(status == CallbackStatus::Success),
        refunded: 0,
        answered: 1,
        tickets: (status == CallbackStatus::Success).then_some(story.plan.quantity as usize),
    };
    Story { reported: Some(reported), ..story }
}

fn refused(quantity: u32, asked: i64, answered: i64) -> Story {
    Story { sold_out: Some(SoldOut { quantity, asked: at(asked), answered: at(answered) }), ..story(quantity) }
}

#[track_caller]
fn check(stories: &[Story], stock: i64, expected: Option<&str>) {
    let complaints = by_history(stories, stock).complaints;
    match expected {
        None => assert_eq!(complaints, Vec::<String>::new()),
        Some(invariant) => assert!(
            matches!(&complaints[..], [only] if only.starts_with(invariant)),
            "expected one {invariant}: {complaints:?}"
        ),
    }
}

#[test]
fn two_live_holds_of_the_last_ticket_are_an_oversell() {
    check(&[held(1, 10, 100), held(1, 20, 100)], 1, Some("I1:"));
    check(&[held(1, 10, 100), held(1, 20, 100)], 2, None);
}

#[test]
fn a_hold_that_ended_makes_room_for_another() {
    check(&[held(1, 10, 20), held(1, 30, 100)], 1, None);
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
fn a_double_sale_and_missing_tickets_are_told() {
    let sold = || reported(held(2, 10, 100), CallbackStatus::Success, 12, 14);
    let with = |change: fn(&mut Reported)| {
        let mut story = sold();
        change(story.reported.as_mut().unwrap());
        story
    };
    check(&[sold()], 2, None);
    check(&[with(|reported| reported.sold = 2)], 2, Some("I6:"));
    check(&[with(|reported| reported.tickets = Some(1))], 2, Some("I5:"));
}
