//! Access tokens: JWT, signed with HS256 and with nothing else.

use std::{fmt, sync::Arc};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use ticketing_core::{
    clock::{Clock, Timestamp},
    ids::UserId,
    user::Role,
};

use crate::extract::User;

const ISSUER: &str = "ticketing";
const AUDIENCE: &str = "ticketing-api";
/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 2048;

#[derive(Serialize)]
struct Issued<'a> {
    sub: UserId,
    role: Role,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(deserialize_with = "subject")]
    sub: UserId,
    role: Role,
    /// Other issuers may write fractions of seconds.
    exp: f64,
}

/// Whom a subject names: one of our accounts, or somebody whom only another issuer of tokens knows, by a
/// digest of that issuer's name for them.
fn subject<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UserId, D::Error> {
    let subject = String::deserialize(deserializer)?;
    if let Ok(ours) = subject.parse() {
        return Ok(ours);
    }
    if subject.is_empty() {
        return Err(serde::de::Error::custom("the subject is empty"));
    }
    let digest = Sha256::new().chain_update(b"ticketing subject v1").chain_update(subject.as_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ok(UserId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid()))
}

/// Issues and checks access tokens. No look-up: a token stands for itself until it expires.
pub struct AccessTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    header: Header,
    ttl_seconds: u32,
    clock: Arc<dyn Clock>,
}

impl AccessTokens {
    /// Tokens signed with `secret` that live `ttl_seconds`.
    pub fn new(secret: &[u8], ttl_seconds: u32, clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            header: Header::new(Algorithm::HS256),
            ttl_seconds,
            clock,
        }
    }

    /// A token for `user`.
    ///
    /// # Errors
    /// When it cannot be signed, which is a defect.
    pub fn issue(&self, user: User) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.clock.now();
        let seconds = |at: Timestamp| at.micros().div_euclid(1_000_000);
        let claims = Issued {
            sub: user.id,
            role: user.role,
            iss: ISSUER,
            aud: AUDIENCE,
            iat: seconds(now),
            exp: seconds(now.plus_seconds(self.ttl_seconds)),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding)
    }

    /// Whom a token names; `None` when it is not ours, or not any more.
    pub fn verify(&self, token: &str) -> Option<User> {
        self.verify_until(token).map(|(user, _)| user)
    }

    /// Whom a token names, and until when.
    pub(crate) fn verify_until(&self, token: &str) -> Option<(User, Timestamp)> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let token = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        let Claims { sub: id, role, exp } = token.claims;
        Some((User { id, role }, Timestamp::from_micros((exp * 1_000_000.0) as i64)))
    }

    /// How long a token lives.
    pub fn ttl_seconds(&self) -> u32 {
        self.ttl_seconds
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessTokens({} s)", self.ttl_seconds)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use ticketing_core::clock::SystemClock;
    use uuid::Uuid;

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn tokens() -> AccessTokens {
        AccessTokens::new(SECRET, 900, Arc::new(SystemClock::new()))
    }

    fn now() -> i64 {
        SystemClock::new().now().micros() / 1_000_000
    }

    fn claims() -> Value {
        let user = UserId::from_uuid(Uuid::from_u128(7));
        json!({"sub": user, "role": "USER", "iss": "ticketing", "aud": "ticketing-api", "iat": now(), "exp": now() + 60})
    }

    fn signed(algorithm: Algorithm, secret: &[u8], claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    #[track_caller]
    fn check_refused(name: &str, value: Value) {
        let mut claims = claims();
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
        };
        assert_eq!(tokens().verify(&signed(Algorithm::HS256, SECRET, &claims)), None, "{claims}");
    }

    #[test]
    fn a_token_tells_until_when_it_is_good_to_fractions_of_a_second() {
        let mut claims = claims();
        let exp = now() as f64 + 60.25;
        claims["exp"] = json!(exp);
        let (_, until) = tokens().verify_until(&signed(Algorithm::HS256, SECRET, &claims)).unwrap();
        assert_eq!(until.micros(), (exp * 1_000_000.0) as i64);
    }

    #[test]
    fn a_token_names_whom_it_was_issued_to() {
        let user = User { id: UserId::from_uuid(Uuid::from_u128(7)), role: Role::Staff };
        let token = tokens().issue(user).unwrap();
        assert_eq!(tokens().verify(&token), Some(user));
        assert!(tokens().verify(&signed(Algorithm::HS256, SECRET, &claims())).is_some());
    }

    #[test]
    fn a_subject_that_only_its_issuer_knows_is_somebody_and_the_same_one_each_time() {
        let whom = |subject: &str| {
            let claims =
                json!({"sub": subject, "role": "USER", "iss": "ticketing", "aud": "ticketing-api", "exp": now() + 60});
            tokens().verify(&signed(Algorithm::HS256, SECRET, &claims)).unwrap().id
        };
        assert_eq!(whom("auth0|abc"), whom("auth0|abc"));
        assert_ne!(whom("auth0|abc"), whom("auth0|abd"));
        let ours = UserId::from_uuid(Uuid::from_u128(7));
        assert_eq!(whom(&ours.to_string()), ours);
    }

    #[test]
    fn every_claim_must_be_there_and_hold() {
        for name in ["sub", "role", "iss", "aud", "exp"] {
            check_refused(name, Value::Null);
        }
        check_refused("exp", json!(now() - 1));
        check_refused("nbf", json!(now() + 60));
        check_refused("iss", json!("somebody"));
        check_refused("aud", json!("something"));
        check_refused("role", json!("ROOT"));
        check_refused("sub", json!(""));
        check_refused("sub", json!(7));
    }

    #[test]
    fn another_secret_another_algorithm_or_no_signature_is_refused() {
        let refused = |token: &str| assert_eq!(tokens().verify(token), None, "{token}");
        refused(&signed(Algorithm::HS256, b"another secret of at least 32 bytes", &claims()));
        refused(&signed(Algorithm::HS384, SECRET, &claims()));
        refused(&signed(Algorithm::HS512, SECRET, &claims()));
        let good = signed(Algorithm::HS256, SECRET, &claims());
        let mut parts = good.split('.');
        let (header, payload) = (parts.next().unwrap(), parts.next().unwrap());
        refused(&format!("{header}.{payload}."));
        // {"alg":"none"}
        refused(&format!("eyJhbGciOiJub25lIn0.{payload}."));
        refused("");
        refused(&"a".repeat(TOKEN_BYTES_MAX + 1));
    }
}
