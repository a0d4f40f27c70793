//! Sells one ticket, from an empty directory to the string in its QR code.
//!
//! `cargo run -p ticketing-examples --example embed`

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::{error::Error, sync::Arc};

use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    engine::{CheckoutRequest, HoldRequest, Keys, NewEvent, NewSession},
    event::EventStatus,
    hold::Wanted,
    ids::UserId,
    money::{Currency, Money},
    payment::{CallbackReport, CallbackStatus, PaymentMethod},
};
use ticketing_examples::CashDesk;
use ticketing_store::{OpenOptions, Role};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A store, and an engine over it. Real keys come from where you keep your secrets.
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite://{}", dir.path().join("shop.db").display());
    let store = ticketing_store::open(&url, OpenOptions::new(Role::Server))?;
    store.migrate().await?;
    let engine = Ticketing::builder(store, Keys::new(&[1; 32], &[2; 32], &[3; 32]), Arc::new(CashDesk)).build();

    // The organiser puts a hundred tickets on sale.
    let operator = Caller::of(Actor::Operator);
    let (title, venue) = ("Spring concert".to_owned(), "Main hall".to_owned());
    let event = NewEvent { title, venue, description: String::new(), status: EventStatus::Published };
    let event = engine.create_event(operator, event).await?;
    let (doors, price) = ("2099-04-01T19:00:00+09:00".parse()?, Money::new(55_000, Currency::KRW));
    let session_id = engine.create_session(operator, NewSession::of(event.id, doors, 100, price)).await?.id;

    // A buyer takes a place in the queue, sets two tickets aside, and pays.
    let user_id: UserId = "user_0190163d8a7b7c3e9a1b2c3d4e5f6071".parse()?;
    let caller = Caller::of(Actor::User(user_id));
    let queue_token = Some(engine.join_queue(caller, session_id, user_id).await?.token);
    let (wanted, key) = (Wanted::Quantity(2), "cart-1".parse()?);
    let hold = engine.hold(HoldRequest { caller, session_id, user_id, wanted, key, queue_token }).await?.hold;
    let checkout = CheckoutRequest { caller, user_id, hold_id: hold.id, method: PaymentMethod::Card };
    let checkout = engine.checkout(checkout).await?;
    let (pg_payment_id, raw_payload) = (checkout.gateway.pg_payment_id, "paid in cash".to_owned());
    let status = CallbackStatus::Success;
    let report = CallbackReport { pg_payment_id, status, amount: None, currency: None, raw_payload };
    engine.payment_callback(Caller::of(Actor::Gateway), report).await?;

    for ticket in engine.queries().tickets_of_order(checkout.order.id).await? {
        println!("{} {}", ticket.id, engine.ticket_code(&ticket));
    }
    engine.shutdown().await;
    Ok(())
}
