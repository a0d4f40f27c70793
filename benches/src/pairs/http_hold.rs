//! P1: holds over HTTP against a bare axum server that echoes a small JSON object.

use std::{path::Path, time::Duration};

use crate::{
    Failure, http,
    report::{Pair, Target},
    server::{Server, Small},
    shop::Shop,
};

const CONNECTIONS: usize = 256;
const HOLDS_PER_CONNECTION: usize = 160;
const ECHO_FOR: Duration = Duration::from_secs(3);

/// Measures so many `turns` of each, on a server over the database `file`.
///
/// # Errors
/// When anything is refused.
pub async fn measure(file: &Path, turns: usize) -> Result<Pair, Failure> {
    let mut pair = Pair {
        id: "P1",
        what: format!("HTTP hold, SQLite, {CONNECTIONS} connections / bare axum POST"),
        unit: "requests/s",
        subject: Vec::new(),
        reference: Vec::new(),
        target: Target::RatioAtLeast(0.25),
    };
    let (ticketing, bare) = (Server::ticketing(file).await?, Server::bare().await?);
    let echo = http::request("POST", "/echo", &[], Some(&serde_json::to_string(&Small::example())?));
    for _ in 0..turns {
        let shop = Shop::open(ticketing.address).await?;
        let holds = shop.admitted(CONNECTIONS, HOLDS_PER_CONNECTION).await?;
        pair.subject.push(http::drain(ticketing.address, 201, holds).await?);
        pair.reference.push(http::repeat(bare.address, CONNECTIONS, 200, &echo, ECHO_FOR).await?);
    }
    ticketing.stop().await?;
    bare.stop().await?;
    Ok(pair)
}
