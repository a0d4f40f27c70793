//! Who buyers are to a server: subjects of access tokens signed here, or accounts of its own.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use ticketing_core::{
    clock::{Clock, SystemClock},
    ids::UserId,
};

use super::wire::{self, Wire};
use crate::{error::SimError, load::story::Answer};

/// How long a token lives that is signed here: as long as one may.
const TOKEN_SECONDS: i64 = 900;
/// When another one is signed.
const TOKEN_RENEWED_AFTER_SECONDS: i64 = 600;
/// Before an account that could not be made is tried again, and how often that is.
const SIGN_UP_AGAIN_AFTER: Duration = Duration::from_secs(1);
const SIGN_UP_TRIES_MAX: u32 = 120;

/// Where buyers get their access tokens.
pub struct Accounts(Source);

/// A buyer's access token.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// As it is sent.
    pub text: String,
    /// When it was signed, in seconds; `None`: it cannot be signed anew.
    signed_at: Option<i64>,
}

enum Source {
    /// An identity provider, which shares its secret with the server.
    Signed { key: EncodingKey, clock: SystemClock },
    /// The server's own accounts, made when they are first needed.
    SignedUp { tokens: Mutex<HashMap<UserId, AccessToken>> },
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: UserId,
    role: &'a str,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoggedIn {
    access_token: String,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts(…)")
    }
}

impl Accounts {
    /// By the server's secret of access tokens, if it is known.
    pub fn new(jwt_secret: Option<&SecretString>) -> Self {
        Self(match jwt_secret {
            Some(secret) => Source::Signed {
                key: EncodingKey::from_secret(secret.expose_secret().as_bytes()),
                clock: SystemClock::new(),
            },
            None => Source::SignedUp { tokens: Mutex::default() },
        })
    }

    /// Whether a buyer's token costs a password's hash.
    pub fn is_slow(&self) -> bool {
        matches!(self.0, Source::SignedUp { .. })
    }

    /// Signs a buyer's token anew when it is about to end.
    pub fn renew(&self, user_id: UserId, token: &mut AccessToken) {
        let (Source::Signed { key, clock }, Some(signed_at)) = (&self.0, token.signed_at) else { return };
        if seconds(clock) - signed_at >= TOKEN_RENEWED_AFTER_SECONDS
            && let Ok(renewed) = signed(key, clock, user_id)
        {
            *token = renewed;
        }
    }

    /// A buyer's access token.
    ///
    /// # Errors
    /// [`SimError`] when the server makes no account.
    pub async fn token(&self, wire: &Wire, user_id: UserId) -> Result<AccessToken, SimError> {
        match &self.0 {
            Source::Signed { key, clock } => signed(key, clock, user_id),
            Source::SignedUp { tokens } => {
                let known = tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&user_id).cloned();
                if let Some(token) = known {
                    return Ok(token);
                }
                let name = user_id.uuid().as_simple().to_string();
                let (email, password) = (format!("sim-{name}@example.com"), format!("Sim-{}-1", &name[..16]));
                let token = AccessToken { text: sign_up(wire, &email, &password).await?, signed_at: None };
                tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(user_id, token.clone());
                Ok(token)
            }
        }
    }
}

fn signed(key: &EncodingKey, clock: &SystemClock, user_id: UserId) -> Result<AccessToken, SimError> {
    let iat = seconds(clock);
    let claims = Claims {
        sub: user_id,
        role: "USER",
        iss: "ticketing",
        aud: "ticketing-api",
        iat,
        // Clocks differ a little.
        exp: iat + TOKEN_SECONDS - 5,
    };
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, key);
    let token = token.map_err(|error| SimError::Usage(format!("no access token can be signed: {error}")))?;
    Ok(AccessToken { text: token, signed_at: Some(iat) })
}

fn seconds(clock: &SystemClock) -> i64 {
    clock.now().micros() / 1_000_000
}

async fn sign_up(wire: &Wire, email: &str, password: &str) -> Result<String, SimError> {
    for _ in 0..SIGN_UP_TRIES_MAX {
        let body = json!({ "email": email, "password": password });
        let made = wire::send(wire.request(wire.next_turn(), Method::POST, "/api/auth/signup").json(&body)).await;
        match made {
            Ok(_) => return log_in(wire, email, password).await,
            Err(answer) if answer.is_refusal_for("email_taken") => return log_in(wire, email, password).await,
            Err(answer) if answer.is_open() => tokio::time::sleep(SIGN_UP_AGAIN_AFTER).await,
            Err(answer) => return Err(SimError::Unreachable(format!("{email} cannot sign up: {answer:?}"))),
        }
    }
    Err(SimError::Unreachable(format!("{email} cannot sign up; --jwt-secret-file makes accounts unnecessary")))
}

/// Somebody's access token, by address and password.
///
/// # Errors
/// [`SimError`] when the server does not give one.
pub async fn log_in(wire: &Wire, email: &str, password: &str) -> Result<String, SimError> {
    let mut last = Answer::Unknown;
    for _ in 0..SIGN_UP_TRIES_MAX {
        let body = json!({ "email": email, "password": password });
        match wire::send(wire.request(wire.next_turn(), Method::POST, "/api/auth/login").json(&body)).await {
            Ok(reply) => {
                let told = reply.json::<LoggedIn>();
                return told
                    .map(|told| told.access_token)
                    .map_err(|answer| SimError::Unreachable(format!("{answer:?}")));
            }
            Err(answer) if answer.is_refusal_for("bad_credentials") => {
                return Err(SimError::Usage(format!("{email}: no account has this address and this password")));
            }
            Err(answer) if answer == Answer::busy("unreachable") => {
                return Err(SimError::Unreachable("the server cannot be reached".to_owned()));
            }
            Err(answer) if answer.is_open() => {
                last = answer;
                tokio::time::sleep(SIGN_UP_AGAIN_AFTER).await;
            }
            Err(answer) => return Err(SimError::Unreachable(format!("{email} cannot log in: {answer:?}"))),
        }
    }
    Err(SimError::Unreachable(format!("{email} cannot log in: {last:?}")))
}
