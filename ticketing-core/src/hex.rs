//! Bytes of a fixed number as hexadecimal text, where records are written as JSON.

use std::fmt;

use serde::{Deserializer, Serializer, de};

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Longest array, in bytes.
const BYTES_MAX: usize = 32;

pub(crate) fn serialize<const N: usize, S: Serializer>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
    const { assert!(N <= BYTES_MAX) };
    let mut text = [0; 2 * BYTES_MAX];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    serializer.serialize_str(str::from_utf8(&text[..2 * N]).expect("digits are text"))
}

pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; N], D::Error> {
    deserializer.deserialize_str(Digits)
}

struct Digits<const N: usize>;

impl<const N: usize> de::Visitor<'_> for Digits<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hexadecimal digits", 2 * N)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; N], E> {
        let foreign = || E::invalid_value(de::Unexpected::Str(text), &self);
        if text.len() != 2 * N {
            return Err(foreign());
        }
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or_else(foreign);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).map_err(E::custom)?;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Two(#[serde(with = "super")] [u8; 2]);

    #[test]
    fn bytes_are_read_as_they_were_written_and_nothing_else_is() {
        assert_eq!(serde_json::to_string(&Two([0x0a, 0xff])).unwrap(), r#""0aff""#);
        assert_eq!(serde_json::from_str::<Two>(r#""0aff""#).unwrap(), Two([0x0a, 0xff]));
        for foreign in [r#""0af""#, r#""0aff00""#, r#""0ag0""#, "[10,255]"] {
            assert!(serde_json::from_str::<Two>(foreign).is_err(), "{foreign}");
        }
    }
}
