//! `Ticketing-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<raw body>")>`.
//!
//! The signed time keeps an old callback from being sent again by somebody else, several `v1` let
//! the sender, and two secrets the receiver, change the secret without a gap.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use ticketing_core::clock::{Clock, Timestamp};

/// The header's name, as [`http::HeaderMap`] spells it.
pub const HEADER: &str = "ticketing-signature";
/// How far the signed time may lie from the present, either way, in seconds.
pub const TOLERANCE_SECONDS: u64 = 300;
/// Most `v1` values looked at.
const SIGNATURES_MAX: usize = 8;
/// Bytes of an HMAC-SHA256.
const MAC_LEN: usize = 32;

/// A signing secret. Never shown.
#[derive(Clone)]
pub struct SigningSecret(Hmac<Sha256>);

impl SigningSecret {
    /// A secret from its bytes; any length, 32 recommended.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    /// The header's value for `body`, signed at `at`.
    pub fn sign(&self, at: Timestamp, body: &[u8]) -> String {
        let seconds = unix_seconds(at);
        format!("t={seconds},v1={}", hex(&self.mac(&seconds.to_string(), body)))
    }

    /// The MAC of `message` alone, for names that only the holder of the secret can make.
    pub(super) fn name(&self, message: &[u8]) -> [u8; MAC_LEN] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    fn mac(&self, seconds: &str, body: &[u8]) -> [u8; MAC_LEN] {
        let mut mac = self.0.clone();
        mac.update(seconds.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// Why a callback is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// There is no signature.
    #[error("the Ticketing-Signature header is missing")]
    Missing,
    /// The header is not of the form this module describes.
    #[error("the Ticketing-Signature header is malformed: expected `t=<unix seconds>,v1=<hex>`")]
    Malformed,
    /// No signature was made with a secret of ours over this time and this body.
    #[error("the signature does not match the body")]
    Mismatch,
    /// Genuine, but signed too long ago.
    #[error("the signature is older than {TOLERANCE_SECONDS} seconds")]
    TooOld,
    /// Genuine, but signed in the future.
    #[error("the signature's time lies more than {TOLERANCE_SECONDS} seconds ahead")]
    TooNew,
}

/// Checks callbacks against one secret, or two while the secret is being changed.
#[derive(Debug, Clone)]
pub struct Verifier {
    current: SigningSecret,
    previous: Option<SigningSecret>,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// A verifier that believes `current` and, while the secret is being changed, `previous`.
    pub fn new(current: SigningSecret, previous: Option<SigningSecret>, clock: Arc<dyn Clock>) -> Self {
        Self { current, previous, clock }
    }

    /// Checks the header's value against the raw body. Takes the same time wherever a signature
    /// differs.
    ///
    /// # Errors
    /// [`SignatureError`]; age is told only of a genuine signature.
    pub fn verify(&self, header: Option<&[u8]>, body: &[u8]) -> Result<(), SignatureError> {
        let header =
            std::str::from_utf8(header.ok_or(SignatureError::Missing)?).map_err(|_| SignatureError::Malformed)?;
        let header = Header::parse(header).ok_or(SignatureError::Malformed)?;
        let mut genuine = Choice::from(0);
        for secret in std::iter::once(&self.current).chain(&self.previous) {
            let expected = secret.mac(header.seconds_text, body);
            for signature in &header.signatures {
                genuine |= expected.ct_eq(signature);
            }
        }
        if !bool::from(genuine) {
            return Err(SignatureError::Mismatch);
        }
        let now = unix_seconds(self.clock.now());
        if now.abs_diff(header.seconds) <= TOLERANCE_SECONDS {
            Ok(())
        } else if header.seconds < now {
            Err(SignatureError::TooOld)
        } else {
            Err(SignatureError::TooNew)
        }
    }
}

struct Header<'a> {
    /// As written: the MAC covers these very characters.
    seconds_text: &'a str,
    seconds: i64,
    signatures: Vec<[u8; MAC_LEN]>,
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut seconds_text = None;
        let mut signatures = Vec::with_capacity(1);
        for element in text.split(',') {
            match element.trim().split_once('=')? {
                ("t", seconds) if seconds_text.is_none() => seconds_text = Some(seconds),
                ("t", _) => return None,
                ("v1", signature) if signatures.len() < SIGNATURES_MAX => signatures.push(unhex(signature)?),
                ("v1", _) => return None,
                // Schemes to come may stand beside the one known here.
                _ => {}
            }
        }
        let seconds_text = seconds_text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        let seconds = seconds_text.parse().ok()?;
        if signatures.is_empty() { None } else { Some(Self { seconds_text, seconds, signatures }) }
    }
}

