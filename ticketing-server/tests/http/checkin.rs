//! The door over real HTTP.

use futures_util::future::join_all;
use serde_json::{Value, json};
use ticketing_core::user::Role;

use crate::{
    server::Person,
    shop::{Answer, Buyer, Shop, eventually},
    store::Store,
};

impl Shop {
    /// Somebody who bought `wanted` of `session`, and their tickets.
    pub async fn sold(&self, session: &str, wanted: Value) -> (Buyer, Answer, Vec<Value>) {
        let buyer = self.buyer().await;
        let checkout = buyer.checkout(session, wanted).await;
        let report = json!({"pgPaymentId": checkout.text("pgPaymentId"), "status": "SUCCESS"});
        self.callback(&report).await.expect(200);
        let tickets = buyer.tickets().await;
        (buyer, checkout, tickets)
    }

    async fn scan(&self, who: &Person, body: Value) -> Answer {
        let request = self.server.post("/api/checkin/redeem").bearer_auth(&who.token).json(&body);
        Answer::read(request.send().await.unwrap()).await
    }
}

fn scan_of(ticket: &Value, nonce: &str) -> Value {
    json!({"qr": ticket["qr"], "nonce": nonce})
}

pub async fn a_ticket_admits_once_and_the_same_scan_is_answered_the_same(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(3, json!({})).await;
    let (buyer, _, tickets) = shop.sold(&session, json!({"seatIds": ["A2"]})).await;
    let staff = shop.server.person(Role::Staff).await;
    let first = shop.scan(&staff, scan_of(&tickets[0], "scan-1")).await.expect(200);
    assert_eq!(first.members(), ["eventId", "redeemedAt", "result", "seatId", "sessionId", "ticketId"]);
    assert_eq!((&first.body["result"], &first.body["seatId"]), (&json!("admitted"), &json!("A2")));
    assert_eq!(first.body["ticketId"], tickets[0]["ticketId"]);
    let again = shop.scan(&staff, scan_of(&tickets[0], "scan-1")).await.expect(200);
    assert_eq!(again.body, first.body);
    let admin = shop.server.admin().await;
    let other = shop.scan(&admin, scan_of(&tickets[0], "scan-2")).await.refused(409, "already_redeemed");
    assert_eq!(other.body["redeemedAt"], first.body["redeemedAt"]);
    assert_eq!(buyer.tickets().await[0]["status"], "USED");
    shop.verify().await;
}

pub async fn of_a_hundred_scans_at_once_one_is_admitted(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(3, json!({})).await;
    let (_, _, tickets) = shop.sold(&session, json!({"quantity": 1})).await;
    let staff = shop.server.person(Role::Staff).await;
    let scans = (0..100).map(|n| shop.scan(&staff, scan_of(&tickets[0], &format!("scan-{n}"))));
    let answers = join_all(scans).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(409, "already_redeemed");
    }
    shop.verify().await;
}

pub async fn a_ticket_of_another_session_a_revoked_one_and_a_forgery_are_told_apart(store: &Store) {
    let shop = Shop::open(store).await;
    let (session, other) = (shop.session(5, json!({})).await, shop.session(5, json!({})).await);
    let (_, checkout, tickets) = shop.sold(&session, json!({"quantity": 1})).await;
    let staff = shop.server.person(Role::Staff).await;
    let at = |door: &str| json!({"qr": tickets[0]["qr"], "nonce": "n", "sessionId": door});
    shop.scan(&staff, at(&other)).await.refused(409, "wrong_session");

    let code = tickets[0]["qr"].as_str().unwrap();
    let mut altered = code.to_owned();
    altered.replace_range(10..11, if &code[10..11] == "A" { "B" } else { "A" });
    for bad in ["", "x", "TKT1.x.y", &altered, &code[..code.len() - 2]] {
        shop.scan(&staff, json!({"qr": bad, "nonce": "n"})).await.refused(400, "invalid_ticket");
    }

    let path = format!("/api/admin/orders/{}/refund", checkout.text("orderId"));
    shop.admin_post(&path, json!({})).await.expect(200);
    shop.scan(&staff, at(&session)).await.refused(409, "revoked");
    shop.verify().await;
}

