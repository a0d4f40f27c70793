//! What outlives a server, where its store does.

use std::{sync::Arc, time::Duration};

use reqwest::StatusCode;
use ticketing_core::store::Backend;
use ticketing_store::{OpenOptions, Role};
use tokio::time::Instant;

use crate::{
    server::{TestServer, expect},
    store::Store,
};

/// Longer than a stopped server's last task needs.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn the_first_administrator_is_made_once_and_never_overwritten(store: &Store) {
    let start = |password: &'static str, chars_min| {
        TestServer::with(store, move |config| {
            config.auth.password_min_chars = chars_min;
            config.bootstrap.admin_email = Some("root@example.com".to_owned());
            config.bootstrap.admin_password = Some(password.into());
        })
    };
    let first = start("First1234", 8).await;
    let logged_in = expect(first.login("root@example.com", "First1234").await, StatusCode::OK).await;
    let token = logged_in["accessToken"].as_str().unwrap();
    let verified = first.get("/api/admin/verify").bearer_auth(token).send().await.unwrap();
    assert_eq!(expect(verified, StatusCode::OK).await["ok"], true);
    first.stop().await;
    drop(is_free(store).await);
    // The policy may have become stricter since: nobody is made, so nobody's password is looked at.
    let second = start("Second1234", 20).await;
    expect(second.login("root@example.com", "First1234").await, StatusCode::OK).await;
    second.problem(second.login("root@example.com", "Second1234").await, 401, "bad_credentials").await;
}

/// Waits until the stopped server's last task has let go of its store.
async fn is_free(store: &Store) -> Arc<dyn Backend> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ticketing_store::open(&store.url(), OpenOptions::new(Role::Server)) {
            Ok(store) => return store,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}
