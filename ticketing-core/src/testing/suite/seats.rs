//! Seats: each is sold for itself, and all of a hold's or none.

use futures_util::future::join_all;

use crate::{
    command::{CatalogueRefusal, HoldRefusal, NewSeat, RefundReason, Settlement},
    hold::Wanted,
    money::{Currency, Money},
    payment::PaymentStatus,
    seat::{SeatId, SeatStatus},
    testing::{
        Harness,
        harness::{ALICE, BOB, CAROL, OPERATOR, PRICE, buyer, refusal, stock},
        records::new_seat,
    },
};

fn labels(labels: &[&str]) -> Vec<SeatId> {
    labels.iter().map(|label| label.parse().unwrap()).collect()
}

fn taken(seats: &[&str]) -> HoldRefusal {
    HoldRefusal::SeatTaken { seat_ids: labels(seats) }
}

/// Every seat's status, by label.
async fn statuses(h: &Harness) -> Vec<(String, SeatStatus)> {
    let (_, seats) = h.store.seats(h.session_id(), None).await.unwrap().unwrap();
    seats.into_iter().map(|seat| (seat.id.to_string(), seat.status)).collect()
}

async fn are(h: &Harness, expected: &[(&str, SeatStatus)]) {
    let expected: Vec<_> = expected.iter().map(|(label, status)| ((*label).to_owned(), *status)).collect();
    assert_eq!(statuses(h).await, expected);
}

pub async fn a_seat_hold_is_all_or_nothing(h: Harness) {
    h.seated(&["A1", "A2", "A3"]).await;
    h.hold_seats(ALICE, "k1", &["A2"]).await.unwrap();
    assert_eq!(h.hold_seats(BOB, "k2", &["A1", "A2", "A3"]).await, Err(taken(&["A2"])));
    are(&h, &[("A1", SeatStatus::Available), ("A2", SeatStatus::Hold), ("A3", SeatStatus::Available)]).await;
    assert_eq!(h.stock().await, stock(2, 1, 0));
    assert!(h.hold_seats(BOB, "k2", &["A1", "A3"]).await.is_ok());
    assert_eq!(h.hold_seats(CAROL, "k3", &["A1", "A2", "A3"]).await, Err(taken(&["A1", "A2", "A3"])));
}

pub async fn one_seat_raced_by_many_is_held_once(h: Harness) {
    h.seated(&["A1", "A2"]).await;
    let races = join_all((0..40).map(|n| {
        let h = h.clone();
        async move { h.hold_seats(buyer(n), "k", &["A1"]).await }
    }));
    let answers = races.await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(answers.iter().flat_map(|answer| answer.as_ref().err()).all(|refusal| *refusal == taken(&["A1"])));
    assert_eq!(h.stock().await, stock(1, 1, 0));
}

pub async fn an_unknown_seat_is_named(h: Harness) {
    h.seated(&["A1"]).await;
    let unknown = HoldRefusal::SeatNotFound { seat_ids: labels(&["B1", "B2"]) };
    assert_eq!(h.hold_seats(ALICE, "k1", &["A1", "B1", "B2"]).await, Err(unknown));
    assert_eq!(h.stock().await, stock(1, 0, 0));
}

pub async fn seats_follow_their_hold(h: Harness) {
    h.seated(&["A1", "A2"]).await;
    let hold = h.hold_seats(ALICE, "k1", &["A1", "A2"]).await.unwrap().hold;
    are(&h, &[("A1", SeatStatus::Hold), ("A2", SeatStatus::Hold)]).await;
    h.release(ALICE, hold.id).await.unwrap();
    are(&h, &[("A1", SeatStatus::Available), ("A2", SeatStatus::Available)]).await;
    let hold = h.hold_seats(BOB, "k2", &["A2"]).await.unwrap().hold;
    let open = h.checkout(BOB, hold.id).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::Sold);
    are(&h, &[("A1", SeatStatus::Available), ("A2", SeatStatus::Sold)]).await;
    assert_eq!(h.tickets(BOB).await[0].seat_id, Some("A2".parse().unwrap()));
    assert_eq!(h.hold_seats(ALICE, "k3", &["A2"]).await, Err(taken(&["A2"])));
}

