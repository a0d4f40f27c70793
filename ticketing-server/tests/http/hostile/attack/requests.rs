//! Heads that no server can read, and such as no client means.

use fastrand::Rng;

use super::{Attack, Operation, noise, segment};

/// Requests that are none: whatever they ask for, they do not get it.
pub fn unreadable(rng: &mut Rng, operation: &Operation, token: Option<&str>) -> Vec<Attack> {
    let target = operation.target(rng);
    let method = &operation.method;
    let line = |line: &[u8]| [line, b"\r\nhost: x\r\nconnection: close\r\n\r\n"].concat();
    let text = |text: String| line(text.as_bytes());
    let with = |header: &[u8]| operation.request(&target, token, header, b"");
    let (junk, flood) = (rng.usize(1..400), rng.usize(101..2_000));
    let many = |count: usize| (0..count).flat_map(|n| format!("x-{n}: {n}\r\n").into_bytes()).collect::<Vec<_>>();
    let huge = |len: usize| [b"x-huge: ".to_vec(), vec![b'h'; len], b"\r\n".to_vec()].concat();
    let made = [
        ("a garbled request line", line(&[b"\x01".to_vec(), noise(rng, junk)].concat())),
        ("no method", text(format!(" {target} HTTP/1.1"))),
        ("a method that is none", text(format!("G@T({method} {target} HTTP/1.1"))),
        ("a method in lower case", text(format!("{} {target} HTTP/1.1", method.to_lowercase()))),
        ("a method of 10,000 characters", text(format!("{} {target} HTTP/1.1", "M".repeat(10_000)))),
        ("NUL in the method", text(format!("{method}\0 {target} HTTP/1.1"))),
        ("NUL in the target", text(format!("{method} {target}\0 HTTP/1.1"))),
        ("a target with a space", text(format!("{method} {target} x HTTP/1.1"))),
        ("a target without a slash", text(format!("{method} x{target} HTTP/1.1"))),
        ("a target of 70,000 characters", text(format!("{method} {target}/{} HTTP/1.1", "t".repeat(70_000)))),
        ("a version that is none", text(format!("{method} {target} HTTP/9.9"))),
        ("another protocol", text(format!("{method} {target} RTSP/1.0"))),
        ("a line end too few", format!("{method} {target} HTTP/1.1 host: x\r\n\r\n").into_bytes()),
        ("a header without a colon", with(b"no colon here\r\n")),
        ("a header without a name", with(b": value\r\n")),
        ("a header's name with a space", with(b"x header: value\r\n")),
        ("a header's name with NUL", with(b"x\0header: value\r\n")),
        ("a header's value with NUL", with(b"x-header: va\0lue\r\n")),
        ("a header's value with a line end", with(b"x-header: va\rlue\r\n")),
        ("a header that is folded", with(b"x-header: a\r\n b\r\n")),
        ("a flood of headers", with(&many(flood))),
        ("more headers than fit", with(&many(10_000))),
        ("one huge header", with(&huge(70_000))),
        ("one header of a megabyte", with(&huge(1 << 20))),
        ("a length that is no number", with(b"content-length: abc\r\n")),
        ("a length below zero", with(b"content-length: -1\r\n")),
        ("a length beyond all numbers", with(b"content-length: 99999999999999999999\r\n")),
        ("two lengths", with(b"content-length: 1\r\ncontent-length: 2\r\n")),
        ("a transfer coding nobody knows", with(b"transfer-encoding: rot13\r\n")),
        ("a transfer coding in front of none", with(b"transfer-encoding: chunked, rot13\r\n")),
    ];
    made.into_iter().map(|(name, bytes)| Attack { name, bytes, half_close: false, harmless: false }).collect()
}

/// Requests that can be read, and make no sense: a read may be answered as if it had not been said.
pub fn absurd(rng: &mut Rng, operation: &Operation, token: Option<&str>) -> Vec<Attack> {
    // A write shall have something wrong with it, whatever becomes of the rest.
    let json: &[u8] = if operation.example.is_some() { b"content-type: application/json\r\n" } else { b"" };
    let body: &[u8] = if operation.example.is_some() { b"{\"" } else { b"" };
    let length = format!("content-length: {}\r\n", body.len());
    let with = |target: &str, token: Option<&str>, header: &[u8]| {
        operation.request(target, token, &[json, length.as_bytes(), header].concat(), body)
    };
    let mut made = Vec::new();
    for _ in 0..3 {
        let target = format!("{}?{}", operation.target(rng), query(rng, &operation.parameters));
        made.push(("an absurd query", with(&target, token, b"")));
    }
    let target = operation.target(rng);
    let further = format!("{target}/{}", segment(rng));
    made.push(("a path that goes on", with(&further, token, b"")));
    made.push(("a path of slashes", with(&format!("//{target}//"), token, b"")));
    made.push(("an address of elsewhere", with(&format!("http://example.com:1{target}"), token, b"")));
    let long = format!("authorization: Bearer {}\r\n", "e".repeat(8_000));
    made.push(("a token of 8,000 characters", with(&target, None, long.as_bytes())));
    made.push(("a token of noise", with(&target, None, &header(rng, "authorization: Bearer "))));
    made.push(("a token that nobody signed", with(&target, None, UNSIGNED)));
    for name in HEADERS {
        made.push(("noise in a header", with(&target, token, &header(rng, &format!("{name}: ")))));
    }
    let harmless = operation.is_safe();
    made.into_iter().map(|(name, bytes)| Attack { name, bytes, half_close: false, harmless }).collect()
}

/// Signed with `none`, which is no signature.
const UNSIGNED: &[u8] =
    b"authorization: Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1c2VyXzAiLCJyb2xlIjoiQURNSU4ifQ.\r\n";

/// Headers that mean something to the server.
const HEADERS: [&str; 11] = [
    "queue-token",
    "idempotency-key",
    "traceparent",
    "x-forwarded-for",
    "if-none-match",
    "accept-encoding",
    "ticketing-signature",
    "origin",
    "range",
    "expect",
    "upgrade",
];

/// A header whose value is noise, as far as a value can be.
fn header(rng: &mut Rng, name: &str) -> Vec<u8> {
    let len = rng.usize(1..300);
    let value: Vec<u8> =
        noise(rng, len).into_iter().map(|byte| if byte < 0x20 || byte == 0x7f { 0xfe } else { byte }).collect();
    [name.as_bytes(), &value, b"\r\n"].concat()
}

fn query(rng: &mut Rng, names: &[String]) -> String {
    let others = ["limit", "cursor", "token", "since", "status", "x"].map(str::to_owned);
    let names = if names.is_empty() || rng.u8(..4) == 0 { &others } else { names };
    let values: [&str; 16] = [
        "%00",
        "a%00b",
        "%ff%fe",
        "-1",
        "0",
        "1e400",
        "99999999999999999999999",
        "%F0%9F%92%A9",
        "%27%3B%20DROP%20TABLE%20holds%3B--",
        "[[[[[[",
        "%",
        "%u0000",
        "",
        "null",
        "..%2f..%2f",
        "0x7fffffffffffffff",
    ];
    let name = &names[rng.usize(..names.len())];
    let value = values[rng.usize(..values.len())];
    match rng.u8(..8) {
        0 => format!("{name}={}", "v".repeat(rng.usize(300..30_000))),
        1 => format!("{name}={value}&{name}={value}"),
        2 => (0..2_000).map(|n| format!("{name}{n}=&")).collect(),
        3 => "&&==&%%%&=".to_owned(),
        _ => format!("{name}={value}"),
    }
}
