//! Every row of the contract's table of holds, over real HTTP.

use serde_json::{Value, json};

use crate::{
    shop::{Answer, Buyer, Shop, eventually, hold_body},
    store::Store,
};

fn quantity(quantity: i64) -> Value {
    json!({"quantity": quantity})
}

fn seats(labels: &[&str]) -> Value {
    json!({"seatIds": labels})
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

async fn expired(buyer: &Buyer, hold: &str) {
    eventually("the hold expires", || async { (buyer.hold_status(hold).await == "EXPIRED").then_some(()) }).await;
}

pub async fn a_hold_sets_stock_aside_and_reads_back_as_it_was_answered(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let answer = buyer.hold(&session, quantity(2)).await.expect(201);
    let members = ["amount", "currency", "expiresAt", "holdId", "quantity", "seatIds", "sessionId", "status"];
    assert_eq!(answer.members(), members);
    assert_eq!(answer.body["amount"], 110_000);
    assert_eq!(answer.body["currency"], "KRW");
    assert_eq!(answer.body["status"], "ACTIVE");
    assert_eq!(answer.body["sessionId"], session);
    assert!(!replayed(&answer));
    let read = buyer.get(&format!("/api/reservations/hold/{}", answer.text("holdId"))).await.expect(200);
    assert_eq!(read.body, answer.body);
    eventually("three are left", || async { (shop.remaining(&session).await == 3).then_some(()) }).await;
}

pub async fn seats_are_held_at_their_own_prices_whatever_their_order(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(3, json!({})).await;
    let answer = shop.buyer().await.hold(&session, seats(&["A2", "A1"])).await.expect(201);
    assert_eq!(answer.body["seatIds"], json!(["A1", "A2"]));
    assert_eq!((&answer.body["quantity"], &answer.body["amount"]), (&json!(2), &json!(154_000)));
}

pub async fn seats_alone_are_of_the_session_that_the_queue_token_is_for(store: &Store) {
    let shop = Shop::open(store).await;
    let (session, buyer) = (shop.seated(3, json!({})).await, shop.buyer().await);
    let token = buyer.token(&session).await;
    let body = json!({"seatIds": ["A2"], "queueToken": token});
    let held = buyer.hold_with("seats", body.clone()).await.expect(201);
    assert_eq!((held.text("sessionId"), &held.body["seatIds"]), (session.clone(), &json!(["A2"])));
    let named = hold_body(&session, seats(&["A2"]), &token);
    assert!(replayed(&buyer.hold_with("seats", named).await.expect(201)), "named or not, it is the same request");
    assert!(replayed(&buyer.hold_with("seats", body).await.expect(201)));

    buyer.hold_with("bare", seats(&["A1"])).await.refused_field("sessionId");
    let forged = json!({"seatIds": ["A1"], "queueToken": "forged"});
    buyer.hold_with("forged", forged).await.refused_field("sessionId");
    let counted = json!({"quantity": 1, "queueToken": token});
    buyer.hold_with("counted", counted).await.refused_field("sessionId");
    let anothers = json!({"seatIds": ["A1"], "queueToken": token});
    shop.buyer().await.hold_with("anothers", anothers).await.refused(403, "queue_token_mismatch");
}

pub async fn the_same_key_and_request_answer_the_same_hold_whatever_became_of_it(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let body = hold_body(&session, quantity(1), &buyer.token(&session).await);
    let first = buyer.hold_with("key", body.clone()).await.expect(201);
    let again = buyer.hold_with("key", body.clone()).await.expect(201);
    assert!(replayed(&again));
    assert_eq!(again.body, first.body);

    shop.patch(&session, json!({"status": "CLOSED"})).await;
    let without_token = json!({"sessionId": session, "quantity": 1});
    assert_eq!(buyer.hold_with("key", without_token).await.expect(201).body, first.body, "before any other check");
    buyer.delete(&format!("/api/reservations/hold/{}", first.text("holdId"))).await.expect(204);
    let released = buyer.hold_with("key", body.clone()).await.expect(201);
    assert!(replayed(&released));
    assert_eq!(released.body, first.body, "as first answered, though it was given up since");
}

pub async fn seats_named_in_another_order_are_the_same_request(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(3, json!({})).await;
    let buyer = shop.buyer().await;
    let token = buyer.token(&session).await;
    let first = buyer.hold_with("key", hold_body(&session, seats(&["A1", "A2"]), &token)).await.expect(201);
    let again = buyer.hold_with("key", hold_body(&session, seats(&["A2", "A1"]), &token)).await.expect(201);
    assert!(replayed(&again));
    assert_eq!(again.body, first.body);
    let other = hold_body(&session, seats(&["A2", "A3"]), &token);
    buyer.hold_with("key", other).await.refused(422, "key_reused");
}

pub async fn the_same_key_with_another_request_is_refused_and_another_users_key_is_not_ours(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let token = buyer.token(&session).await;
    buyer.hold_with("key", hold_body(&session, quantity(1), &token)).await.expect(201);
    buyer.hold_with("key", hold_body(&session, quantity(2), &token)).await.refused(422, "key_reused");
    let theirs = hold_body(&session, quantity(2), &other.token(&session).await);
    assert!(!replayed(&other.hold_with("key", theirs).await.expect(201)));
    let elsewhere = shop.session(5, json!({})).await;
    let body = hold_body(&elsewhere, quantity(3), &buyer.token(&elsewhere).await);
    assert!(!replayed(&buyer.hold_with("key", body).await.expect(201)), "a key is one session's");
}

pub async fn too_few_left_tells_how_many_and_a_refused_key_may_be_tried_again(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(3, json!({})).await;
    let (first, second) = (shop.buyer().await, shop.buyer().await);
    let hold = first.hold(&session, quantity(2)).await.expect(201).text("holdId");
    let body = hold_body(&session, quantity(2), &second.token(&session).await);
    let refused = second.hold_with("key", body.clone()).await.refused(409, "sold_out");
    assert_eq!(refused.body["remaining"], 1);
    first.delete(&format!("/api/reservations/hold/{hold}")).await.expect(204);
    assert!(!replayed(&second.hold_with("key", body).await.expect(201)));
}

pub async fn a_taken_seat_is_named_and_nothing_is_held(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(4, json!({})).await;
    let (first, second, third) = (shop.buyer().await, shop.buyer().await, shop.buyer().await);
    first.hold(&session, seats(&["A2"])).await.expect(201);
    let refused = second.hold(&session, seats(&["A1", "A2", "A3"])).await.refused(409, "seat_taken");
    assert_eq!(refused.body["seatIds"], json!(["A2"]));
    third.hold(&session, seats(&["A1", "A3"])).await.expect(201);
}

pub async fn one_user_has_one_live_hold_in_a_session(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let hold = buyer.hold(&session, quantity(1)).await.expect(201).text("holdId");
    let refused = buyer.hold(&session, quantity(1)).await.refused(409, "hold_exists");
    assert_eq!(refused.text("holdId"), hold);
}

pub async fn held_and_bought_together_stay_within_the_limit(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(20, json!({"maxPerUser": 3})).await;
    let buyer = shop.buyer().await;
    buyer.hold(&session, quantity(4)).await.refused(409, "limit_exceeded");
    let pg = buyer.checkout(&session, quantity(2)).await.text("pgPaymentId");
    shop.callback(&json!({"pgPaymentId": pg, "status": "SUCCESS"})).await.expect(200);
    buyer.hold(&session, quantity(2)).await.refused(409, "limit_exceeded");
    buyer.hold(&session, quantity(1)).await.expect(201);
}

pub async fn the_state_of_the_sale_is_told_before_the_token_is_looked_at(store: &Store) {
    let shop = Shop::open(store).await;
    let cases = [
        (json!({"status": "SCHEDULED"}), "not_on_sale"),
        (json!({"salesOpenAt": "2098-01-01T00:00:00Z"}), "not_on_sale"),
        (json!({"status": "PAUSED"}), "sale_paused"),
        (json!({"status": "CLOSED"}), "sale_closed"),
        (json!({"salesCloseAt": "2020-01-01T00:00:00Z"}), "sale_closed"),
    ];
    for (settings, reason) in cases {
        let session = shop.session(5, settings).await;
        shop.buyer().await.hold_with("key", json!({"sessionId": session, "quantity": 1})).await.refused(409, reason);
    }
}

pub async fn every_wrong_queue_token_is_told_apart(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(9, json!({})).await;
    let elsewhere = shop.session(9, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let ask = async |token: &str| buyer.hold_with("key", hold_body(&session, quantity(1), token)).await;
    buyer.hold_with("key", json!({"sessionId": session, "quantity": 1})).await.refused(400, "queue_token_required");
    ask("forged").await.refused(403, "queue_token_mismatch");
    ask("").await.refused(403, "queue_token_mismatch");
    ask(&other.token(&session).await).await.refused(403, "queue_token_mismatch");
    ask(&buyer.token(&elsewhere).await).await.refused(403, "queue_token_mismatch");
    ask(&buyer.token(&session).await).await.expect(201);
}

pub async fn a_token_that_waits_or_whose_window_has_ended_holds_nothing(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(9, json!({"queue": {"mode": "ON", "maxActive": 1, "admitTtlSeconds": 120}})).await;
    let (first, second) = (shop.buyer().await, shop.buyer().await);
    let token = first.token(&session).await;
    eventually("the first is admitted", || async {
        (first.get(&format!("/api/queue/status?token={token}")).await.body["allowed"] == true).then_some(())
    })
    .await;
    second.hold(&session, quantity(1)).await.refused(403, "not_admitted");

    let brief = shop.session(9, json!({"queue": {"mode": "ON", "admitTtlSeconds": 1}})).await;
    let token = first.token(&brief).await;
    eventually("the window ends", || async {
        (first.get(&format!("/api/queue/status?token={token}")).await.status == 410).then_some(())
    })
    .await;
    first.hold_with("key", hold_body(&brief, quantity(1), &token)).await.refused(403, "queue_token_expired");
}

pub async fn without_a_waiting_room_no_token_is_needed(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(9, json!({"queue": {"mode": "OFF"}})).await;
    shop.buyer().await.hold_with("key", json!({"sessionId": session, "quantity": 1})).await.expect(201);
}

pub async fn a_malformed_request_is_refused_by_the_field(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(9, json!({"queue": {"mode": "OFF"}})).await;
    let buyer = shop.buyer().await;
    let many: Vec<_> = (0..101).map(|n| format!("A{n}")).collect();
    let cases = [
        (json!({"quantity": 0}), "quantity"),
        (json!({"quantity": -1}), "quantity"),
        (json!({"quantity": 101}), "quantity"),
        (json!({"quantity": 1.5}), "quantity"),
        (json!({"quantity": "1"}), "quantity"),
        (json!({"quantity": true}), "quantity"),
        (json!({"quantity": 18_446_744_073_709_551_615_u64}), "quantity"),
        (json!({}), "quantity"),
        (json!({"quantity": null, "seatIds": null}), "seatIds"),
        (json!({"quantity": 1, "seatIds": ["A1"]}), "seatIds"),
        (json!({"seatIds": []}), "seatIds"),
        (json!({"seatIds": ["A1", "A1"]}), "seatIds"),
        (json!({"seatIds": [""]}), "seatIds"),
        (json!({"seatIds": ["a b"]}), "seatIds"),
        (json!({"seatIds": ["A".repeat(33)]}), "seatIds"),
        (json!({"seatIds": [1]}), "seatIds"),
        (json!({"seatIds": "A1"}), "seatIds"),
        (json!({"seatIds": many}), "seatIds"),
        (json!({"seatIds": ["A1"]}), "quantity"),
        (json!({"quantity": 1, "sessionId": null}), "sessionId"),
        (json!({"quantity": 1, "sessionId": "session_1"}), "sessionId"),
        (json!({"quantity": 1, "sessionId": 5}), "sessionId"),
        (json!({"quantity": 1, "queueToken": 5}), "queueToken"),
        (json!({"quantity": 1, "colour": "red"}), "colour"),
    ];
    for (change, field) in cases {
        let mut body = json!({"sessionId": session});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        buyer.hold_with("key", body).await.refused_field(field);
    }
    buyer.hold_with("key", json!({"seatIds": ["A1"]})).await.refused_field("sessionId");
    let seated = shop.seated(1, json!({"queue": {"mode": "OFF"}})).await;
    buyer.hold_with("key", json!({"sessionId": seated, "quantity": 1})).await.refused_field("seatIds");
}

pub async fn what_does_not_exist_is_not_found(store: &Store) {
    let shop = Shop::open(store).await;
    let seated = shop.seated(2, json!({})).await;
    let buyer = shop.buyer().await;
    let refused = buyer.hold(&seated, seats(&["A1", "Z9", "Z8"])).await.refused(404, "seat_not_found");
    assert_eq!(refused.body["seatIds"], json!(["Z8", "Z9"]));
    let nowhere = "session_00000000000000000000000000000001";
    buyer.hold_with("key", json!({"sessionId": nowhere, "quantity": 1})).await.refused(404, "session_not_found");
    for hold in ["hold_00000000000000000000000000000001", "hold_1", "session_00000000000000000000000000000001"] {
        buyer.get(&format!("/api/reservations/hold/{hold}")).await.refused(404, "hold_not_found");
        buyer.delete(&format!("/api/reservations/hold/{hold}")).await.refused(404, "hold_not_found");
    }
}

pub async fn the_idempotency_key_is_required_and_visible_ascii(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(9, json!({"queue": {"mode": "OFF"}})).await;
    let buyer = shop.buyer().await;
    let body = json!({"sessionId": session, "quantity": 1});
    buyer.post("/api/reservations/hold", body.clone()).await.refused(400, "idempotency_key_required");
    for bad in ["", "a b", &"k".repeat(256)] {
        buyer.hold_with(bad, body.clone()).await.refused(400, "idempotency_key_invalid");
    }
    buyer.hold_with(&"k".repeat(255), body).await.expect(201);
}

pub async fn a_hold_is_given_up_once_and_stays_so(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let hold = buyer.hold(&session, quantity(1)).await.expect(201).text("holdId");
    let path = format!("/api/reservations/hold/{hold}");
    other.get(&path).await.refused(404, "hold_not_found");
    other.delete(&path).await.refused(404, "hold_not_found");
    buyer.delete(&path).await.expect(204);
    assert_eq!(buyer.hold_status(&hold).await, "RELEASED");
    buyer.delete(&path).await.expect(204);
    other.hold(&session, quantity(1)).await.expect(201);
}

pub async fn a_paid_hold_is_not_given_up(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, json!({})).await;
    let buyer = shop.buyer().await;
    let hold = buyer.hold(&session, quantity(1)).await.expect(201).text("holdId");
    let pg = buyer.checkout_hold(&hold).await.expect(201).text("pgPaymentId");
    shop.callback(&json!({"pgPaymentId": pg, "status": "SUCCESS"})).await.expect(200);
    buyer.delete(&format!("/api/reservations/hold/{hold}")).await.refused(409, "already_sold");
    assert_eq!(buyer.hold_status(&hold).await, "CONFIRMED");
}

pub async fn a_hold_past_its_end_is_expired_and_its_stock_is_for_sale(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, json!({"holdTtlSeconds": 1})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let hold = buyer.hold(&session, quantity(1)).await.expect(201).text("holdId");
    expired(&buyer, &hold).await;
    other.hold(&session, quantity(1)).await.expect(201);
    buyer.delete(&format!("/api/reservations/hold/{hold}")).await.expect(204);
    assert_eq!(buyer.hold_status(&hold).await, "EXPIRED");
}

pub async fn refusals_come_in_the_order_of_the_contract(store: &Store) {
    let shop = Shop::open(store).await;
    let request = shop.http.post(shop.url("/api/reservations/hold")).body("not json at all");
    Answer::read(request.send().await.unwrap()).await.expect(401);
    let session = shop.session(5, json!({"status": "PAUSED"})).await;
    let buyer = shop.buyer().await;
    buyer.hold_with("key", json!({"sessionId": session, "quantity": 0})).await.refused_field("quantity");
    buyer.hold_with("key", json!({"sessionId": session, "quantity": 1})).await.refused(409, "sale_paused");
}
