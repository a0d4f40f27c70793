//! Bodies that are not what they should be.

use fastrand::Rng;
use serde_json::Value;

use super::{Attack, Operation, noise};

/// Deeper than any reader goes along.
const DEEP: usize = 100_000;
const JSON: &str = "content-type: application/json\r\n";
const BREAKS_OFF: &str = "a body that breaks off";
const CHUNKS_BREAK_OFF: &str = "chunks that break off";
const ENDLESS: [&str; 2] = [BREAKS_OFF, CHUNKS_BREAK_OFF];
/// Stands for what is put into a body that serde would not write.
const PLACE: &str = "the place";

/// Every kind of them.
pub fn all(rng: &mut Rng, operation: &Operation, token: Option<&str>) -> Vec<Attack> {
    let example = operation.example.clone().expect("asked for what takes a body alone");
    let whole = example.to_string();
    let mut sent = malformed(rng, &example);
    let max = operation.body_bytes_max();
    let fill = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "a".repeat(bytes)).into_bytes();
    sent.push(("a body over its bound", fill(max)));
    let mut made: Vec<(&str, Vec<u8>, Vec<u8>)> = sent
        .into_iter()
        .map(|(name, body)| (name, [JSON.as_bytes(), length(&body).as_bytes()].concat(), body))
        .collect();
    let headed = |head: &str| [JSON, head, "\r\n"].concat().into_bytes();
    let chunked = headed("transfer-encoding: chunked");
    let chunk = |text: &[u8]| [format!("{:x}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat();
    made.push((
        "a body over its bound in chunks",
        chunked.clone(),
        [chunk(&fill(max)), b"0\r\n\r\n".to_vec()].concat(),
    ));
    made.push(("a body of endless length", headed("content-length: 9223372036854775807"), fill(100)));
    for (name, body) in [
        ("a chunk's size that is no number", b"zzz\r\n{}\r\n0\r\n\r\n".to_vec()),
        ("a chunk's size beyond all numbers", b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n".to_vec()),
        ("a chunk's size below zero", b"-2\r\n{}\r\n0\r\n\r\n".to_vec()),
        ("a chunk that is longer than it says", b"1\r\n{}{}{}\r\n0\r\n\r\n".to_vec()),
        ("a chunk's extension without end", [b"2;".to_vec(), vec![b'x'; 40_000]].concat()),
        ("a flood of trailers", [chunk(b"{"), b"0\r\n".to_vec(), b"x-trailer: x\r\n".repeat(5_000)].concat()),
        (CHUNKS_BREAK_OFF, chunk(b"{")),
        ("noise for chunks", noise(rng, 300)),
    ] {
        made.push((name, chunked.clone(), body));
    }
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/\u{ff}json"]
    {
        let head = format!("content-type: {kind}\r\n{}", length(whole.as_bytes()));
        made.push(("a body of another type", head.into_bytes(), whole.clone().into_bytes()));
    }
    made.push(("a body without a type", length(whole.as_bytes()).into_bytes(), whole.clone().into_bytes()));
    let packed = noise(rng, 200);
    made.push((
        "a body that is packed",
        headed(&format!("content-encoding: gzip\r\ncontent-length: {}", packed.len())),
        packed,
    ));
    made.push((BREAKS_OFF, headed("content-length: 5000"), b"{".to_vec()));
    let target = operation.target(rng);
    // Whatever a token that nobody issued has for characters, there is nothing to end.
    let ends_nothing = |name: &str| operation.path == "/api/auth/logout" && name == "NUL in a text";
    let attack = |(name, head, body): (&'static str, Vec<u8>, Vec<u8>)| {
        let bytes = operation.request(&target, token, &head, &body);
        // Of these, the server would wait for the rest.
        let half_close = ENDLESS.contains(&name);
        Attack { name, bytes, half_close, harmless: ends_nothing(name) }
    };
    made.into_iter().map(attack).collect()
}

fn length(body: &[u8]) -> String {
    format!("content-length: {}\r\n", body.len())
}

fn malformed(rng: &mut Rng, example: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let whole = example.to_string().into_bytes();
    let cut = whole[..rng.usize(1..whole.len())].to_vec();
    let nested = |open: &str, depth: usize| open.repeat(depth).into_bytes();
    let numbers =
        ["1e400", "-1e400", "1e-400", "99999999999999999999999999", "-9223372036854775809", "1.5", "NaN", "-", "01"];
    let texts: [&[u8]; 6] =
        [b"\"\xff\xfe\"", b"\"\xc0\x80\"", b"\"\xed\xa0\x80\"", b"\"\\ud800\"", b"\"a\0b\"", b"\"\\x00\""];
    let mut bodies = vec![
        ("nothing", Vec::new()),
        ("blanks", b" \r\n\t ".to_vec()),
        ("JSON that breaks off", cut),
        ("noise", noise(rng, 500)),
        ("something behind the body", [&whole[..], b" {}"].concat()),
        ("a mark in front of the body", [b"\xef\xbb\xbf", &whole[..]].concat()),
        ("UTF-16", String::from_utf8_lossy(&whole).encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("100,000 brackets", nested("[", DEEP)),
        ("100,000 objects", nested("{\"a\":", DEEP)),
        ("5,000 brackets", nested("[", 5_000)),
        ("3,000 objects", nested("{\"a\":", 3_000)),
        ("brackets in a field", replace(rng, example, &nested("[", 3_000))),
        ("a field of the wrong type", replace(rng, example, b"[[]]")),
        ("a member twice", twice(rng, example)),
        ("a list", [b"[", &whole[..], b"]"].concat()),
        ("a text", b"\"text\"".to_vec()),
        ("a number", b"1e400".to_vec()),
        ("null", b"null".to_vec()),
    ];
    for number in numbers {
        bodies.push(("an absurd number", replace(rng, example, format!("[{number}]").as_bytes())));
        bodies.push(("an absurd number", number_in(rng, example, number)));
    }
    bodies.extend(texts.map(|text| ("a text that is none", replace(rng, example, text))));
    bodies.extend((0..places(example)).map(|place| ("NUL in a text", replaced(example, place, b"\"a\\u0000b\""))));
    bodies
}

/// The example with raw JSON in place of one of its values.
fn replace(rng: &mut Rng, example: &Value, raw: &[u8]) -> Vec<u8> {
    replaced(example, rng.usize(..places(example)), raw)
}

fn replaced(example: &Value, place: usize, raw: &[u8]) -> Vec<u8> {
    let (mut marked, mut left) = (example.clone(), place);
    mark(&mut marked, &mut left);
    let text = marked.to_string();
    let (before, behind) = text.split_once(&format!("\"{PLACE}\"")).expect("one value is marked");
    [before.as_bytes(), raw, behind.as_bytes()].concat()
}

/// An absurd number where a number stands, or a text, which takes none.
fn number_in(rng: &mut Rng, example: &Value, number: &str) -> Vec<u8> {
    replace(rng, example, number.as_bytes())
}

/// One member of the example once more.
fn twice(rng: &mut Rng, example: &Value) -> Vec<u8> {
    let members = example.as_object().expect("an example is an object");
    let (name, value) = members.iter().nth(rng.usize(..members.len())).expect("an example has members");
    let text = example.to_string();
    format!("{},\"{name}\":{value}}}", text.strip_suffix('}').expect("it is an object")).into_bytes()
}

/// How many values there are to replace.
fn places(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(places).sum(),
        Value::Array(items) if !items.is_empty() => items.iter().map(places).sum(),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

/// Marks the value that has so many before it.
fn mark(value: &mut Value, before: &mut usize) -> bool {
    match value {
        Value::Object(members) => members.values_mut().any(|member| mark(member, before)),
        Value::Array(items) if !items.is_empty() => items.iter_mut().any(|item| mark(item, before)),
        _ if *before == 0 => {
            *value = Value::String(PLACE.to_owned());
            true
        }
        _ => {
            *before -= 1;
            false
        }
    }
}
