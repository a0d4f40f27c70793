//! Something that was bought, as the server would sell it.

use std::sync::Arc;

use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    engine::{Builder, CheckoutRequest, HoldRequest},
    hold::Wanted,
    ids::{OrderId, UserId},
    payment::{CallbackReport, PaymentMethod},
    store::Backend,
    testing::TestGateway,
    ticket::Ticket,
};
use ticketing_store::{OpenOptions, Role, Secrets, redis::RedisRooms};

use crate::shop::Shop;

/// An order that is paid.
pub struct Sold {
    pub order: OrderId,
    pub tickets: Vec<Ticket>,
    /// The tickets' codes.
    pub codes: Vec<String>,
}

pub fn engine(shop: &Shop) -> Ticketing {
    builder(shop).build()
}

/// An engine whose waiting rooms are at `queue_url`.
pub fn engine_beside(shop: &Shop, queue_url: &str) -> Ticketing {
    builder(shop).waiting_room(Arc::new(RedisRooms::open(queue_url, None).unwrap())).build()
}

fn builder(shop: &Shop) -> Builder {
    let keys = Secrets::load_or_create(&shop.url()).unwrap().keys();
    Ticketing::builder(store(shop), keys, Arc::new(TestGateway::new()))
}

/// The shop's store, as a server opens it.
pub fn store(shop: &Shop) -> Arc<dyn Backend> {
    ticketing_store::open(&shop.url(), OpenOptions::new(Role::Server)).unwrap()
}

/// Sells `quantity` of `session`, which has no waiting room, to the `n`-th user.
pub async fn sell(engine: &Ticketing, session: &str, n: u32, quantity: u32) -> Sold {
    let user: UserId = format!("user_{n:032x}").parse().unwrap();
    let key = format!("cart-{n}").parse().unwrap();
    let wish = HoldRequest::of(user, session.parse().unwrap(), Wanted::Quantity(quantity), key);
    let hold = engine.hold(wish).await.unwrap().hold;
    let open = engine.checkout(CheckoutRequest::of(&hold, PaymentMethod::Card)).await.unwrap();
    let paid = CallbackReport::success(open.gateway.pg_payment_id.clone());
    engine.payment_callback(Caller::of(Actor::Gateway), paid).await.unwrap();
    let tickets = engine.queries().tickets_of_order(open.order.id).await.unwrap();
    let codes = tickets.iter().map(|ticket| engine.ticket_code(ticket)).collect();
    Sold { order: open.order.id, tickets, codes }
}

#[tokio::main(flavor = "current_thread")]
pub async fn sold(shop: &Shop, session: &str, quantity: u32) -> Sold {
    let engine = engine(shop);
    let sold = sell(&engine, session, 1, quantity).await;
    engine.shutdown().await;
    sold
}
