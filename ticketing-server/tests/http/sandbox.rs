//! The sandbox's payment page, as a browser sees it.

use serde_json::{Value, json};

use crate::{
    shop::{Answer, BRIEF, Shop, eventually},
    store::Store,
};

async fn get(shop: &Shop, url: &str) -> Answer {
    Answer::read(shop.http.get(url).send().await.unwrap()).await
}

/// Presses a button of the page at `url`, and goes where it leads.
async fn press(shop: &Shop, url: &str, decision: &str) -> Answer {
    let request = shop.http.post(url).header("content-type", "application/x-www-form-urlencoded");
    let pressed = request.body(format!("decision={decision}")).send().await.unwrap();
    let pressed = Answer::read(pressed).await.expect(303);
    get(shop, &shop.url(pressed.header("location").unwrap())).await.expect(200)
}

fn page(answer: &Answer) -> &str {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    answer.body.as_str().unwrap()
}

pub async fn a_buyer_pays_on_the_page_and_gets_the_tickets(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 2})).await;
    let url = checkout.text("paymentSessionUrl");
    assert_eq!(url, shop.url(&format!("/sandbox/pay/{}", checkout.text("pgPaymentId"))));
    let shown = get(&shop, &url).await.expect(200);
    for text in ["Gala", "110,000 KRW", &checkout.text("orderId"), "Time left", "Pay", "Decline"] {
        assert!(page(&shown).contains(text), "{text} is missing in {shown:?}");
    }
    let result = press(&shop, &url, "pay").await;
    assert!(page(&result).contains("<h1>Paid</h1>"), "{result:?}");
    assert!(page(&result).contains(&format!("/api/me/orders/{}", checkout.text("orderId"))));
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "SUCCEEDED");
    assert_eq!(buyer.tickets().await.len(), 2);

    let settled = get(&shop, &url).await.expect(303);
    assert!(settled.header("location").unwrap().starts_with("/sandbox/result/"));
    let again = press(&shop, &url, "decline").await;
    assert!(page(&again).contains("<h1>Paid</h1>"), "what is settled is not decided again: {again:?}");
}

pub async fn a_buyer_declines_and_the_stock_is_free_at_once(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let checkout = buyer.checkout(&session, json!({"quantity": 1})).await;
    let result = press(&shop, &checkout.text("paymentSessionUrl"), "decline").await;
    assert!(page(&result).contains("Payment declined"), "{result:?}");
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "FAILED");
    other.hold(&session, json!({"quantity": 1})).await.expect(201);
}

pub async fn nothing_is_charged_once_the_time_to_pay_is_over(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, json!({"holdTtlSeconds": BRIEF})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 1})).await;
    let url = checkout.text("paymentSessionUrl");
    eventually("the time is over", || async { (get(&shop, &url).await.status == 303).then_some(()) }).await;
    let result = press(&shop, &url, "pay").await;
    assert!(page(&result).contains("The time to pay is over"), "{result:?}");
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "PENDING");
}

pub async fn the_sandbox_knows_only_its_own_payments_and_two_decisions(store: &Store) {
    let shop = Shop::open(store).await;
    for name in ["pg_00000000000000000000000000000000", "nonsense", "%ff"] {
        for path in [format!("/sandbox/pay/{name}"), format!("/sandbox/result/{name}")] {
            page(&get(&shop, &shop.url(&path)).await.expect(404));
        }
    }
    let session = shop.session(1, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 1})).await;
    let url = checkout.text("paymentSessionUrl");
    for form in ["", "decision=", "decision=maybe"] {
        let request = shop.http.post(&url).header("content-type", "application/x-www-form-urlencoded");
        Answer::read(request.body(form).send().await.unwrap()).await.expect(400);
    }
    assert_eq!(buyer.payment(&checkout.text("paymentId")).await, "PENDING");
}

/// What the page lets a buyer play, and how the payment ends.
async fn played(store: &Store, decision: &str, expected: &str, tickets: usize) {
    played_in_time(store, json!({}), decision, expected, tickets).await;
}

