//! Checkout, callbacks, orders and tickets over real HTTP.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use serde_json::{Value, json};
use ticketing_core::{
    audit::StreamId,
    clock::Clock,
    money::{Currency, Money},
    ticket::qr,
};
use ticketing_server::gateway::signature::SigningSecret;

use crate::{
    server::WEBHOOK_SECRET,
    shop::{Answer, BRIEF, Buyer, PRICE, Shop, clock, eventually},
    store::Store,
};

fn quantity(quantity: i64) -> Value {
    json!({"quantity": quantity})
}

fn report(checkout: &Answer, status: &str) -> Value {
    json!({"pgPaymentId": checkout.text("pgPaymentId"), "status": status})
}

async fn settled(buyer: &Buyer, checkout: &Answer, status: &str) {
    let payment = checkout.text("paymentId");
    let reached = || async { (buyer.payment(&payment).await == status).then_some(()) };
    eventually(&format!("the payment is {status}"), reached).await;
}

async fn order(buyer: &Buyer, checkout: &Answer) -> Value {
    buyer.get(&format!("/api/me/orders/{}", checkout.text("orderId"))).await.expect(200).body
}

async fn expired(buyer: &Buyer, hold: &str) {
    eventually("the hold expires", || async { (buyer.hold_status(hold).await == "EXPIRED").then_some(()) }).await;
}

pub async fn checkout_opens_one_payment_per_hold(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let hold = buyer.hold(&session, quantity(2)).await.expect(201);
    let first = buyer.checkout_hold(&hold.text("holdId")).await.expect(201);
    let members = ["amount", "currency", "expiresAt", "orderId", "paymentId", "paymentSessionUrl", "pgPaymentId"];
    assert_eq!(first.members(), members);
    assert_eq!(first.body["amount"], 2 * PRICE);
    assert_eq!(first.body["expiresAt"], hold.body["expiresAt"]);
    let again = buyer.checkout_hold(&hold.text("holdId")).await.expect(200);
    assert_eq!(again.body, first.body);

    let payment = buyer.get(&format!("/api/payments/{}", first.text("paymentId"))).await.expect(200);
    assert_eq!(payment.members(), ["amount", "currency", "holdId", "orderId", "paymentId", "status"]);
    assert_eq!((&payment.body["status"], &payment.body["holdId"]), (&json!("PENDING"), &hold.body["holdId"]));
    shop.verify().await;
}

pub async fn checkout_refuses_what_cannot_be_paid(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let hold = buyer.hold(&session, quantity(1)).await.expect(201).text("holdId");
    let ask = async |body: Value| buyer.post("/api/payments/checkout", body).await;
    ask(json!({"holdId": hold, "method": "CASH"})).await.refused_field("method");
    ask(json!({"holdId": hold})).await.refused_field("method");
    ask(json!({"holdId": "hold_1", "method": "CARD"})).await.refused_field("holdId");
    let unknown = "hold_00000000000000000000000000000001";
    ask(json!({"holdId": unknown, "method": "CARD"})).await.refused(404, "hold_not_found");
    other.checkout_hold(&hold).await.refused(404, "hold_not_found");
    buyer.delete(&format!("/api/reservations/hold/{hold}")).await.expect(204);
    buyer.checkout_hold(&hold).await.refused(409, "hold_not_active");

    let brief = shop.session(5, json!({"holdTtlSeconds": 1})).await;
    let hold = buyer.hold(&brief, quantity(1)).await.expect(201).text("holdId");
    expired(&buyer, &hold).await;
    buyer.checkout_hold(&hold).await.refused(409, "hold_not_active");
    shop.verify().await;
}