fn unix_seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn unhex(text: &str) -> Option<[u8; MAC_LEN]> {
    let text = text.as_bytes();
    if text.len() != MAC_LEN * 2 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; MAC_LEN];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_SECONDS: i64 = 1_790_000_000;
    const BODY: &[u8] = br#"{"pgPaymentId":"pg_1","status":"SUCCESS"}"#;

    #[derive(Debug)]
    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            at(NOW_SECONDS)
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000 + 999_999)
    }

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::new(text.as_bytes())
    }

    #[track_caller]
    fn check(header: &str, expected: Result<(), SignatureError>) {
        let verifier = Verifier::new(secret("new"), Some(secret("old")), Arc::new(Stopped));
        assert_eq!(verifier.verify(Some(header.as_bytes()), BODY), expected, "{header}");
    }

    #[test]
    fn a_signature_is_the_hmac_of_time_dot_body() {
        // echo -n '1790000000.{"pgPaymentId":"pg_1","status":"SUCCESS"}' | openssl dgst -sha256 -hmac new
        let expected = "t=1790000000,v1=cc91f6664227850fca740c816c6272d13e1540927a66639149dc69f0866341f1";
        assert_eq!(secret("new").sign(at(NOW_SECONDS), BODY), expected);
    }

    #[test]
    fn either_secret_and_any_of_several_signatures_is_believed() {
        check(&secret("new").sign(at(NOW_SECONDS), BODY), Ok(()));
        let old = secret("old").sign(at(NOW_SECONDS), BODY);
        check(&old, Ok(()));
        let (time, signature) = old.split_once(',').unwrap();
        check(&format!("{time}, v1={}, {signature}, v2=abc", "0".repeat(64)), Ok(()));
        check(&old.to_uppercase().replace('T', "t").replace('V', "v"), Ok(()));
    }

    #[test]
    fn another_secret_another_body_or_another_time_is_a_mismatch() {
        check(&secret("third").sign(at(NOW_SECONDS), BODY), Err(SignatureError::Mismatch));
        check(&secret("new").sign(at(NOW_SECONDS), b"{}"), Err(SignatureError::Mismatch));
        let moved = secret("new").sign(at(NOW_SECONDS), BODY).replace("t=1790000000", "t=1790000001");
        check(&moved, Err(SignatureError::Mismatch));
        let only_current = Verifier::new(secret("new"), None, Arc::new(Stopped));
        let old = secret("old").sign(at(NOW_SECONDS), BODY);
        assert_eq!(only_current.verify(Some(old.as_bytes()), BODY), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_genuine_signature_is_believed_for_five_minutes_either_way() {
        let signed = |seconds| secret("new").sign(at(seconds), BODY);
        check(&signed(NOW_SECONDS - 300), Ok(()));
        check(&signed(NOW_SECONDS + 300), Ok(()));
        check(&signed(NOW_SECONDS - 301), Err(SignatureError::TooOld));
        check(&signed(NOW_SECONDS + 301), Err(SignatureError::TooNew));
    }

    #[test]
    fn a_missing_and_a_malformed_header_are_told_apart() {
        let verifier = Verifier::new(secret("new"), None, Arc::new(Stopped));
        assert_eq!(verifier.verify(None, BODY), Err(SignatureError::Missing));
        assert_eq!(verifier.verify(Some(b"t=\xff"), BODY), Err(SignatureError::Malformed));
        let mac = "0".repeat(64);
        let many = format!("t=1790000000{}", format!(",v1={mac}").repeat(9));
        for bad in [
            "",
            "t",
            "t=1790000000",
            &format!("v1={mac}"),
            &format!("t=,v1={mac}"),
            &format!("t=-5,v1={mac}"),
            &format!("t=+5,v1={mac}"),
            &format!("t=99999999999999999999,v1={mac}"),
            &format!("t=1790000000,t=1790000000,v1={mac}"),
            "t=1790000000,v1=",
            "t=1790000000,v1=zz",
            &format!("t=1790000000,v1={}", "é".repeat(32)),
            &many,
        ] {
            check(bad, Err(SignatureError::Malformed));
        }
    }
}