pub async fn only_staff_and_administrators_let_people_in(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let (_, _, tickets) = shop.sold(&session, json!({"quantity": 1})).await;
    let buyer = shop.server.buyer().await;
    shop.scan(&buyer, scan_of(&tickets[0], "n")).await.refused(403, "forbidden");
    let nobody = shop.server.post("/api/checkin/redeem").json(&scan_of(&tickets[0], "n"));
    Answer::read(nobody.send().await.unwrap()).await.refused(401, "token_required");
    let staff = shop.server.person(Role::Staff).await;
    for (body, field) in [
        (json!({"qr": tickets[0]["qr"]}), "nonce"),
        (json!({"qr": tickets[0]["qr"], "nonce": ""}), "nonce"),
        (json!({"qr": tickets[0]["qr"], "nonce": "a b"}), "nonce"),
        (json!({"nonce": "n"}), "qr"),
        (json!({"qr": 7, "nonce": "n"}), "qr"),
    ] {
        shop.scan(&staff, body).await.refused_field(field);
    }
    shop.scan(&staff, scan_of(&tickets[0], "n")).await.expect(200);
}

pub async fn tickets_of_the_key_before_still_admit_and_both_keys_are_published(store: &Store) {
    const OLD: &str = "01d0000c0ffee001337babe00facade5eed1111c0ffee111337babe11facade5";
    let shop = Shop::open_with(store, |config| config.tickets.signing_seed = Some(OLD.into())).await;
    let session = shop.session(5, json!({})).await;
    let (buyer, _, tickets) = shop.sold(&session, json!({"quantity": 2})).await;
    let staff = shop.server.person(Role::Staff).await;
    let Some(next) = shop.restarted(store, |config| config.tickets.signing_seed_previous = Some(OLD.into())).await
    else {
        return;
    };
    let keys = Answer::read(next.server.get("/.well-known/ticket-keys.json").send().await.unwrap()).await;
    assert_eq!(keys.expect(200).body["keys"].as_array().unwrap().len(), 2);
    next.scan(&staff, scan_of(&tickets[0], "old")).await.expect(200);
    let fresh = next.again(&buyer).tickets().await;
    let other = fresh.iter().find(|ticket| ticket["ticketId"] == tickets[1]["ticketId"]).unwrap();
    assert_ne!(other["qr"], tickets[1]["qr"], "it is signed with the new key now");
    next.scan(&staff, scan_of(other, "new")).await.expect(200);
}

pub async fn an_order_is_given_back_once_its_tickets_are_void_and_its_stock_is_free(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(2, json!({})).await;
    let (buyer, checkout, _) = shop.sold(&session, json!({"seatIds": ["A1", "A2"]})).await;
    eventually("none is left", || async { (shop.remaining(&session).await == 0).then_some(()) }).await;
    let path = format!("/api/admin/orders/{}/refund", checkout.text("orderId"));
    let first = shop.admin_post(&path, json!({})).await.expect(200);
    assert_eq!(first.members(), ["amount", "currency", "orderId", "paymentId", "paymentStatus", "status"]);
    assert_eq!((&first.body["status"], &first.body["paymentStatus"]), (&json!("REFUNDED"), &json!("REFUND_PENDING")));
    let again = shop.admin_post(&path, json!({})).await.expect(200);
    assert_eq!(again.body["orderId"], first.body["orderId"]);
    assert!(buyer.tickets().await.iter().all(|ticket| ticket["status"] == "REVOKED"));
    let payment = checkout.text("paymentId");
    eventually("the money is back", || async { (buyer.payment(&payment).await == "REFUNDED").then_some(()) }).await;
    // Whoever was given the money back may buy again, as may anybody else.
    buyer.hold(&session, json!({"seatIds": ["A1"]})).await.expect(201);
    let other = shop.buyer().await;
    other.hold(&session, json!({"seatIds": ["A2"]})).await.expect(201);
    shop.verify().await;
}

pub async fn only_a_paid_order_with_unused_tickets_is_given_back(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let refund = |order: String| {
        let path = format!("/api/admin/orders/{order}/refund");
        async { shop.admin_post(&{ path }, json!({})).await }
    };
    let buyer = shop.buyer().await;
    let pending = buyer.checkout(&session, json!({"quantity": 1})).await;
    let refused = refund(pending.text("orderId")).await.refused(409, "order_not_paid");
    assert_eq!(refused.body["orderStatus"], "PENDING");
    refund(format!("order_{}", "0".repeat(32))).await.refused(404, "order_not_found");
    refund("nonsense".to_owned()).await.refused(404, "order_not_found");

    let (_, checkout, tickets) = shop.sold(&session, json!({"quantity": 2})).await;
    let staff = shop.server.person(Role::Staff).await;
    shop.scan(&staff, scan_of(&tickets[0], "n")).await.expect(200);
    let refused = refund(checkout.text("orderId")).await.refused(409, "ticket_used");
    assert_eq!(refused.body["ticketIds"], json!([tickets[0]["ticketId"]]));
    shop.verify().await;
}

