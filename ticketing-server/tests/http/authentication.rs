//! Signing up, logging in, and who one is.

use reqwest::StatusCode;
use serde_json::json;
use ticketing_core::user::Role;

use crate::{
    server::{PASSWORD, TestServer, expect, header, no_limits},
    store::Store,
};

pub async fn whoever_signs_up_can_log_in_and_learns_who_they_are(store: &Store) {
    let server = TestServer::start(store).await;
    let made = expect(server.signup("  Kim@Example.com ").await, StatusCode::CREATED).await;
    assert_eq!(made["email"], "kim@example.com");
    let logged_in = expect(server.login("KIM@example.com", PASSWORD).await, StatusCode::OK).await;
    assert_eq!((&logged_in["tokenType"], &logged_in["expiresIn"]), (&json!("Bearer"), &json!(900)));
    let token = logged_in["accessToken"].as_str().unwrap();
    let me = expect(server.get("/api/me").bearer_auth(token).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(me, json!({ "userId": made["userId"], "email": "kim@example.com", "role": "USER" }));
}

pub async fn an_address_has_one_account_whatever_its_case_and_surrounding_space(store: &Store) {
    let server = TestServer::start(store).await;
    expect(server.signup("kim@example.com").await, StatusCode::CREATED).await;
    server.problem(server.signup(" KIM@EXAMPLE.COM ").await, 409, "email_taken").await;
}

pub async fn of_many_who_sign_up_with_one_address_at_once_one_succeeds(store: &Store) {
    let server = TestServer::start(store).await;
    let all = futures_util::future::join_all((0..50).map(|_| server.signup("race@example.com"))).await;
    let created = all.iter().filter(|response| response.status() == StatusCode::CREATED).count();
    let taken = all.iter().filter(|response| response.status() == StatusCode::CONFLICT).count();
    assert_eq!((created, taken), (1, 49));
}

pub async fn a_bad_address_or_a_weak_password_is_told_by_field(store: &Store) {
    let server = TestServer::start(store).await;
    let cases = [
        ("no-address", PASSWORD, "invalid_email", "email"),
        ("", PASSWORD, "invalid_email", "email"),
        ("a@example.com", "short1A", "weak_password", "password"),
        ("a@example.com", "alllowercase1", "weak_password", "password"),
        ("a@example.com", "ALLUPPERCASE1", "weak_password", "password"),
        ("a@example.com", "NoDigitsHere", "weak_password", "password"),
    ];
    for (email, password, reason, field) in cases {
        let body = json!({ "email": email, "password": password });
        let response = server.post("/api/auth/signup").json(&body).send().await.unwrap();
        let problem = server.problem(response, 400, reason).await;
        assert_eq!(problem["errors"][0]["field"], field);
    }
    let body = json!({ "email": "u@example.com", "password": "Ünïcödé9x" });
    let response = server.post("/api/auth/signup").json(&body).send().await.unwrap();
    expect(response, StatusCode::CREATED).await;
}

pub async fn an_unknown_address_and_a_wrong_password_are_told_alike(store: &Store) {
    let server = TestServer::start(store).await;
    expect(server.signup("kim@example.com").await, StatusCode::CREATED).await;
    let mut told = Vec::new();
    for (email, password) in
        [("kim@example.com", "Wrong1234"), ("nobody@example.com", PASSWORD), ("no-address", PASSWORD)]
    {
        let mut problem = server.problem(server.login(email, password).await, 401, "bad_credentials").await;
        problem.as_object_mut().unwrap().remove("traceId");
        told.push(problem);
    }
    assert!(told.iter().all(|problem| *problem == told[0]), "{told:?}");
}

pub async fn too_many_tries_per_account_are_refused_even_with_the_right_password(store: &Store) {
    let server = TestServer::with(store, |config| {
        config.limits.login_per_account_per_minute = 2;
    })
    .await;
    expect(server.signup("kim@example.com").await, StatusCode::CREATED).await;
    for _ in 0..2 {
        server.problem(server.login("kim@example.com", "Wrong1234").await, 401, "bad_credentials").await;
    }
    server.problem(server.login(" KIM@example.com", PASSWORD).await, 429, "rate_limited").await;
    server.problem(server.login("lee@example.com", PASSWORD).await, 401, "bad_credentials").await;
}

pub async fn too_many_tries_per_address_are_refused(store: &Store) {
    let server = TestServer::with(store, |config| {
        config.limits = no_limits();
        config.limits.login_per_address_per_minute = 1;
        config.limits.signup_per_address_per_minute = 1;
    })
    .await;
    expect(server.signup("a@example.com").await, StatusCode::CREATED).await;
    server.problem(server.signup("b@example.com").await, 429, "rate_limited").await;
    expect(server.login("a@example.com", PASSWORD).await, StatusCode::OK).await;
    server.problem(server.login("b@example.com", PASSWORD).await, 429, "rate_limited").await;
}

pub async fn requests_beyond_the_limit_of_a_user_are_refused(store: &Store) {
    let server = TestServer::with(store, |config| config.limits.requests_per_user_per_second = 2).await;
    let (eager, calm) = (server.buyer().await, server.buyer().await);
    let all = (0..20).map(|_| server.get("/api/me").bearer_auth(&eager.token).send());
    let all = futures_util::future::join_all(all).await;
    let mut refused = all.into_iter().map(Result::unwrap).filter(|response| response.status() != StatusCode::OK);
    server.problem(refused.next().unwrap(), 429, "rate_limited").await;
    let response = server.get("/api/me").bearer_auth(&calm.token).send().await.unwrap();
    expect(response, StatusCode::OK).await;
}

pub async fn without_a_genuine_token_nobody_is_anybody(store: &Store) {
    let server = TestServer::start(store).await;
    let buyer = server.buyer().await;
    let none = server.get("/api/me").send().await.unwrap();
    assert_eq!(header(&none, "www-authenticate"), "Bearer");
    server.problem(none, 401, "token_required").await;
    let (_, signature) = buyer.token.rsplit_once('.').unwrap();
    let forged = buyer.token.replace(signature, &signature.chars().rev().collect::<String>());
    for value in
        [format!("Bearer {forged}"), format!("Basic {}", buyer.token), "Bearer".to_owned(), "Bearer x".to_owned()]
    {
        let response = server.get("/api/me").header("authorization", value).send().await.unwrap();
        server.problem(response, 401, "token_invalid").await;
    }
}

pub async fn a_subject_without_an_account_is_a_user_all_the_same(store: &Store) {
    let server = TestServer::start(store).await;
    let elsewhere = store.another().await;
    let elsewhere = TestServer::start(&elsewhere).await;
    let stranger = elsewhere.buyer().await;
    let me = server.get("/api/me").bearer_auth(&stranger.token).send().await.unwrap();
    let me = expect(me, StatusCode::OK).await;
    assert_eq!(me, json!({ "userId": stranger.id, "email": null, "role": "USER" }));
}

pub async fn an_administrator_by_token_alone_is_none(store: &Store) {
    let server = TestServer::start(store).await;
    let elsewhere = store.another().await;
    let elsewhere = TestServer::start(&elsewhere).await;
    let stranger = elsewhere.person(Role::Admin).await;
    let response = server.get("/api/admin/verify").bearer_auth(&stranger.token).send().await.unwrap();
    server.problem(response, 403, "forbidden").await;
}