pub async fn a_hundred_callbacks_at_once_make_one_set_of_tickets(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, quantity(3)).await;
    let body = report(&checkout, "SUCCESS");
    let answers = join_all((0..100).map(|_| shop.callback(&body))).await;
    for answer in answers {
        assert_eq!(answer.expect(200).body, json!({}));
    }
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "SUCCEEDED");
    let tickets = buyer.tickets().await;
    assert_eq!(tickets.len(), 3);
    assert!(tickets.iter().all(|ticket| ticket["status"] == "VALID" && ticket["orderId"] == checkout.body["orderId"]));
    shop.callback(&report(&checkout, "FAIL")).await.expect(200);
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "SUCCEEDED", "paid stays paid");
    eventually("two are left", || async { (shop.remaining(&session).await == 2).then_some(()) }).await;
    shop.verify().await;
}

pub async fn a_receipt_tells_what_was_bought_for_how_much_and_when(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(3, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"seatIds": ["A2", "A1"]})).await;
    let before = order(&buyer, &checkout).await;
    assert_eq!((&before["status"], &before["paymentStatus"]), (&json!("PENDING"), &json!("PENDING")));
    assert_eq!(before["paidAt"], Value::Null);
    shop.callback(&report(&checkout, "SUCCESS")).await.expect(200);
    let receipt = order(&buyer, &checkout).await;
    assert_eq!((&receipt["status"], &receipt["paymentStatus"]), (&json!("PAID"), &json!("SUCCEEDED")));
    assert_eq!((&receipt["amount"], &receipt["currency"]), (&json!(154_000), &json!("KRW")));
    assert!(receipt["paidAt"].is_string() && receipt["createdAt"].is_string(), "{receipt}");
    let item = &receipt["items"][0];
    assert_eq!((&item["title"], &item["quantity"], &item["amount"]), (&json!("Gala"), &json!(2), &json!(154_000)));
    assert_eq!(item["seatIds"], json!(["A1", "A2"]));
    let listed = buyer.get("/api/me/orders").await.expect(200);
    assert_eq!(listed.body, json!({"items": [receipt], "nextCursor": null}));

    let other = shop.buyer().await;
    let (order, payment) = (checkout.text("orderId"), checkout.text("paymentId"));
    other.get(&format!("/api/me/orders/{order}")).await.refused(404, "order_not_found");
    other.get(&format!("/api/payments/{payment}")).await.refused(404, "payment_not_found");
    other.get("/api/payments/payment_1").await.refused(404, "payment_not_found");
    assert_eq!(other.get("/api/me/orders").await.expect(200).body["items"], json!([]));
    shop.verify().await;
}

