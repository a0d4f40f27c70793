//! Sells two tickets, from an empty store to the strings in their QR codes.
//!
//! `cargo run -p ticketing-examples --example embed`, or with `-- sqlite://shop.db` behind it.

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::{env, error::Error, sync::Arc};

use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    engine::{CheckoutRequest, HoldRequest, NewEvent, NewSession},
    hold::Wanted,
    ids::UserId,
    money::{Currency, Money},
    payment::{CallbackReport, PaymentMethod},
};
use ticketing_examples::CashDesk;
use ticketing_store::{OpenOptions, Role, Secrets};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A store, and an engine over it. `sqlite://shop.db` keeps what it is told; its keys stand beside it.
    let url = env::args().nth(1).unwrap_or_else(|| "memory://".to_owned());
    let store = ticketing_store::open(&url, OpenOptions::new(Role::Server))?;
    store.migrate().await?;
    let engine = Ticketing::builder(store, Secrets::load_or_create(&url)?.keys(), Arc::new(CashDesk)).build();
    engine.open_log().await?;
    engine.start_workers();

    // The organiser puts a hundred tickets on sale.
    let organiser = Caller::of(Actor::Operator);
    let event = engine.create_event(organiser, NewEvent::published("Spring concert")).await?;
    let (doors, price) = ("2099-04-01T19:00:00+09:00".parse()?, Money::new(55_000, Currency::KRW));
    let session = engine.create_session(organiser, NewSession::of(event.id, doors, 100, price)).await?;

    // A buyer takes a place in the queue, sets two tickets aside, and pays.
    let buyer: UserId = "user_0190163d8a7b7c3e9a1b2c3d4e5f6071".parse()?;
    let queue_token = Some(engine.join_queue(Caller::of(Actor::User(buyer)), session.id, buyer).await?.token);
    let two = HoldRequest::of(buyer, session.id, Wanted::Quantity(2), "cart-1".parse()?);
    let hold = engine.hold(HoldRequest { queue_token, ..two }).await?.hold;
    let checkout = engine.checkout(CheckoutRequest::of(&hold, PaymentMethod::Card)).await?;
    let paid = CallbackReport::success(checkout.gateway.pg_payment_id);
    engine.payment_callback(Caller::of(Actor::Gateway), paid).await?;
    for ticket in engine.queries().tickets_of_order(checkout.order.id).await? {
        println!("{} {}", ticket.id, engine.ticket_code(&ticket));
    }
    engine.shutdown().await;
    Ok(())
}
