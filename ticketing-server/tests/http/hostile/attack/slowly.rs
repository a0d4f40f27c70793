//! Clients that take their time, or stop.

use fastrand::Rng;

use super::{Operation, noise};

/// What is sent at once, and what byte by byte.
#[derive(Debug)]
pub struct Slow {
    pub name: &'static str,
    pub at_once: Vec<u8>,
    pub then: Vec<u8>,
    /// Whether the client then says that nothing more comes.
    pub half_close: bool,
    /// It may be answered as if nothing was wrong.
    pub harmless: bool,
}

impl Slow {
    fn new(name: &'static str, at_once: impl Into<Vec<u8>>, then: impl Into<Vec<u8>>) -> Self {
        Self { name, at_once: at_once.into(), then: then.into(), half_close: false, harmless: false }
    }

    fn half_closed(self) -> Self {
        Self { half_close: true, ..self }
    }

    fn harmless_if(self, harmless: bool) -> Self {
        Self { harmless, ..self }
    }
}

/// Every kind of slowness towards `operation`.
pub fn slow(rng: &mut Rng, operation: &Operation, token: Option<&str>) -> Vec<Slow> {
    let (target, safe) = (operation.target(rng), operation.is_safe());
    let whole = operation.request(&target, token, b"content-type: application/json\r\ncontent-length: 100\r\n", b"");
    let (first, rest) = whole.split_at(rng.usize(1..20));
    let part = &whole[..rng.usize(20..whole.len() - 2)];
    let begun = [&whole[..], b"{\""].concat();
    let before = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    vec![
        Slow::new("a head that stops", part, []),
        Slow::new("a head that breaks off", part, []).half_closed(),
        // Longer than anybody waits.
        Slow::new("a head byte by byte", first, [rest, &[b'x'; 100][..]].concat()),
        Slow::new("a body that stops", &*begun, []).harmless_if(safe),
        Slow::new("a body that breaks off", &*begun, []).half_closed().harmless_if(safe),
        Slow::new("a body byte by byte", &*begun, [b' '; 97]).harmless_if(safe),
        // The first one is answered.
        Slow::new("a second head that stops", [before, part].concat(), []).harmless_if(true),
        Slow::new("a request that is complete, and half closed", operation.request(&target, token, b"", b""), [])
            .half_closed()
            .harmless_if(safe),
    ]
}

/// Connections that never come to a request.
pub fn of_no_route(rng: &mut Rng) -> Vec<Slow> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    // A block of headers that goes on in frames that do not come.
    const HEADERS: &[u8] = &[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];
    const MANY_STREAMS: u32 = 5_000;
    let resets: Vec<u8> = (0..MANY_STREAMS)
        .flat_map(|n| {
            let stream = (2 * n + 1).to_be_bytes();
            let opened =
                [&[0, 0, 3, 1, 5, stream[0], stream[1], stream[2], stream[3]][..], &[0x82, 0x86, 0x84]].concat();
            [&opened[..], &[0, 0, 4, 3, 0], &stream, &[0, 0, 0, 8]].concat()
        })
        .collect();
    vec![
        Slow::new("silence", [], []),
        Slow::new("half a preface of HTTP/2", &PREFACE[..10], []),
        Slow::new("HTTP/2 and silence", [PREFACE, SETTINGS].concat(), []),
        Slow::new("HTTP/2 and noise", [PREFACE, &noise(rng, 2_000)].concat(), []),
        Slow::new("HTTP/2 and half a head", [PREFACE, SETTINGS, HEADERS].concat(), []),
        Slow::new("HTTP/2 and streams that are taken back", [PREFACE, SETTINGS, &resets].concat(), []),
        Slow::new(
            "a handshake of TLS",
            [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &noise(rng, 500)].concat(),
            [],
        ),
        Slow::new("another protocol", &b"SSH-2.0-OpenSSH_9.2\r\n"[..], []),
        Slow::new("line ends byte by byte", [], b"\r\n".repeat(50)),
        Slow::new("noise without an end", noise(rng, 200_000), []),
    ]
}
