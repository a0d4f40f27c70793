//! What a hostile client sends: of every kind one, drawn at random.

mod bodies;
mod requests;
mod slowly;

use fastrand::Rng;
use serde_json::{Value, json};
use ticketing_server::{
    extract::{BODY_BYTES_MAX, SEATS_BYTES_MAX},
    openapi,
};

pub use self::slowly::{of_no_route, slow};

/// One exchange's worth of bytes.
#[derive(Debug)]
pub struct Attack {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    /// Nothing more is sent after `bytes`, and the server is told so.
    pub half_close: bool,
    /// What is wrong with it need not matter: a read may be answered all the same.
    pub harmless: bool,
}

/// An operation of the document.
#[derive(Debug)]
pub struct Operation {
    pub method: String,
    /// Its path, with its parameters in braces.
    pub path: String,
    /// The names of its query parameters.
    parameters: Vec<String>,
    /// An example of its body, if it takes one.
    example: Option<Value>,
    /// An event that is there.
    event: String,
}

impl Operation {
    /// Every operation that is served, over a shop with this `event`.
    pub fn all(event: &str) -> Vec<Self> {
        let paths = openapi::document()["paths"].as_object().unwrap();
        let of = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(|(method, operation)| Self::of(path, method, operation, event)).collect::<Vec<_>>()
        };
        let all: Vec<_> = paths.iter().flat_map(of).collect();
        assert!(all.len() > 40, "only {} operations", all.len());
        all
    }

    fn of(path: &str, method: &str, operation: &Value, event: &str) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|parameter| parameter["in"] == "query");
        let body = operation.get("requestBody").map(|body| &body["content"]["application/json"]["example"]);
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            parameters: parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect(),
            example: body
                .map(|example| if example.is_object() { example.clone() } else { json!({ "decision": "pay" }) }),
            event: event.to_owned(),
        }
    }

    /// Whether it only reads.
    fn is_safe(&self) -> bool {
        self.method == "GET"
    }

    /// Most bytes of its body.
    fn body_bytes_max(&self) -> usize {
        if self.path.ends_with("/seats") { SEATS_BYTES_MAX } else { BODY_BYTES_MAX }
    }

    /// Its path with names in it that are of nothing; but an event that is there, since a body is looked at
    /// before what the path names.
    fn target(&self, rng: &mut Rng) -> String {
        let zeros = "0".repeat(32);
        let parts =
            self.path.split('/').map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some("event_id") if self.example.is_some() => self.event.clone(),
                Some(name) if rng.bool() => format!("{}_{zeros}", name.trim_end_matches("_id")),
                Some(_) => segment(rng),
                None => part.to_owned(),
            });
        parts.collect::<Vec<_>>().join("/")
    }

    /// The head of a request, and what comes behind it.
    fn request(&self, target: &str, token: Option<&str>, headers: &[u8], body: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", self.method).into_bytes();
        if let Some(token) = token {
            bytes.extend_from_slice(format!("authorization: Bearer {token}\r\n").as_bytes());
        }
        // Without a key nothing else about a hold is looked at.
        bytes.extend_from_slice(b"idempotency-key: key\r\n");
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        bytes
    }
}

/// Every kind of attack on `operation` that is over at once.
pub fn all(rng: &mut Rng, operation: &Operation, token: Option<&str>) -> Vec<Attack> {
    let mut attacks = requests::unreadable(rng, operation, token);
    attacks.extend(requests::absurd(rng, operation, token));
    if operation.example.is_some() {
        attacks.extend(bodies::all(rng, operation, token));
    }
    attacks
}

/// A segment of a path that names nothing.
fn segment(rng: &mut Rng) -> String {
    let long = "a".repeat(rng.usize(300..8_000));
    let odd: [&str; 14] = [
        "%00",
        "%ff%fe",
        "%F0%9F%92%A9",
        "..%2f..%2f..%2fetc%2fpasswd",
        "null",
        "-1",
        "1e400",
        "%27%3B%20DROP%20TABLE%20holds%3B--",
        "%7B%7B7*7%7D%7D",
        "event_",
        "session_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "hold_0000000000000000000000000000000%30%00",
        "%",
        "%zz",
    ];
    if rng.u8(..8) == 0 { long } else { odd[rng.usize(..odd.len())].to_owned() }
}

/// Bytes that are no line end.
fn noise(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.u8(..)).map(|byte| if matches!(byte, b'\r' | b'\n') { 0xff } else { byte }).collect()
}
