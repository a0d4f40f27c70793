//! P8: whole purchases over HTTP: queue token, hold, checkout, callback, tickets.

use std::path::Path;

use futures_util::future::try_join_all;
use serde_json::Value;
use ticketing_core::clock::{Clock, SystemClock};

use crate::{
    Failure,
    http::Connection,
    report::{Pair, Target},
    server::Server,
    shop::{Buyer, Shop, callback_request, field},
};

const CONNECTIONS: usize = 256;
const PURCHASES_PER_CONNECTION: usize = 40;

/// Measures so many `turns`, on a server over the database `file`.
///
/// # Errors
/// When anything is refused, or a purchase brings no ticket.
pub async fn measure(file: &Path, turns: usize) -> Result<Pair, Failure> {
    let mut pair = Pair {
        id: "P8",
        what: format!("whole purchase over HTTP, SQLite, {CONNECTIONS} connections"),
        unit: "purchases/s",
        subject: Vec::new(),
        reference: Vec::new(),
        target: Target::AtLeast(3_000.0),
    };
    let (ticketing, clock) = (Server::ticketing(file).await?, SystemClock::new());
    for _ in 0..turns {
        let shop = Shop::open(ticketing.address).await?;
        let buyers: Vec<Vec<Buyer>> =
            (0..CONNECTIONS).map(|_| (0..PURCHASES_PER_CONNECTION).map(|_| Buyer::new()).collect()).collect();
        let begun = clock.now();
        let clients = buyers.into_iter().map(|buyers| {
            tokio::spawn(async move {
                let mut connection = Connection::open(shop.address).await?;
                for buyer in buyers {
                    buy(&mut connection, &shop, &buyer).await?;
                }
                Ok::<_, Failure>(())
            })
        });
        for client in try_join_all(clients).await? {
            client?;
        }
        let count = (CONNECTIONS * PURCHASES_PER_CONNECTION) as f64;
        pair.subject.push(count / clock.now().since(begun).as_secs_f64());
    }
    ticketing.stop().await?;
    Ok(pair)
}

async fn buy(connection: &mut Connection, shop: &Shop, buyer: &Buyer) -> Result<(), Failure> {
    let token: String = field(connection.expect(201, &shop.join_request(buyer)).await?, "queueToken")?;
    let hold: String = field(connection.expect(201, &shop.hold_request(buyer, &token)).await?, "holdId")?;
    let payment: String = field(connection.expect(201, &buyer.checkout_request(&hold)).await?, "pgPaymentId")?;
    connection.expect(200, &callback_request(&payment)).await?;
    let tickets: Vec<Value> = field(connection.expect(200, &buyer.tickets_request()).await?, "items")?;
    if tickets.len() == 1 { Ok(()) } else { Err(format!("a purchase brought {} tickets", tickets.len()).into()) }
}
