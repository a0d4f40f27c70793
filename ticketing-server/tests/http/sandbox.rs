//! The sandbox's payment page, as a browser sees it.

use serde_json::json;

use crate::{
    shop::{Answer, Shop, eventually},
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
    let session = shop.session(1, json!({"holdTtlSeconds": 1})).await;
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
