//! The waiting room over real HTTP.

use serde_json::json;

use crate::{
    shop::{Answer, Shop, eventually},
    store::Store,
};

/// Nobody is admitted before the first turn, and then one at a time.
fn one_at_a_time() -> serde_json::Value {
    json!({"queue": {"mode": "ON", "maxActive": 1}})
}

pub async fn a_place_is_given_once_per_user_and_kept(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let first = buyer.join(&session).await.expect(201);
    assert_eq!(first.members(), ["allowed", "etaSeconds", "expiresAt", "position", "queueToken"]);
    assert_eq!((&first.body["allowed"], &first.body["position"]), (&json!(true), &json!(0)), "no limits, no waiting");
    let token = first.text("queueToken");
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)), "{token}");
    let again = buyer.join(&session).await.expect(200);
    assert_eq!(again.text("queueToken"), token);
}

pub async fn a_status_is_asked_by_parameter_or_by_header(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let token = buyer.token(&session).await;
    let by_parameter = buyer.get(&format!("/api/queue/status?token={token}")).await.expect(200);
    let members = ["allowed", "etaSeconds", "expiresAt", "position", "serverTime", "state"];
    assert_eq!(by_parameter.members(), members);
    assert_eq!(by_parameter.body["state"], "ALLOWED");
    let by_header = buyer.with_header("GET", "/api/queue/status", ("queue-token", &token), None).await.expect(200);
    assert_eq!(by_header.body["expiresAt"], by_parameter.body["expiresAt"]);
}

pub async fn a_token_that_is_missing_forged_or_anothers_is_refused(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let token = buyer.token(&session).await;
    buyer.get("/api/queue/status").await.refused(400, "queue_token_required");
    buyer.get("/api/queue/status?token=").await.refused(400, "queue_token_required");
    buyer.delete("/api/queue/token").await.refused(400, "queue_token_required");
    buyer.get("/api/queue/status?token=forged").await.refused(404, "queue_token_not_found");
    other.get(&format!("/api/queue/status?token={token}")).await.refused(404, "queue_token_not_found");
    let anothers = ("queue-token", token.as_str());
    other.with_header("DELETE", "/api/queue/token", anothers, None).await.refused(404, "queue_token_not_found");
    buyer.get(&format!("/api/queue/status?token={token}")).await.expect(200);
}

pub async fn positions_count_those_who_still_wait_ahead(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, one_at_a_time()).await;
    let buyers = [shop.buyer().await, shop.buyer().await, shop.buyer().await];
    let mut tokens = Vec::new();
    for buyer in &buyers {
        tokens.push(buyer.token(&session).await);
    }
    let position = async |at: usize| {
        let status = buyers[at].get(&format!("/api/queue/status?token={}", tokens[at])).await.expect(200);
        status.body["position"].as_u64().unwrap()
    };
    eventually("the first is admitted", || async { (position(0).await == 0).then_some(()) }).await;
    eventually("two wait", || async { (position(1).await == 1 && position(2).await == 2).then_some(()) }).await;
    let second = ("queue-token", tokens[1].as_str());
    buyers[1].with_header("DELETE", "/api/queue/token", second, None).await.expect(204);
    eventually("the third moves up", || async { (position(2).await == 1).then_some(()) }).await;
    buyers[1].get(&format!("/api/queue/status?token={}", tokens[1])).await.refused(404, "queue_token_not_found");
    let first = ("queue-token", tokens[0].as_str());
    buyers[0].with_header("DELETE", "/api/queue/token", first, None).await.expect(204);
    eventually("the third is admitted", || async { (position(2).await == 0).then_some(()) }).await;
}

pub async fn a_place_ends_with_its_time(store: &Store) {
    let shop = Shop::open(store).await;
    let policy = json!({"queue": {"mode": "ON", "maxActive": 1, "waitTtlSeconds": 1}});
    let session = shop.session(5, policy).await;
    let (first, second) = (shop.buyer().await, shop.buyer().await);
    let first_token = first.token(&session).await;
    eventually("the first is admitted", || async {
        (first.get(&format!("/api/queue/status?token={first_token}")).await.body["allowed"] == true).then_some(())
    })
    .await;
    let token = second.token(&session).await;
    let ended = eventually("the wait ends", || async {
        let status = second.get(&format!("/api/queue/status?token={token}")).await;
        (status.status == 410).then_some(status)
    })
    .await;
    ended.refused(410, "queue_token_expired");
}

pub async fn no_place_is_given_where_there_is_nothing_to_wait_for(store: &Store) {
    let shop = Shop::open(store).await;
    let buyer = shop.buyer().await;
    let cases = [
        (json!({"status": "SCHEDULED"}), 5, "not_on_sale"),
        (json!({"salesOpenAt": "2098-01-01T00:00:00Z"}), 5, "not_on_sale"),
        (json!({"status": "CLOSED"}), 5, "sale_closed"),
        (json!({}), 0, "sold_out"),
    ];
    for (settings, stock, reason) in cases {
        let session = shop.session(stock, settings).await;
        buyer.join(&session).await.refused(409, reason);
    }
    buyer.join("session_00000000000000000000000000000001").await.refused(404, "session_not_found");
    buyer.join("somewhere").await.refused_field("sessionId");
}

pub async fn a_full_waiting_room_says_when_to_come_back(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({"queue": {"mode": "ON", "maxLength": 1}})).await;
    let first = shop.buyer().await;
    first.join(&session).await.expect(201);
    shop.buyer().await.join(&session).await.refused(429, "queue_full");
    first.join(&session).await.expect(200);
}

pub async fn the_waiting_room_is_closed_to_the_unknown(store: &Store) {
    let shop = Shop::open(store).await;
    let request = shop.http.post(shop.url("/api/queue/token")).json(&json!({}));
    Answer::read(request.send().await.unwrap()).await.expect(401);
}
