//! Captures whose callbacks got lost: one node asks the gateway for them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use ticketing_core::{clock::SystemClock, ids::PaymentId, payment::Payment};
use ticketing_server::gateway::{
    journal::Journal,
    play::{Decision, PlayConfig},
    sandbox::{Sandbox, SandboxSettings},
    signature::SigningSecret,
};

use crate::{
    node::{Answer, Node, Nodes, PRICE, WEBHOOK_SECRET},
    store::Store,
};

/// The sandbox gateway of the nodes, whose callbacks reach nobody.
fn deaf(nodes: &Nodes<'_>) -> Sandbox {
    Sandbox::new(SandboxSettings {
        secret: SigningSecret::new(WEBHOOK_SECRET.as_bytes()),
        previous: None,
        public_url: "http://127.0.0.1".into(),
        // Nobody listens there.
        bound: SocketAddr::from(([127, 0, 0, 1], 1)),
        clock: Arc::new(SystemClock::new()),
        journal: Journal::in_file(&nodes.journal()).unwrap(),
        play: PlayConfig::default(),
    })
}

async fn payment(node: &Node, opened: &Answer) -> Payment {
    let id: PaymentId = opened.text("paymentId").parse().unwrap();
    node.app.ticketing.queries().payment(id).await.unwrap().unwrap()
}

/// The gateway takes the money for `opened`, and the callback gets lost.
async fn capture(nodes: &Nodes<'_>, node: &Node, opened: &Answer) {
    let reported = deaf(nodes).report(&payment(node, opened).await, Decision::Pay, Duration::ZERO).await;
    reported.unwrap().abort();
}

async fn reconcile(node: &Node, admin: &str) -> Value {
    let body = json!({ "since": "2020-01-01T00:00:00Z" });
    node.post("/api/admin/payments/reconcile", admin, body).await.expect(200).body
}

pub async fn captures_that_were_never_reported_are_sold_or_given_back(store: &Store) {
    let nodes = Nodes::of(store).await;
    let (a, b) = (nodes.start().await, nodes.start().await);
    let session = a.session(5, json!({})).await;
    let (paid, declined, told) = (a.buyer(), a.buyer(), a.buyer());
    let to_sell = a.opened(&paid, &session, 2).await;
    let to_refund = a.opened(&declined, &session, 1).await;
    let settled = a.opened(&told, &session, 1).await;
    capture(&nodes, &a, &to_sell).await;
    a.callback(&to_refund, "FAIL").await.expect(200);
    capture(&nodes, &a, &to_refund).await;
    b.press(&format!("/sandbox/pay/{}", settled.text("pgPaymentId")), "pay").await;

    let admin = b.admin().await;
    let report = reconcile(&b, &admin).await;
    let counts = ["captured", "settled", "sold", "refunded", "givenBack", "unmatched", "contradicted"];
    assert_eq!(counts.map(|count| report[count].as_u64().unwrap()), [3, 1, 1, 1, 0, 0, 0], "{report}");
    assert_eq!(a.payment(&paid, &to_sell).await, "SUCCEEDED");
    assert_eq!(a.tickets(&paid).await, 2);
    crate::node::eventually("the refund", || async {
        (a.payment(&declined, &to_refund).await == "REFUNDED").then_some(())
    })
    .await;
    let again = reconcile(&a, &admin).await;
    assert_eq!(counts.map(|count| again[count].as_u64().unwrap()), [3, 3, 0, 0, 0, 0, 0], "{again}");
    nodes.verify().await;
}

pub async fn a_capture_that_no_node_knows_is_told_and_kept(store: &Store) {
    let nodes = Nodes::of(store).await;
    let elsewhere = store.another().await;
    let lost = Nodes::of(&elsewhere).await;
    let before = lost.start().await;
    let session = before.session(5, json!({})).await;
    let opened = before.opened(&before.buyer(), &session, 1).await;
    capture(&nodes, &before, &opened).await;

    let node = nodes.start().await;
    let admin = node.admin().await;
    let unmatched = async || node.get("/api/admin/payments/unmatched", &admin).await.expect(200).body;
    assert_eq!(unmatched().await, json!({ "items": [], "nextCursor": null }));
    for _ in 0..2 {
        let report = reconcile(&node, &admin).await;
        assert_eq!((&report["unmatched"], &report["sold"]), (&json!(1), &json!(0)), "{report}");
        assert_eq!(report["unmatchedPayments"], json!([opened.text("pgPaymentId")]));
        let kept = unmatched().await;
        assert_eq!(kept["items"].as_array().unwrap().len(), 1, "{kept}");
        let kept = &kept["items"][0];
        assert_eq!((&kept["pgPaymentId"], &kept["status"]), (&opened.body["pgPaymentId"], &json!("SUCCESS")));
        assert_eq!((&kept["amount"], &kept["currency"]), (&json!(PRICE), &json!("KRW")));
        assert!(kept["payload"].as_str().unwrap().contains(&opened.text("paymentId")), "{kept}");
    }
    nodes.verify().await;
}

pub async fn nobody_but_an_administrator_reconciles(store: &Store) {
    let nodes = Nodes::of(store).await;
    let node = nodes.start().await;
    let (buyer, admin) = (node.buyer(), node.admin().await);
    let path = "/api/admin/payments/reconcile";
    let since = json!({ "since": "2020-01-01T00:00:00Z" });
    node.post(path, &buyer, since.clone()).await.expect(403);
    node.get("/api/admin/payments/unmatched", &buyer).await.expect(403);
    for wrong in [json!({}), json!({ "since": "yesterday" }), json!({ "since": since["since"], "until": null })] {
        node.post(path, &admin, wrong).await.expect(400);
    }
    node.post(path, &admin, since).await.expect(200);
}

pub async fn a_sandbox_without_a_file_knows_its_own_captures(store: &Store) {
    let nodes = Nodes::of(store).await;
    let in_memory = || nodes.start_with(|config| config.payments.sandbox.journal = None);
    let (a, b) = (in_memory().await.unwrap(), in_memory().await.unwrap());
    let session = a.session(5, json!({})).await;
    let opened = a.opened(&a.buyer(), &session, 1).await;
    a.press(&format!("/sandbox/pay/{}", opened.text("pgPaymentId")), "pay").await;
    let admin = a.admin().await;
    assert_eq!(reconcile(&a, &admin).await["captured"], 1);
    assert_eq!(reconcile(&b, &admin).await["captured"], 0);
}
