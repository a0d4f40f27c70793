//! P5: reads of a session, and of an event's sessions, against a bare axum GET.

use std::{path::Path, time::Duration};

use crate::{
    Failure, http,
    report::{Pair, Target},
    server::Server,
    shop::Shop,
};

const CONNECTIONS: usize = 256;
const READ_FOR: Duration = Duration::from_secs(3);

/// Measures so many `turns` of each, on a server over the database `file`.
///
/// # Errors
/// When anything is refused.
pub async fn measure(file: &Path, turns: usize) -> Result<Vec<Pair>, Failure> {
    let (ticketing, bare) = (Server::ticketing(file).await?, Server::bare().await?);
    let shop = Shop::open(ticketing.address).await?;
    let paths = [
        ("GET one session", format!("/api/sessions/{}", shop.session_id)),
        ("GET the sessions of an event", format!("/api/events/{}/sessions", shop.event_id)),
    ];
    let reference = http::request("GET", "/json", &[], None);
    let mut pairs = Vec::new();
    for (what, path) in paths {
        let mut pair = Pair {
            id: "P5",
            what: format!("{what}, {CONNECTIONS} connections / bare axum GET"),
            unit: "requests/s",
            subject: Vec::new(),
            reference: Vec::new(),
            target: Target::RatioAtLeast(0.70),
        };
        let read = http::request("GET", &path, &[], None);
        for _ in 0..turns {
            pair.subject.push(http::repeat(ticketing.address, CONNECTIONS, 200, &read, READ_FOR).await?);
            pair.reference.push(http::repeat(bare.address, CONNECTIONS, 200, &reference, READ_FOR).await?);
        }
        pairs.push(pair);
    }
    ticketing.stop().await?;
    bare.stop().await?;
    Ok(pairs)
}
