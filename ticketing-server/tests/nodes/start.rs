//! Nodes that start at once, or with what does not fit together.

use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::json;
use ticketing_core::{
    audit::{Action, StreamId},
    store::PageRequest,
};
use ticketing_server::config::Config;

use crate::{
    node::{AUDIT_KEY, Node, Nodes},
    store::Store,
};

const EMAIL: &str = "root@example.com";
const PASSWORD: &str = "First1234";

fn with_administrator(config: &mut Config) {
    config.bootstrap.admin_email = Some(EMAIL.to_owned());
    config.bootstrap.admin_password = Some(PASSWORD.into());
}

pub async fn nodes_that_start_at_once_make_one_first_administrator(store: &Store) {
    let nodes = Nodes::of(store).await;
    let started = join_all((0..4).map(|_| nodes.start_with(with_administrator))).await;
    let started: Vec<_> = started.into_iter().map(Result::unwrap).collect();
    for node in &started {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        node.post("/api/auth/login", "", body).await.expect(200);
    }
    let users = started[0].app.ticketing.queries().users(PageRequest::first()).await.unwrap();
    assert_eq!(users.items.len(), 1);
    nodes.verify().await;
}

pub async fn nodes_that_start_at_once_make_one_demo(store: &Store) {
    let nodes = Nodes::of(store).await;
    let told = async || {
        let ready = nodes.ready(|_| (), true).await.unwrap();
        let walkthrough = ready.walkthrough.unwrap();
        let sessions = walkthrough.split_whitespace().filter(|word| word.starts_with("session_"));
        (sessions.map(str::to_owned).collect::<Vec<_>>(), ready.app)
    };
    let mut started = join_all((0..4).map(|_| told())).await;
    started.push(told().await);
    assert!(started.iter().all(|(sessions, _)| *sessions == started[0].0), "they sell different sessions");
    let queries = started[0].1.ticketing.queries();
    assert_eq!(queries.events(None, PageRequest::first()).await.unwrap().items.len(), 1);
    assert_eq!(queries.sessions(None, PageRequest::first()).await.unwrap().items.len(), 2);
    assert_eq!(queries.users(PageRequest::first()).await.unwrap().items.len(), 2);
    nodes.verify().await;
}

pub async fn a_node_with_another_audit_key_is_refused_and_writes_nothing(store: &Store) {
    let nodes = Nodes::of(store).await;
    let wrong = |config: &mut Config| {
        with_administrator(config);
        config.audit.key = Some(SecretString::from(AUDIT_KEY.replace("an audit", "another")));
    };
    let node = nodes.start().await;
    node.admin().await;
    let before = node.app.ticketing.queries().audit(StreamId::Users, 0, 10).await.unwrap();
    let told: Vec<_> = before.iter().map(|record| record.action).collect();
    assert_eq!(told, [Action::LogBegun, Action::UserCreated]);
    let refused = nodes.start_with(wrong).await.err().expect("the key is another one").to_string();
    assert!(refused.contains("audit.key") && refused.contains("another key"), "{refused}");
    assert!(!refused.contains('\n') && !refused.contains(AUDIT_KEY), "{refused}");
    assert_eq!(node.app.ticketing.queries().audit(StreamId::Users, 0, 10).await.unwrap(), before);
    nodes.start_with(with_administrator).await.unwrap();
    nodes.verify().await;
}

pub async fn of_nodes_with_different_keys_that_start_at_once_one_is_left(store: &Store) {
    let nodes = Nodes::of(store).await;
    let started = join_all((0..3).map(|n| {
        nodes.start_with(move |config| {
            with_administrator(config);
            config.audit.key = Some(format!("{AUDIT_KEY}, number {n}").into());
        })
    }))
    .await;
    let (left, refused): (Vec<_>, Vec<_>) = started.into_iter().partition(Result::is_ok);
    assert_eq!(left.len(), 1);
    for refused in refused {
        let refused = refused.err().expect("it is none of those that are left").to_string();
        assert!(refused.contains("audit.key"), "{refused}");
    }
    let left = left[0].as_ref().unwrap();
    left.session(5, json!({})).await;
    let report = left.app.ticketing.verify().await.unwrap();
    assert!(report.is_clean(), "{:?}", report.violations);
}

pub async fn a_node_that_starts_alone_begins_the_log_so_that_no_other_key_gets_in(store: &Store) {
    let nodes = Nodes::of(store).await;
    let node = nodes.start().await;
    let log = node.app.ticketing.queries().audit(StreamId::Users, 0, 10).await.unwrap();
    assert_eq!(log.iter().map(|record| record.action).collect::<Vec<_>>(), [Action::LogBegun]);
    let other = |config: &mut Config| config.audit.key = Some(AUDIT_KEY.replace("an audit", "another").into());
    let refused = nodes.start_with(other).await.err().expect("the log was begun with another key").to_string();
    assert!(refused.contains("audit.key"), "{refused}");
    node.session(5, json!({})).await;
    nodes.verify().await;
}

pub async fn a_journal_that_cannot_be_kept_is_named(store: &Store) {
    let nodes = Nodes::of(store).await;
    let nowhere = nodes.journal().join("no/such/folder");
    let refused = nodes.start_with(|config| config.payments.sandbox.journal = Some(nowhere)).await;
    let refused = refused.err().expect("there is no such folder").to_string();
    assert!(refused.contains("payments.sandbox.journal") && refused.contains("no/such/folder"), "{refused}");
}

pub async fn nodes_with_one_secrets_file_believe_each_other(store: &Store) {
    let nodes = Nodes::of(store).await;
    let file = nodes.journal().with_file_name("shared.toml");
    let start = || {
        nodes.start_with(|config| {
            config.auth.jwt_secret = None;
            config.audit.key = None;
            config.queue.token_secret = None;
            config.payments.sandbox.webhook_secret = None;
            config.tickets.signing_seed = None;
            config.secrets.file = Some(file.clone());
        })
    };
    let (a, b) = (start().await.unwrap(), start().await.unwrap());
    let session = a.session(5, json!({})).await;
    let buyer = a.buyer();
    let opened = a.opened(&buyer, &session, 1).await;
    b.press(&format!("/sandbox/pay/{}", opened.text("pgPaymentId")), "pay").await;
    assert_eq!(b.tickets(&buyer).await, 1);
    let signer = |node: &Node| format!("{:?}", node.app.ticketing.ticket_signer().public_key());
    assert_eq!(signer(&a), signer(&b));
    assert!(b.app.ticketing.verify().await.unwrap().is_clean());
}

pub async fn a_node_that_is_given_every_secret_makes_no_file(store: &Store) {
    let nodes = Nodes::of(store).await;
    let file = nodes.journal().with_file_name("unused.toml");
    nodes.start_with(|config| config.secrets.file = Some(file.clone())).await.unwrap();
    assert!(!file.exists());
}
