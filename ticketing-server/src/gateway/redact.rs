//! Callback payloads are kept for the books; card data is not.
//!
//! Members named like card data go altogether, and whatever else looks like a card number, by its
//! length and its check digit (ISO/IEC 7812), keeps its last four digits only, as PCI DSS allows.

use std::ops::Range;

use serde_json::Value;

/// Names of members that are never kept, in lower case and without separators.
const CARD_MEMBERS: [&str; 31] = [
    "cardcvc",
    "cardcvv",
    "cardexpiry",
    "cardexpirydate",
    "cardholder",
    "cardholdername",
    "cardno",
    "cardnum",
    "cardnumber",
    "cardpan",
    "cardsecuritycode",
    "cid",
    "csc",
    "cvc",
    "cvc2",
    "cvv",
    "cvv2",
    "exp",
    "expdate",
    "expirationdate",
    "expiry",
    "expirydate",
    "expirymonth",
    "expiryyear",
    "expmonth",
    "expyear",
    "pan",
    "pin",
    "primaryaccountnumber",
    "securitycode",
    "validthru",
];
/// Digits of a card number.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// Digits that stay.
const DIGITS_KEPT: usize = 4;

/// `payload` without card data: as received, to the letter, when there is none in it.
///
/// # Errors
/// When it is not JSON.
pub fn without_card_data(payload: &str) -> Result<String, serde_json::Error> {
    let mut value = serde_json::from_str(payload)?;
    let stripped = strip_members(&mut value);
    // An escape may hide a digit, and a repeated member may hide behind its last value: what is
    // written anew from the parsed value has neither.
    if !stripped && !payload.contains('\\') && card_numbers(payload).next().is_none() {
        return Ok(payload.to_owned());
    }
    mask_numbers(&mut value);
    Ok(value.to_string())
}

fn strip_members(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => {
            let before = members.len();
            members.retain(|name, _| !is_card_member(name));
            let mut stripped = members.len() < before;
            for member in members.values_mut() {
                stripped |= strip_members(member);
            }
            stripped
        }
        Value::Array(items) => items.iter_mut().fold(false, |stripped, item| strip_members(item) | stripped),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_card_member(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    CARD_MEMBERS.contains(&plain.as_str())
}

fn mask_numbers(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let named = std::mem::take(members);
            members.extend(named.into_iter().map(|(name, mut member)| {
                mask_numbers(&mut member);
                (mask(&name).unwrap_or(name), member)
            }));
        }
        Value::Array(items) => items.iter_mut().for_each(mask_numbers),
        Value::String(text) => {
            if let Some(masked) = mask(text) {
                *text = masked;
            }
        }
        Value::Number(number) => {
            if let Some(masked) = mask(&number.to_string()) {
                *value = Value::String(masked);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// `text` with its card numbers masked; `None` when it has none.
fn mask(text: &str) -> Option<String> {
    let mut found = card_numbers(text).peekable();
    found.peek()?;
    let mut bytes = text.as_bytes().to_vec();
    for range in found {
        let digits = range.clone().filter(|at| text.as_bytes()[*at].is_ascii_digit());
        let hidden = digits.clone().count() - DIGITS_KEPT;
        digits.take(hidden).for_each(|at| bytes[at] = b'*');
    }
    // Only ASCII digits gave way to ASCII stars.
    String::from_utf8(bytes).ok()
}

/// Where `text` has a card number: digits, with single spaces or hyphens between them, that stand
/// by themselves and whose last one is the check digit.
fn card_numbers(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let run = digit_run(bytes, at);
            if run.is_empty() {
                at += 1;
                continue;
            }
            at = run.end;
            let beside = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            let alone =
                !beside(run.start.checked_sub(1).and_then(|before| bytes.get(before))) && !beside(bytes.get(run.end));
            if alone && is_card_number(&bytes[run.clone()]) {
                return Some(run);
            }
        }
        None
    })
}

/// The longest run of digits from `start` on, with single separators inside.
fn digit_run(bytes: &[u8], start: usize) -> Range<usize> {
    let mut end = start;
    loop {
        match bytes.get(end) {
            Some(b'0'..=b'9') => end += 1,
            Some(b' ' | b'-') if end > start && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) => end += 1,
            _ => return start..end,
        }
    }
}

fn is_card_number(run: &[u8]) -> bool {
    let digits = || run.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
    let luhn = |sum: u32, (place, digit): (usize, u32)| {
        let doubled = if place % 2 == 1 { digit * 2 } else { digit };
        sum + doubled / 10 + doubled % 10
    };
    CARD_DIGITS.contains(&digits().count())
        && digits().rev().enumerate().fold(0, luhn) % 10 == 0
        && digits().any(|digit| digit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, kept: &str) {
        assert_eq!(without_card_data(payload).unwrap(), kept);
    }

    #[test]
    fn a_payload_without_card_data_is_kept_to_the_letter() {
        for payload in [
            r#"{"pgPaymentId":"pg_1",  "status":"SUCCESS","amount":55000,"approvedAt":"2026-01-02T03:04:05Z"}"#,
            r#"{"pgPaymentId":"pg_41111111111111110000000000000000","phone":"010-1234-5678"}"#,
            r#"{"pgPaymentId":"pg_1","note":"4111111111111112","expiresAt":"2026-01-02T03:04:05Z","pancake":1}"#,
        ] {
            check(payload, payload);
        }
    }

    #[test]
    fn members_named_like_card_data_go_at_every_depth() {
        check(
            r#"{"pgPaymentId":"pg_1","card":{"card_number":"x","CVC":1,"Exp-Month":2,"brand":"visa"},"list":[{"PAN":"y"}]}"#,
            r#"{"card":{"brand":"visa"},"list":[{}],"pgPaymentId":"pg_1"}"#,
        );
    }

    #[test]
    fn whatever_looks_like_a_card_number_keeps_its_last_four_digits() {
        check(r#"{"a":"paid with 4111 1111 1111 1111."}"#, r#"{"a":"paid with **** **** **** 1111."}"#);
        check(r#"{"a":"5500-0000-0000-0004"}"#, r#"{"a":"****-****-****-0004"}"#);
        check(r#"{"a":378282246310005}"#, r#"{"a":"***********0005"}"#);
        check(r#"{"4111111111111111":1}"#, r#"{"************1111":1}"#);
    }

    #[test]
    fn an_escape_or_a_repeated_member_hides_nothing() {
        check(r#"{"a":"\u0034111111111111111"}"#, r#"{"a":"************1111"}"#);
        check(r#"{"a":"4111111111111111","a":"b"}"#, r#"{"a":"b"}"#);
        check(r#"{"\u0070an":"z"}"#, "{}");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        assert!(without_card_data("pan=4111111111111111").is_err());
    }
}
