//! Several servers over one store, each with nothing of its own: what one begins, another goes on with.

#[macro_use]
#[path = "../store/mod.rs"]
mod store;

mod node;
mod reconcile;
mod start;

use std::time::Duration;

use futures_util::future::join_all;
use node::{Answer, Nodes, PRICE};
use reconcile::*;
use serde_json::json;
use start::*;
use store::Store;
use ticketing_core::money::{Currency, Money};

on_stores! {
    memory sqlite postgres redis postgres_and_redis => {
        what_one_node_gives_another_believes
        a_payment_opened_on_one_node_is_paid_on_another
        a_payment_is_paid_after_the_node_that_opened_it_is_gone
        a_payment_named_under_the_secret_before_is_paid_while_it_is_being_changed
        a_refund_is_made_by_whichever_node_is_there
        callbacks_on_every_node_at_once_make_one_set_of_tickets
        a_crowd_on_every_node_gets_what_there_is_and_no_more
        what_one_node_sells_another_shows_as_sold_within_a_second
        captures_that_were_never_reported_are_sold_or_given_back
        a_capture_that_no_node_knows_is_told_and_kept
        nobody_but_an_administrator_reconciles
        a_sandbox_without_a_file_knows_its_own_captures
        nodes_that_start_at_once_make_one_first_administrator
        nodes_that_start_at_once_make_one_demo
        a_node_with_another_audit_key_is_refused_and_writes_nothing
        of_nodes_with_different_keys_that_start_at_once_one_is_left
        a_node_that_starts_alone_begins_the_log_so_that_no_other_key_gets_in
        a_journal_that_cannot_be_kept_is_named
        nodes_with_one_secrets_file_believe_each_other
        a_node_that_is_given_every_secret_makes_no_file
    }
}

async fn what_one_node_gives_another_believes(store: &Store) {
    let nodes = Nodes::of(store).await;
    let (a, b) = (nodes.start().await, nodes.start().await);
    let session = a.session(5, json!({})).await;
    let buyer = a.buyer();
    let queue_token = a.post("/api/queue/token", &buyer, json!({ "sessionId": session })).await.expect(201);
    let wish = json!({ "sessionId": session, "quantity": 1, "queueToken": queue_token.text("queueToken") });
    let hold = b.hold(&buyer, "key-1", wish.clone()).await.expect(201);
    let again = a.hold(&buyer, "key-1", wish).await.expect(201);
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&hold.body, Some("true")));
    let opened = a.checkout(&buyer, &hold.text("holdId")).await.expect(201);
    let reopened = b.checkout(&buyer, &hold.text("holdId")).await.expect(200);
    assert_eq!(reopened.body, opened.body);
    nodes.verify().await;
}

async fn a_payment_opened_on_one_node_is_paid_on_another(store: &Store) {
    let nodes = Nodes::of(store).await;
    let (a, b) = (nodes.start().await, nodes.start().await);
    let session = a.session(5, json!({})).await;
    let buyer = a.buyer();
    let opened = a.opened(&buyer, &session, 2).await;
    let page = format!("/sandbox/pay/{}", opened.text("pgPaymentId"));
    let shown = b.page(&page).await.expect(200);
    assert!(shown.body.as_str().unwrap().contains("110,000 KRW"), "{shown:?}");
    let result = b.press(&page, "pay").await;
    assert!(result.body.as_str().unwrap().contains("<h1>Paid</h1>"), "{result:?}");
    for node in [&a, &b] {
        assert_eq!(node.payment(&buyer, &opened).await, "SUCCEEDED");
        node.page(&page).await.expect(303);
    }
    let declined = b.opened(&buyer, &session, 1).await;
    a.press(&format!("/sandbox/pay/{}", declined.text("pgPaymentId")), "decline").await;
    assert_eq!(b.payment(&buyer, &declined).await, "FAILED");
    nodes.verify().await;
}

async fn a_payment_is_paid_after_the_node_that_opened_it_is_gone(store: &Store) {
    let nodes = Nodes::of(store).await;
    let a = nodes.start().await;
    let session = a.session(5, json!({})).await;
    let buyer = a.buyer();
    let opened = a.opened(&buyer, &session, 1).await;
    a.stop().await;
    let b = nodes.start().await;
    b.press(&format!("/sandbox/pay/{}", opened.text("pgPaymentId")), "pay").await;
    assert_eq!(b.payment(&buyer, &opened).await, "SUCCEEDED");
    nodes.verify().await;
}

