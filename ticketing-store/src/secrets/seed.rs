//! The text of a ticket signing seed.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use secrecy::zeroize::Zeroizing;

/// The text is no seed. Repeats none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes in hex (64 digits) or base64")]
pub struct SeedError;

/// The ticket signing seed that `text` spells: 32 bytes in hex, or in base64 of any alphabet, padded or not.
///
/// # Errors
/// [`SeedError`] when it spells something else.
pub fn parse_seed(text: &str) -> Result<[u8; 32], SeedError> {
    if text.len() == 64 {
        return unhex(text).ok_or(SeedError);
    }
    let bytes = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|code| code.decode(text).ok());
    let bytes = bytes.map(Zeroizing::new).ok_or(SeedError)?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| SeedError)
}

pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let fits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !fits {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_read_in_hex_and_in_base64() {
        let seed: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
        for good in [
            &hex,
            &hex.to_uppercase(),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ] {
            assert_eq!(parse_seed(good), Ok(seed), "{good}");
        }
        assert_eq!(parse_seed(&"_".repeat(42).replacen('_', "-", 1)), Err(SeedError), "31 bytes and a half");
        assert!(parse_seed("-_8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").is_ok(), "the alphabet of URLs");
        for bad in ["", "zz", &"g".repeat(64), "AAECAwQF"] {
            assert_eq!(parse_seed(bad), Err(SeedError), "{bad}");
        }
    }
}
