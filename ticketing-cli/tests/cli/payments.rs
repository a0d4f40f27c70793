//! `payment …`, on callbacks that came to the server.

use std::sync::Arc;

use serde_json::json;
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    payment::CallbackReport,
};
use ticketing_store::Secrets;

use crate::{holds::Unused, shop::Shop, sold::store};

/// The gateway reports a payment that nobody here knows.
#[tokio::main(flavor = "current_thread")]
async fn report_unknown(shop: &Shop, name: &str, amount: i64) {
    let keys = Secrets::load_or_create(&shop.url()).unwrap().keys();
    let engine = Ticketing::builder(store(shop), keys, Arc::new(Unused)).build();
    let report = CallbackReport {
        amount: Some(amount),
        currency: Some("KRW".to_owned()),
        raw_payload: format!(r#"{{"pgPaymentId":"{name}"}}"#),
        ..CallbackReport::success(name.parse().unwrap())
    };
    engine.payment_callback(Caller::of(Actor::Gateway), report).await.unwrap();
    engine.shutdown().await;
}

#[test]
fn callbacks_of_unknown_payments_are_listed() {
    let shop = Shop::open();
    assert_eq!(shop.json(&["payment", "unmatched"]), json!({ "items": [], "nextCursor": null }));
    for (name, amount) in [("pg_lost_1", 55_000), ("pg_lost_2", 110_000)] {
        report_unknown(&shop, name, amount);
    }
    let items = shop.json(&["payment", "unmatched"])["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 2);
    let found = items.iter().find(|item| item["pgPaymentId"] == "pg_lost_1").expect("it is kept");
    assert_eq!((&found["status"], &found["amount"]), (&json!("SUCCESS"), &json!(55_000)));
    assert_eq!((&found["currency"], &found["payload"]), (&json!("KRW"), &json!(r#"{"pgPaymentId":"pg_lost_1"}"#)));
    assert!(found["receivedAt"].is_string() && found["callbackId"].is_string(), "{found}");

    let first = shop.json(&["payment", "unmatched", "--limit", "1"]);
    let cursor = first["nextCursor"].as_str().expect("there is more");
    let second = shop.json(&["payment", "unmatched", "--limit", "1", "--cursor", cursor]);
    assert_eq!((&second["items"][0], &second["nextCursor"]), (&items[1], &json!(null)));
    let table = shop.run(&["payment", "unmatched"]).done().stdout;
    assert!(table.contains("pg_lost_2") && table.contains("110000"), "{table}");
    shop.run(&["verify"]).done();
}
