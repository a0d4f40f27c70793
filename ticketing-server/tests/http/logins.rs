//! Refresh tokens over real HTTP.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use ticketing_core::{
    audit::{Actor, Caller},
    user::{Role, password::PasswordHash},
};
use ticketing_store::testing::redis::Namespace;

use crate::{
    server::{PASSWORD, TestServer, expect},
    shop::Answer,
    store::Store,
};

impl TestServer {
    async fn signed_in(&self) -> Value {
        expect(self.signup("kim@example.com").await, StatusCode::CREATED).await;
        expect(self.login("kim@example.com", PASSWORD).await, StatusCode::OK).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        let request = self.post("/api/auth/refresh").json(&json!({ "refreshToken": token }));
        Answer::read(request.send().await.unwrap()).await
    }

    async fn logout(&self, token: &str) -> Answer {
        let request = self.post("/api/auth/logout").json(&json!({ "refreshToken": token }));
        Answer::read(request.send().await.unwrap()).await
    }
}

fn token(logged_in: &Value) -> String {
    logged_in["refreshToken"].as_str().unwrap().to_owned()
}

pub async fn a_refresh_token_brings_new_tokens_and_is_used_up(store: &Store) {
    let server = TestServer::start(store).await;
    let first = server.signed_in().await;
    let second = server.refresh(&token(&first)).await.expect(200);
    assert_eq!(second.members(), ["accessToken", "expiresIn", "refreshToken", "tokenType"]);
    assert_eq!(second.header("cache-control"), Some("no-store"));
    assert_ne!(token(&second.body), token(&first));
    let me = server.get("/api/me").bearer_auth(second.text("accessToken")).send().await.unwrap();
    assert_eq!(expect(me, StatusCode::OK).await["email"], "kim@example.com");
    server.refresh(&token(&second.body)).await.expect(200);
}

pub async fn a_lost_answer_is_given_again(store: &Store) {
    let server = TestServer::start(store).await;
    let first = token(&server.signed_in().await);
    let many = join_all((0..20).map(|_| server.refresh(&first))).await;
    let next: Vec<_> = many.into_iter().map(|answer| token(&answer.expect(200).body)).collect();
    assert!(next.iter().all(|token| *token == next[0]), "all are told the same successor");
    server.refresh(&next[0]).await.expect(200);
}

pub async fn refreshing_has_a_limit_of_its_own_and_takes_nothing_from_logging_in(store: &Store) {
    let server = TestServer::with(store, |config| {
        config.limits.login_per_address_per_minute = 2;
        config.limits.refresh_per_address_per_minute = 2;
    })
    .await;
    let first = token(&server.signed_in().await);
    let second = token(&server.refresh(&first).await.expect(200).body);
    let third = token(&server.refresh(&second).await.expect(200).body);
    server.refresh(&third).await.refused(429, "rate_limited");
    expect(server.login("kim@example.com", PASSWORD).await, StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshing_is_counted_together_by_nodes_whose_queue_is_a_redis_also_if_it_is_their_store() {
    let Some(redis) = Namespace::create().await else { return };
    let node = async || {
        TestServer::with(&Store::Memory, |config| {
            config.store.url = redis.url().to_owned();
            config.queue.url = Some(redis.url().to_owned());
            config.limits.refresh_per_address_per_minute = 4;
        })
        .await
    };
    let nodes = [node().await, node().await];
    let mut let_through = 0;
    while nodes[let_through % 2].refresh("nobody's").await.status != StatusCode::TOO_MANY_REQUESTS {
        let_through += 1;
    }
    assert!(let_through < 8, "each of the two counted for itself alone");
}

pub async fn a_token_used_again_ends_its_whole_family(store: &Store) {
    let server = TestServer::start(store).await;
    let first = token(&server.signed_in().await);
    let second = token(&server.refresh(&first).await.expect(200).body);
    let third = token(&server.refresh(&second).await.expect(200).body);
    server.refresh(&first).await.refused(401, "refresh_token_invalid");
    for token in [&second, &third] {
        server.refresh(token).await.refused(401, "refresh_token_invalid");
    }
    // Another log-in of the same user is another family.
    let other = expect(server.login("kim@example.com", PASSWORD).await, StatusCode::OK).await;
    server.refresh(&token(&other)).await.expect(200);
}

pub async fn a_log_in_ends_with_its_owners_log_out(store: &Store) {
    let server = TestServer::start(store).await;
    let first = token(&server.signed_in().await);
    let second = token(&server.refresh(&first).await.expect(200).body);
    server.logout(&second).await.expect(204);
    server.logout(&second).await.expect(204);
    server.refresh(&second).await.refused(401, "refresh_token_invalid");
    server.logout("nonsense").await.expect(204);
}

pub async fn a_token_of_nobody_is_refused_as_any_other(store: &Store) {
    let server = TestServer::start(store).await;
    let good = token(&server.signed_in().await);
    for bad in ["", "x", &"A".repeat(64), &good[..63], &format!("{good}A")] {
        server.refresh(bad).await.refused(401, "refresh_token_invalid");
    }
    let request = server.post("/api/auth/refresh").json(&json!({}));
    Answer::read(request.send().await.unwrap()).await.refused_field("refreshToken");
}

pub async fn a_log_in_has_an_end_however_often_it_is_refreshed(store: &Store) {
    let server = TestServer::with(store, |config| config.auth.refresh_ttl_seconds = 1).await;
    let first = token(&server.signed_in().await);
    let refused = crate::shop::eventually("the log-in ends", || async {
        let answer = server.refresh(&first).await;
        (answer.status == 401).then_some(answer)
    });
    refused.await.refused(401, "refresh_token_invalid");
}

pub async fn a_refreshed_token_has_the_role_that_the_account_has_by_then(store: &Store) {
    let server = TestServer::start(store).await;
    let first = server.signed_in().await;
    let me = server.get("/api/me").bearer_auth(first["accessToken"].as_str().unwrap()).send().await.unwrap();
    let id = expect(me, StatusCode::OK).await["userId"].as_str().unwrap().parse().unwrap();
    server.app.ticketing.set_role(Caller::of(Actor::Operator), id, Role::Admin).await.unwrap();
    let old = server.get("/api/admin/events").bearer_auth(first["accessToken"].as_str().unwrap());
    server.problem(old.send().await.unwrap(), 403, "forbidden").await;
    let second = server.refresh(&token(&first)).await.expect(200);
    let new = server.get("/api/admin/events").bearer_auth(second.text("accessToken"));
    expect(new.send().await.unwrap(), StatusCode::OK).await;
}

pub async fn a_hash_of_other_parameters_is_made_again_at_the_next_log_in(store: &Store) {
    let server = TestServer::start(store).await;
    let cheap = PasswordHash::from_stored(
        "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$hPsAa7w81piVcitktb9zUlGp6Onz7Lk/9ZW5iut6zLc".to_owned(),
    );
    let new = ticketing_core::engine::NewUser {
        email: "old@example.com".parse().unwrap(),
        password_hash: cheap.clone(),
        role: Role::User,
    };
    let user = server.app.ticketing.create_user(Caller::of(Actor::Operator), new).await.unwrap();
    expect(server.login("old@example.com", "password").await, StatusCode::OK).await;
    let account = server.app.ticketing.queries().user(user.id).await.unwrap().unwrap();
    assert!(!account.password_hash.needs_rehash() && account.password_hash.matches("password"));
    expect(server.login("old@example.com", "password").await, StatusCode::OK).await;
}
