//! Logins and their refresh tokens.

use futures_util::future::join_all;

use crate::{
    command::LoginRefusal,
    engine::{NewUser, Refreshed},
    ids::UserId,
    testing::{
        Harness,
        harness::{OPERATOR, refusal},
    },
    user::{Role, password::PasswordHash},
};

const LASTS_SECONDS: u32 = 1_000;

async fn account(h: &Harness) -> UserId {
    let email = "alice@example.com".parse().expect("an address");
    let password_hash = PasswordHash::from_stored("$argon2id$x".to_owned());
    h.engine.create_user(OPERATOR, NewUser { email, password_hash, role: Role::User }).await.expect("a new account").id
}

/// Signs in, and brings the first refresh token.
async fn signed_in(h: &Harness) -> (UserId, String) {
    let user = account(h).await;
    let login = h.engine.start_login(OPERATOR, user, [7; 32], LASTS_SECONDS).await.expect("a login is begun");
    assert_eq!(login.expires_at, h.now().plus_seconds(LASTS_SECONDS));
    (user, login.token.text())
}

async fn refresh(h: &Harness, token: &str) -> Result<Refreshed, LoginRefusal> {
    refusal(h.engine.refresh(OPERATOR, token).await)
}

async fn next(h: &Harness, token: &str) -> String {
    refresh(h, token).await.expect("the token is good").next.token.text()
}

pub async fn a_refresh_token_is_good_for_one_use(h: Harness) {
    let (user, first) = signed_in(&h).await;
    let refreshed = refresh(&h, &first).await.unwrap();
    assert_eq!(refreshed.user.id, user);
    let second = refreshed.next.token.text();
    assert_ne!(first, second);
    h.advance(11);
    let third = next(&h, &second).await;
    h.advance(11);
    assert_eq!(refresh(&h, &second).await.unwrap_err(), LoginRefusal::Reused);
    assert_eq!(refresh(&h, &third).await.unwrap_err(), LoginRefusal::Ended, "the newest goes with its family");
}

pub async fn a_use_repeated_within_ten_seconds_brings_the_same_successor(h: Harness) {
    let (_, first) = signed_in(&h).await;
    let second = next(&h, &first).await;
    h.advance(10);
    let other = h.another_engine();
    assert_eq!(next(&other, &first).await, second, "also from another node");
    other.engine.shutdown().await;
    h.advance(1);
    assert_eq!(refresh(&h, &first).await.unwrap_err(), LoginRefusal::Reused);
}

pub async fn twenty_uses_at_once_bring_one_successor(h: Harness) {
    let (_, first) = signed_in(&h).await;
    let mut found = join_all((0..20).map(|_| next(&h, &first))).await;
    found.dedup();
    assert_eq!(found.len(), 1);
    next(&h, &found[0]).await;
}

pub async fn a_login_ends_at_its_time_however_often_it_is_refreshed(h: Harness) {
    let (_, mut token) = signed_in(&h).await;
    for _ in 0..9 {
        h.advance(u64::from(LASTS_SECONDS / 10));
        token = next(&h, &token).await;
    }
    h.advance(u64::from(LASTS_SECONDS / 10));
    assert_eq!(refresh(&h, &token).await.unwrap_err(), LoginRefusal::Ended);
}

pub async fn a_login_that_was_ended_stays_so(h: Harness) {
    let (_, first) = signed_in(&h).await;
    let second = next(&h, &first).await;
    for _ in 0..2 {
        h.engine.logout(OPERATOR, &second).await.unwrap();
        assert_eq!(refresh(&h, &second).await.unwrap_err(), LoginRefusal::Ended);
    }
    h.engine.logout(OPERATOR, "no token at all").await.unwrap();
}

pub async fn a_token_that_nobody_was_given_ends_nothing(h: Harness) {
    let (_, first) = signed_in(&h).await;
    for stranger in [String::new(), "x".to_owned(), "A".repeat(64), "A".repeat(86)] {
        assert_eq!(refresh(&h, &stranger).await.unwrap_err(), LoginRefusal::Unknown, "{stranger}");
    }
    // The login's name is in the first 16 bytes; what follows is the secret, and the proof that it is ours.
    for kept in [22, 60] {
        let guessed = format!("{}{}", &first[..kept], "A".repeat(first.len() - kept));
        h.engine.logout(OPERATOR, &guessed).await.unwrap();
        assert_eq!(refresh(&h, &guessed).await.unwrap_err(), LoginRefusal::Unknown, "{kept}");
    }
    assert!(refresh(&h, &first).await.is_ok(), "who does not know the token ends nothing by it");
}

pub async fn a_login_is_ended_by_any_of_its_tokens(h: Harness) {
    let (_, first) = signed_in(&h).await;
    let mut newest = first.clone();
    for _ in 0..3 {
        h.advance(20);
        newest = next(&h, &newest).await;
    }
    h.engine.logout(OPERATOR, &first).await.unwrap();
    assert_eq!(refresh(&h, &newest).await.unwrap_err(), LoginRefusal::Ended);
}

pub async fn a_hash_is_replaced_only_where_it_still_is(h: Harness) {
    let user = account(&h).await;
    let hash = |text: &str| PasswordHash::from_stored(format!("$argon2id${text}"));
    let kept = || async { h.store.user(user).await.unwrap().unwrap().password_hash };
    h.engine.rehash(OPERATOR, user, hash("x"), hash("y")).await.unwrap();
    assert_eq!(kept().await, hash("y"));
    h.engine.rehash(OPERATOR, user, hash("x"), hash("z")).await.unwrap();
    assert_eq!(kept().await, hash("y"), "the password was changed meanwhile");
}