async fn played_in_time(store: &Store, time: Value, decision: &str, expected: &str, tickets: usize) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, time).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 2})).await;
    press(&shop, &checkout.text("paymentSessionUrl"), decision).await;
    ends(&shop, &buyer, &checkout, expected, tickets).await;
}

async fn ends(shop: &Shop, buyer: &crate::shop::Buyer, checkout: &Answer, expected: &str, tickets: usize) {
    let payment = checkout.text("paymentId");
    let reached = || async { (buyer.payment(&payment).await == expected).then_some(()) };
    eventually(&format!("the payment is {expected}"), reached).await;
    let valid = buyer.tickets().await.iter().filter(|ticket| ticket["status"] == "VALID").count();
    assert_eq!(valid, tickets, "exactly one of a ticket set and a full refund");
    shop.verify().await;
}

pub async fn a_payment_that_is_told_twice_is_one(store: &Store) {
    played(store, "pay_twice", "SUCCEEDED", 2).await;
}

pub async fn a_payment_told_when_its_hold_is_over_takes_the_stock_again(store: &Store) {
    played_in_time(store, json!({"holdTtlSeconds": BRIEF}), "pay_late", "SUCCEEDED", 2).await;
}

pub async fn an_old_decline_behind_a_payment_changes_nothing(store: &Store) {
    played(store, "pay_out_of_order", "SUCCEEDED", 2).await;
}

pub async fn a_payment_behind_its_decline_is_given_back(store: &Store) {
    played(store, "decline_then_pay", "REFUNDED", 0).await;
}

pub async fn another_amount_is_given_back(store: &Store) {
    played(store, "pay_wrong_amount", "REFUNDED", 0).await;
}

pub async fn a_payment_that_nobody_is_told_of_is_found_by_asking_the_gateway(store: &Store) {
    let shop = Shop::open_with(store, |config| config.payments.reconcile_every_seconds = 1).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 2})).await;
    press(&shop, &checkout.text("paymentSessionUrl"), "pay_silently").await;
    ends(&shop, &buyer, &checkout, "SUCCEEDED", 2).await;
}

pub async fn a_hundred_copies_of_every_callback_make_one_set_of_tickets(store: &Store) {
    let shop = Shop::open_with(store, |config| {
        config.payments.sandbox.play.callback_copies = 100;
        config.payments.sandbox.play.callback_delay_ms = 20;
    })
    .await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let checkout = buyer.checkout(&session, json!({"quantity": 3})).await;
    press(&shop, &checkout.text("paymentSessionUrl"), "pay").await;
    ends(&shop, &buyer, &checkout, "SUCCEEDED", 3).await;
}

pub async fn lost_replies_of_the_gateway_charge_and_give_back_once(store: &Store) {
    let shop = Shop::open_with(store, |config| {
        let play = &mut config.payments.sandbox.play;
        (play.open_lost_percent, play.refund_lost_percent, play.refund_away_percent, play.seed) = (50, 40, 20, 2);
    })
    .await;
    let session = shop.session(20, json!({})).await;
    for _ in 0..3 {
        let buyer = shop.buyer().await;
        let hold = buyer.hold(&session, json!({"quantity": 1})).await.expect(201).text("holdId");
        let checkout = eventually("the payment is open", || async {
            let answer = buyer.checkout_hold(&hold).await;
            (answer.status != 503).then_some(answer)
        });
        let checkout = checkout.await.success();
        press(&shop, &checkout.text("paymentSessionUrl"), "pay_wrong_amount").await;
        ends(&shop, &buyer, &checkout, "REFUNDED", 0).await;
        let payment = checkout.text("paymentId");
        let sandbox = shop.server.app.sandbox.as_ref().unwrap();
        assert!(sandbox.refunded(&format!("refund:{payment}")).is_some(), "the gateway has given it back");
    }
}