async fn a_payment_named_under_the_secret_before_is_paid_while_it_is_being_changed(store: &Store) {
    let nodes = Nodes::of(store).await;
    let a = nodes.start().await;
    let b = nodes.start_with(|config| {
        let sandbox = &mut config.payments.sandbox;
        sandbox.webhook_secret_previous = sandbox.webhook_secret.replace("another webhook secret, long enough".into());
    });
    let b = b.await.unwrap();
    let session = a.session(5, json!({})).await;
    let buyer = a.buyer();
    let opened = a.opened(&buyer, &session, 1).await;
    b.press(&format!("/sandbox/pay/{}", opened.text("pgPaymentId")), "pay").await;
    assert_eq!(a.payment(&buyer, &opened).await, "SUCCEEDED");
}

async fn a_refund_is_made_by_whichever_node_is_there(store: &Store) {
    let nodes = Nodes::of(store).await;
    let (a, b) = (nodes.start().await, nodes.start().await);
    let session = a.session(5, json!({})).await;
    let buyer = a.buyer();
    let opened = a.opened(&buyer, &session, 1).await;
    a.callback(&opened, "FAIL").await.expect(200);
    a.stop().await;
    b.callback(&opened, "SUCCESS").await.expect(200);
    node::eventually("the refund", || async { (b.payment(&buyer, &opened).await == "REFUNDED").then_some(()) }).await;
    let sandbox = b.app.sandbox.as_ref().unwrap();
    let key = format!("refund:{}", opened.text("paymentId"));
    assert_eq!(sandbox.refunded(&key), Some(Money::new(PRICE, Currency::KRW)));
    nodes.verify().await;
}

async fn callbacks_on_every_node_at_once_make_one_set_of_tickets(store: &Store) {
    let nodes = Nodes::of(store).await;
    let (a, b) = (nodes.start().await, nodes.start().await);
    let session = a.session(5, json!({})).await;
    let buyer = a.buyer();
    let opened = a.opened(&buyer, &session, 2).await;
    let sent = (0..20).map(|n| [&a, &b][n % 2].callback(&opened, "SUCCESS"));
    for answer in join_all(sent).await {
        answer.expect(200);
    }
    assert_eq!(b.tickets(&buyer).await, 2);
    nodes.verify().await;
}

async fn a_crowd_on_every_node_gets_what_there_is_and_no_more(store: &Store) {
    let nodes = Nodes::of(store).await;
    let (a, b) = (nodes.start().await, nodes.start().await);
    let session = a.session(10, json!({ "queue": { "mode": "OFF" } })).await;
    let wish = json!({ "sessionId": session, "quantity": 1 });
    let asked = (0..60).map(|n| {
        let (node, wish) = ([&a, &b][n % 2], wish.clone());
        async move { node.hold(&node.buyer(), "key-1", wish).await }
    });
    let answers = join_all(asked).await;
    let held = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(held, 10);
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 201 | 409)), "{answers:?}");
    nodes.verify().await;
}

async fn what_one_node_sells_another_shows_as_sold_within_a_second(store: &Store) {
    let nodes = Nodes::of(store).await;
    let (a, b) = (nodes.start().await, nodes.start().await);
    let session = a.session(5, json!({ "queue": { "mode": "OFF" } })).await;
    let lists = [format!("/api/sessions/{session}"), format!("/api/events/{}/sessions", a.event().await)];
    let left = |answer: &Answer| {
        let shown = if answer.body["items"].is_array() { &answer.body["items"][0] } else { &answer.body };
        let as_of = shown["asOf"].as_str().unwrap().parse::<ticketing_core::clock::Timestamp>().unwrap();
        (shown["remainingStock"].as_i64().unwrap(), as_of)
    };
    for (held, list) in (1..).zip(&lists) {
        // It is in the cache of the other node from now on.
        assert_eq!(left(&b.page(list).await.expect(200)).0, 6 - held);
        a.hold(&a.buyer(), "key-1", json!({ "sessionId": session, "quantity": 1 })).await.expect(201);
        let held_by = a.app.ticketing.queries().now().await.unwrap();
        node::eventually("the sale is shown", || async {
            let asked = b.app.ticketing.queries().now().await.unwrap();
            let (found, as_of) = left(&b.page(list).await.expect(200));
            let age = asked.since(as_of);
            assert!(found == 5 - held || as_of <= held_by, "{found} left as of {as_of}, sold by {held_by}");
            // It was true a second before anybody asked; the rest is what clocks differ by.
            assert!(found == 5 - held || age < Duration::from_secs(2), "{age:?} old");
            (found == 5 - held).then_some(())
        })
        .await;
    }
}