pub async fn an_overdue_seat_is_taken_over_before_any_sweep(h: Harness) {
    h.seated(&["A1", "A2", "A3"]).await;
    h.hold_seats(ALICE, "k1", &["A1", "A2"]).await.unwrap();
    h.advance(120);
    assert!(h.hold_seats(BOB, "k2", &["A2", "A3"]).await.is_ok());
    are(&h, &[("A1", SeatStatus::Available), ("A2", SeatStatus::Hold), ("A3", SeatStatus::Hold)]).await;
    assert_eq!(h.stock().await, stock(1, 2, 0));
    let (session, seats) = h.store.seats(h.session_id(), None).await.unwrap().unwrap();
    assert_eq!(seats.iter().map(|seat| seat.version).max(), Some(session.version), "no seat is ahead of its session");
}

pub async fn a_seat_named_twice_or_none_is_no_hold(h: Harness) {
    h.seated(&["A1", "A2"]).await;
    let seats = |of: &[&str]| Wanted::Seats(labels(of));
    for wanted in [seats(&["A1", "A1"]), seats(&["A2", "A1"]), seats(&[]), Wanted::Quantity(0), Wanted::Quantity(101)] {
        let refused = refusal(h.engine.hold(h.request(ALICE, "k1", wanted)).await);
        assert_eq!(refused.unwrap_err(), HoldRefusal::InvalidWanted);
    }
    assert_eq!(h.stock().await, stock(2, 0, 0));
}

pub async fn a_seat_s_own_price_is_charged(h: Harness) {
    let id = h.seated(&["A1"]).await;
    let dear = Money::new(99_000, Currency::KRW);
    let seats = vec![NewSeat { price: Some(dear), ..new_seat("B1", 1) }];
    h.engine.import_seats(OPERATOR, id, seats).await.unwrap();
    let hold = h.hold_seats(ALICE, "k1", &["A1", "B1"]).await.unwrap().hold;
    assert_eq!(hold.amount, Money::new(PRICE.minor + dear.minor, Currency::KRW));
}

/// ALICE is at the gateway with A1 and A2 when her hold ends.
async fn late(h: &Harness) -> crate::engine::OpenCheckout {
    h.seated(&["A1", "A2"]).await;
    let hold = h.hold_seats(ALICE, "k1", &["A1", "A2"]).await.unwrap().hold;
    let open = h.checkout(ALICE, hold.id).await.unwrap();
    h.advance(120);
    open
}

pub async fn a_late_payment_takes_its_seats_again_if_all_are_free(h: Harness) {
    for swept in [false, true] {
        let open = late(&h).await;
        if swept {
            h.tick().await;
        }
        assert_eq!(h.pay(&open).await, Settlement::Sold);
        are(&h, &[("A1", SeatStatus::Sold), ("A2", SeatStatus::Sold)]).await;
        assert_eq!(h.stock().await, stock(0, 0, 2));
    }
}

pub async fn a_late_payment_is_refunded_if_one_seat_is_gone(h: Harness) {
    let open = late(&h).await;
    h.hold_seats(BOB, "k2", &["A2"]).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::RefundRequested(RefundReason::StockGone));
    are(&h, &[("A1", SeatStatus::Available), ("A2", SeatStatus::Hold)]).await;
    assert_eq!(h.tickets(ALICE).await, []);
    h.tick().await;
    assert_eq!(h.payment_record(&open).await.status, PaymentStatus::Refunded);
}

pub async fn seats_are_imported_all_or_none(h: Harness) {
    let id = h.seated(&["A1"]).await;
    let seats = vec![new_seat("B1", 1), new_seat("A1", 2)];
    let refused = refusal(h.engine.import_seats(OPERATOR, id, seats).await);
    assert_eq!(refused, Err(CatalogueRefusal::SeatExists { seat_ids: labels(&["A1"]) }));
    let twice = vec![new_seat("C1", 1), new_seat("C1", 2)];
    let refused = refusal(h.engine.import_seats(OPERATOR, id, twice).await);
    assert!(matches!(refused, Err(CatalogueRefusal::Invalid { field: "seats", .. })), "{refused:?}");
    are(&h, &[("A1", SeatStatus::Available)]).await;
    assert_eq!(h.stock().await, stock(1, 0, 0));
    h.engine.import_seats(OPERATOR, id, vec![new_seat("B1", 1), new_seat("B2", 2)]).await.unwrap();
    assert_eq!(h.stock().await, stock(3, 0, 0));
}