pub async fn orders_are_listed_by_session_user_and_status(store: &Store) {
    let shop = Shop::open(store).await;
    let (one, two) = (shop.session(5, json!({})).await, shop.session(5, json!({})).await);
    let (_, first, _) = shop.sold(&one, json!({"quantity": 1})).await;
    let (_, second, _) = shop.sold(&two, json!({"quantity": 2})).await;
    let buyer = shop.buyer().await;
    let third = buyer.checkout(&one, json!({"quantity": 3})).await;
    let list = async |query: &str| -> Vec<Value> {
        let answer = shop.admin_get(&format!("/api/admin/orders{query}")).await.expect(200);
        answer.body["items"].as_array().unwrap().iter().map(|order| order["orderId"].clone()).collect()
    };
    let ids = |answers: &[&Answer]| -> Vec<Value> { answers.iter().map(|a| a.body["orderId"].clone()).collect() };
    assert_eq!(list("").await, ids(&[&first, &second, &third]));
    assert_eq!(list(&format!("?sessionId={one}")).await, ids(&[&first, &third]));
    assert_eq!(list(&format!("?sessionId={one}&status=PAID")).await, ids(&[&first]));
    assert_eq!(list("?status=PENDING").await, ids(&[&third]));
    let shown = shop.admin_get(&format!("/api/admin/orders/{}", third.text("orderId"))).await.expect(200);
    let user = shown.text("userId");
    assert_eq!(list(&format!("?userId={user}")).await, ids(&[&third]));
    assert_eq!(list(&format!("?userId={user}&sessionId={two}")).await, ids(&[]));
    let page = shop.admin_get("/api/admin/orders?limit=2").await.expect(200);
    let rest = list(&format!("?limit=2&cursor={}", page.text("nextCursor"))).await;
    assert_eq!(rest, ids(&[&third]));
    shop.admin_get("/api/admin/orders?status=LOST").await.expect(400);
}

pub async fn the_audit_log_is_searched_by_target_and_by_actor(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let (buyer, checkout, tickets) = shop.sold(&session, json!({"quantity": 1})).await;
    let search = async |query: String| -> Vec<String> {
        let answer = shop.admin_get(&format!("/api/admin/audit?{query}")).await.expect(200);
        let items = answer.body["items"].as_array().unwrap().clone();
        items.iter().map(|record| record["action"].as_str().unwrap().to_owned()).collect()
    };
    let order = checkout.text("orderId");
    assert_eq!(search(format!("targetId={order}")).await, ["checkout.started"]);
    let payment = checkout.text("paymentId");
    assert_eq!(search(format!("targetId={payment}")).await, ["payment.opened", "payment.succeeded"]);
    assert_eq!(search(format!("targetId={payment}&actorId=gateway")).await, ["payment.succeeded"]);
    let staff = shop.server.person(Role::Staff).await;
    shop.scan(&staff, scan_of(&tickets[0], "n")).await.expect(200);
    let ticket = tickets[0]["ticketId"].as_str().unwrap();
    assert_eq!(search(format!("targetId={ticket}&actorId={}", staff.id)).await, ["ticket.redeemed"]);
    let me = buyer.get("/api/me").await.expect(200).text("userId");
    let mine = search(format!("actorId={me}")).await;
    assert_eq!(mine, ["hold.placed", "checkout.started", "payment.opened"]);

    // Page by page it is the same log, every record once.
    let whole = shop.admin_get("/api/admin/audit?limit=200").await.expect(200).body["items"].clone();
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.admin_get(&format!("/api/admin/audit?limit=3{cursor}")).await.expect(200);
        paged.extend(page.body["items"].as_array().unwrap().clone());
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(json!(paged), whole);
    shop.admin_get("/api/admin/audit?actorId=nobody").await.refused_field("actorId");
    shop.admin_get("/api/admin/audit?targetId=a%00b").await.refused_field("targetId");
    shop.admin_get("/api/admin/audit?cursor=x").await.refused_field("cursor");
}