pub async fn tickets_carry_a_code_that_the_public_key_alone_proves(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(3, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let checkout = buyer.checkout(&session, json!({"seatIds": ["A3"]})).await;
    shop.callback(&report(&checkout, "SUCCESS")).await.expect(200);
    let tickets = buyer.tickets().await;
    let mut members: Vec<_> = tickets[0].as_object().unwrap().keys().cloned().collect();
    members.sort_unstable();
    let expected = ["eventId", "orderId", "qr", "seatId", "sessionId", "startAt", "status", "ticketId", "title"];
    assert_eq!(members, expected);
    assert_eq!((&tickets[0]["seatId"], &tickets[0]["title"]), (&json!("A3"), &json!("Gala")));

    let keys = shop.http.get(shop.url("/.well-known/ticket-keys.json")).send().await.unwrap();
    let keys = Answer::read(keys).await.expect(200).body;
    let key = URL_SAFE_NO_PAD.decode(keys["keys"][0]["x"].as_str().unwrap()).unwrap();
    let code = tickets[0]["qr"].as_str().unwrap();
    let claims = qr::verify(code, &key.try_into().unwrap()).unwrap();
    assert_eq!(claims.ticket_id.to_string(), tickets[0]["ticketId"].as_str().unwrap());
    assert!(!keys["keys"][0]["kid"].as_str().unwrap().is_empty());

    let path = format!("/api/tickets/{}/qr.svg", tickets[0]["ticketId"].as_str().unwrap());
    let picture = buyer.get(&path).await.expect(200);
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    assert!(picture.body.as_str().unwrap().contains("<svg"));
    other.get(&path).await.refused(404, "ticket_not_found");
    buyer.get("/api/tickets/ticket_1/qr.svg").await.refused(404, "ticket_not_found");
    let anonymous = shop.http.get(shop.url(&path)).send().await.unwrap();
    Answer::read(anonymous).await.expect(401);
    shop.verify().await;
}

pub async fn lists_are_paged_and_a_foreign_cursor_is_refused(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, quantity(3)).await;
    shop.callback(&report(&checkout, "SUCCESS")).await.expect(200);
    let mut seen = Vec::new();
    let mut path = "/api/me/tickets?limit=2".to_owned();
    loop {
        let page = buyer.get(&path).await.expect(200).body;
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= 2);
        seen.extend(items.into_iter().map(|item| item["ticketId"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/api/me/tickets?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 3);
    for list in ["/api/me/tickets", "/api/me/orders"] {
        buyer.get(&format!("{list}?cursor=nonsense")).await.refused_field("cursor");
        buyer.get(&format!("{list}?limit=0")).await.refused_field("limit");
        buyer.get(&format!("{list}?limit=201")).await.refused_field("limit");
        buyer.get(&format!("{list}?limit=x")).await.expect(400);
    }
    shop.verify().await;
}

pub async fn a_decline_frees_the_stock_at_once_and_a_later_capture_is_given_back(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let checkout = buyer.checkout(&session, quantity(1)).await;
    shop.callback(&report(&checkout, "FAIL")).await.expect(200);
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "FAILED");
    assert_eq!(order(&buyer, &checkout).await["status"], "CANCELLED");
    other.hold(&session, quantity(1)).await.expect(201);
    shop.callback(&report(&checkout, "SUCCESS")).await.expect(200);
    settled(&buyer, &checkout, "REFUNDED").await;
    assert!(buyer.tickets().await.is_empty());
    shop.verify().await;
}

pub async fn a_late_capture_takes_its_stock_again_while_it_is_free(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, json!({"holdTtlSeconds": BRIEF})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, quantity(1)).await;
    let hold = buyer.get(&format!("/api/payments/{}", checkout.text("paymentId"))).await.text("holdId");
    expired(&buyer, &hold).await;
    shop.callback(&report(&checkout, "SUCCESS")).await.expect(200);
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "SUCCEEDED");
    assert_eq!(buyer.tickets().await.len(), 1);
    assert_eq!(buyer.hold_status(&hold).await, "CONFIRMED");
    shop.verify().await;
}

pub async fn a_late_capture_whose_stock_is_gone_is_given_back_in_full(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, json!({"holdTtlSeconds": BRIEF})).await;
    let (late, quick) = (shop.buyer().await, shop.buyer().await);
    let checkout = late.checkout(&session, quantity(1)).await;
    let hold = late.get(&format!("/api/payments/{}", checkout.text("paymentId"))).await.text("holdId");
    expired(&late, &hold).await;
    shop.patch(&session, json!({"holdTtlSeconds": 120})).await;
    let won = quick.checkout(&session, quantity(1)).await;
    shop.callback(&report(&won, "SUCCESS")).await.expect(200);

    shop.callback(&report(&checkout, "SUCCESS")).await.expect(200);
    let status = late.payment(&checkout.text("paymentId")).await;
    assert!(matches!(status.as_str(), "REFUND_PENDING" | "REFUNDED"), "{status}");
    settled(&late, &checkout, "REFUNDED").await;
    let sandbox = shop.server.app.sandbox.as_ref().unwrap();
    let key = format!("refund:{}", checkout.text("paymentId"));
    assert_eq!(sandbox.refunded(&key), Some(Money::new(PRICE, Currency::KRW)));
    assert!(late.tickets().await.is_empty());
    assert_eq!(quick.tickets().await.len(), 1);
    shop.verify().await;
}

