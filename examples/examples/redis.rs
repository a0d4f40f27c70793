//! A shop on Redis alone: no database, and as durable as the server's log.
//!
//! `TICKETING_REDIS_URL=redis://localhost cargo run -p ticketing-examples --example redis`

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::{env, error::Error, sync::Arc};

use futures_util::future::join_all;
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    engine::{HoldRequest, Keys, NewEvent, NewSession},
    hold::Wanted,
    ids::{SessionId, UserId},
    money::{Currency, Money},
    store::Durability,
};
use ticketing_examples::CashDesk;
use ticketing_store::{OpenOptions, Role, Secrets};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("TICKETING_REDIS_URL").map_err(|_| "TICKETING_REDIS_URL names no server")?;
    let keys = Secrets::load_or_create(&url)?.keys();
    let (held, survives) = sell(&url, keys).await?;
    println!("{held} of 12 buyers hold one of 10 tickets; what was acknowledged {survives}");
    Ok(())
}

/// Twelve buyers want ten tickets, every other one on the other node; how many hold one in the end, and what
/// becomes of that when the server crashes.
pub async fn sell(url: &str, keys: Keys) -> Result<(usize, &'static str), Box<dyn Error>> {
    let [one, other] = [node(url, &keys).await?, node(url, &keys).await?];
    let organiser = Caller::of(Actor::Operator);
    let event = one.create_event(organiser, NewEvent::published("Spring concert")).await?;
    let (doors, price) = ("2099-04-01T19:00:00+09:00".parse()?, Money::new(55_000, Currency::KRW));
    let session = one.create_session(organiser, NewSession::of(event.id, doors, 10, price)).await?.id;

    let buyers = (1..=12).map(|n| hold(if n % 2 == 0 { &one } else { &other }, session, n));
    let held = join_all(buyers).await.into_iter().filter(Result::is_ok).count();
    let survives = match one.store().durability() {
        Durability::Disk => "is on disk",
        Durability::Seconds => "is on disk within seconds",
        _ => "is in memory only: set `appendonly yes` and `appendfsync always`",
    };
    one.shutdown().await;
    other.shutdown().await;
    Ok((held, survives))
}

async fn node(url: &str, keys: &Keys) -> Result<Ticketing, Box<dyn Error>> {
    let store = ticketing_store::open(url, OpenOptions::new(Role::Server))?;
    store.migrate().await?;
    let engine = Ticketing::builder(store, keys.clone(), Arc::new(CashDesk)).build();
    engine.open_log().await?; // refuses a node with other keys
    engine.start_workers();
    Ok(engine)
}

/// The `n`-th buyer takes a place in the queue and holds a ticket, on whichever node answers.
async fn hold(node: &Ticketing, session: SessionId, n: u32) -> Result<(), Box<dyn Error>> {
    let buyer: UserId = format!("user_{n:032x}").parse()?;
    let queue_token = Some(node.join_queue(Caller::of(Actor::User(buyer)), session, buyer).await?.token);
    let one = HoldRequest::of(buyer, session, Wanted::Quantity(1), "cart-1".parse()?);
    node.hold(HoldRequest { queue_token, ..one }).await?;
    Ok(())
}
