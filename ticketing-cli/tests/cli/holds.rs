//! `hold …`, on holds that were placed through the library.

use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use serde_json::json;
use ticketing_core::{
    Ticketing,
    engine::HoldRequest,
    hold::{Hold, Wanted},
    ids::UserId,
    payment::{
        GatewaySession,
        gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
    },
};
use ticketing_store::Secrets;

use crate::{shop::Shop, sold::store};

const USER: &str = "user_00000000000000000000000000000001";

#[derive(Debug)]
pub struct Unused;

impl PaymentGateway for Unused {
    fn open(&self, _: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(ready(Err(GatewayError::Refused("nothing is paid here".to_owned()))))
    }

    fn refund(&self, _: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(ready(Err(GatewayError::Refused("nothing is paid here".to_owned()))))
    }
}

/// Places a hold as the server would, with the secrets beside the store.
#[tokio::main(flavor = "current_thread")]
pub async fn place_hold(shop: &Shop, session: &str, quantity: u32) -> Hold {
    let keys = Secrets::load_or_create(&shop.url()).unwrap().keys();
    let engine = Ticketing::builder(store(shop), keys, Arc::new(Unused)).build();
    let (user_id, session_id): (UserId, _) = (USER.parse().unwrap(), session.parse().unwrap());
    let request = HoldRequest::of(user_id, session_id, Wanted::Quantity(quantity), "cart-1".parse().unwrap());
    let hold = engine.hold(request).await.unwrap().hold;
    engine.shutdown().await;
    hold
}

#[test]
fn a_hold_is_listed_shown_and_released() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--queue", "OFF"]);
    let id = place_hold(&shop, &session, 2).id.to_string();

    let shown = shop.json(&["hold", "show", &id]);
    assert_eq!((&shown["status"], &shown["quantity"]), (&json!("ACTIVE"), &json!(2)));
    assert_eq!((&shown["amount"], &shown["currency"]), (&json!(110_000), &json!("KRW")));
    assert_eq!((&shown["userId"], &shown["seatIds"]), (&json!(USER), &json!([])));
    assert_eq!(shop.json(&["session", "show", &session])["held"], 2);
    let listed = shop.json(&["hold", "list", "--session", &session, "--user", USER, "--status", "ACTIVE"]);
    assert_eq!(listed, json!({ "items": [shown], "nextCursor": null }));

    assert_eq!(shop.json(&["hold", "release", &id])["status"], "RELEASED");
    assert_eq!(shop.json(&["hold", "release", &id])["status"], "RELEASED");
    assert_eq!(shop.json(&["session", "show", &session])["remainingStock"], 5);
    assert_eq!(shop.json(&["hold", "list", "--status", "ACTIVE"])["items"], json!([]));
    assert_eq!(shop.json(&["verify"])["ok"], true);
}

#[test]
fn a_hold_that_is_not_there_is_refused_by_name() {
    let (shop, id) = (Shop::open(), "hold_00000000000000000000000000000001");
    shop.run(&["hold", "show", id]).failed(1, id);
    shop.run(&["hold", "release", id]).failed(1, "there is no such hold");
}

#[test]
fn stock_in_use_is_not_taken_away() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--queue", "OFF"]);
    place_hold(&shop, &session, 3);
    shop.run(&["session", "set-stock", &session, "2"]).failed(1, "3 tickets are held or sold");
    assert_eq!(shop.json(&["session", "set-stock", &session, "3"])["remainingStock"], 0);
}