pub async fn a_capture_of_another_amount_or_currency_is_never_sold(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    for (amount, currency) in [(PRICE - 1, "KRW"), (PRICE, "USD")] {
        let buyer = shop.buyer().await;
        let checkout = buyer.checkout(&session, quantity(1)).await;
        let mut body = report(&checkout, "SUCCESS");
        body["amount"] = json!(amount);
        body["currency"] = json!(currency);
        shop.callback(&body).await.expect(200);
        settled(&buyer, &checkout, "REFUNDED").await;
        assert!(buyer.tickets().await.is_empty());
    }
    shop.verify().await;
}

pub async fn an_unknown_payment_and_other_fields_are_kept_not_refused(store: &Store) {
    let shop = Shop::open(store).await;
    shop.callback(&json!({"pgPaymentId": "pg_of_nobody", "status": "SUCCESS"})).await.expect(200);
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, quantity(1)).await;
    let mut body = report(&checkout, "SUCCESS");
    body["card"] = json!({"number": "4111111111111111", "brand": "visa"});
    body["approvedAt"] = json!("2026-11-22T18:50:01Z");
    shop.callback(&body).await.expect(200);
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "SUCCEEDED");
    shop.verify().await;
}

pub async fn a_callback_of_a_name_that_no_payment_can_have_is_kept_not_refused(store: &Store) {
    let shop = Shop::open(store).await;
    let long = "a".repeat(256);
    for (before, name) in ["pg of nobody", "결제", &long].into_iter().enumerate() {
        let body = json!({"pgPaymentId": name, "status": "SUCCESS"});
        for _ in 0..2 {
            assert_eq!(shop.callback(&body).await.expect(200).body, json!({}));
        }
        let (head, _) = shop.server.app.ticketing.store().chain(StreamId::Callbacks).await.unwrap();
        assert_eq!(head.length, before as u64 + 1, "one more is kept, once: {name}");
    }
    shop.callback(&json!({"pgPaymentId": "", "status": "SUCCESS"})).await.refused_field("pgPaymentId");
    shop.verify().await;
}

pub async fn a_callback_is_believed_by_its_signature_alone(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, quantity(1)).await;
    let body = report(&checkout, "SUCCESS").to_string();
    let (secret, now) = (SigningSecret::new(WEBHOOK_SECRET.as_bytes()), clock().now());
    let other = SigningSecret::new(b"another secret of thirty-two bytes");
    let cases = [
        None,
        Some("nonsense".to_owned()),
        Some(other.sign(now, body.as_bytes())),
        Some(secret.sign(now, b"{}")),
        Some(secret.sign(now.minus_seconds(400), body.as_bytes())),
        Some(secret.sign(now.plus_seconds(400), body.as_bytes())),
    ];
    let mut details = Vec::new();
    for signature in cases {
        let refused = shop.raw_callback(signature.as_deref(), body.clone()).await.refused(401, "bad_signature");
        details.push(refused.text("detail"));
    }
    details.dedup();
    assert_eq!(details.len(), 5, "missing, malformed, mismatch, old and new are told apart: {details:?}");
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "PENDING");

    shop.raw_callback(None, "not json".to_owned()).await.expect(401);
    let signed = secret.sign(now, b"not json");
    shop.raw_callback(Some(&signed), "not json".to_owned()).await.expect(400);
    shop.callback(&json!({"pgPaymentId": checkout.text("pgPaymentId"), "status": "MAYBE"}))
        .await
        .refused_field("status");
    shop.callback(&json!({"pgPaymentId": checkout.text("pgPaymentId")})).await.refused_field("status");
    shop.callback(&json!({"status": "SUCCESS"})).await.refused_field("pgPaymentId");
    let rotated = format!("{},v1={}", other.sign(now, body.as_bytes()), &secret.sign(now, body.as_bytes())[16..]);
    shop.raw_callback(Some(&rotated), body).await.expect(200);
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "SUCCEEDED");
    shop.verify().await;
}
