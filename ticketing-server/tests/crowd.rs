//! 500 buyers over HTTP on 100 tickets: exactly 100 are sold or held, whatever an operator does to
//! the sale from another connection meanwhile.

mod process;
#[macro_use]
mod store;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use process::{Server, assert_sound, buyer, call, callback, hold};
use serde_json::{Value, json};
use store::Store;
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    command::SessionPatch,
    payment::{
        GatewaySession,
        gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    session::SaleStatus,
};
use ticketing_store::{OpenOptions, Role};

const BUYERS: u64 = 500;
const STOCK: i64 = 100;

on_stores! {
    sqlite postgres redis => {
        five_hundred_buyers_get_exactly_a_hundred_tickets
        an_operator_changes_stock_and_sale_and_still_exactly_a_hundred_go
    }
}
// Nobody else opens a store that is in the server's memory.
on_stores! { memory => { five_hundred_buyers_get_exactly_a_hundred_tickets } }

async fn five_hundred_buyers_get_exactly_a_hundred_tickets(store: &Store) {
    let (server, session) = shop(store).await;
    let winners = crowd(server.address, &session, Arc::new(AtomicBool::new(true))).await;
    assert_eq!(winners, STOCK);
    assert_all_gone(server.address, &session).await;
}

async fn an_operator_changes_stock_and_sale_and_still_exactly_a_hundred_go(store: &Store) {
    let (server, session) = shop(store).await;
    let settled = Arc::new(AtomicBool::new(false));
    let operator = {
        let (url, session, settled) = (store.url(), session.clone(), Arc::clone(&settled));
        tokio::spawn(async move {
            meddle(&url, &session).await;
            settled.store(true, Ordering::SeqCst);
        })
    };
    let winners = crowd(server.address, &session, settled).await;
    operator.await.unwrap();
    assert_eq!(winners, STOCK);
    assert_all_gone(server.address, &session).await;
}

async fn shop(store: &Store) -> (Server, String) {
    let server = Server::start(&store.url());
    let admin = process::admin(server.address).await;
    let session = process::session(server.address, &admin, STOCK as u32).await;
    (server, session)
}

/// Everybody tries at once, and again until they have a ticket or it is `settled` that none is left.
async fn crowd(address: SocketAddr, session: &str, settled: Arc<AtomicBool>) -> i64 {
    let buyers: Vec<_> = (1..=BUYERS)
        .map(|n| {
            let (session, settled) = (session.to_owned(), Arc::clone(&settled));
            tokio::spawn(async move { buy(address, &session, n, &settled).await })
        })
        .collect();
    let mut winners = 0;
    for buyer in buyers {
        winners += i64::from(buyer.await.unwrap());
    }
    winners
}

async fn buy(address: SocketAddr, session: &str, n: u64, settled: &AtomicBool) -> bool {
    let held = loop {
        let last_try = settled.load(Ordering::SeqCst);
        let answer = hold(address, session, n, "the-key").await.expect("the server answers");
        match (answer.status, answer.body["reason"].as_str()) {
            (201, _) => break answer,
            (409, Some("sold_out")) if last_try => return false,
            (409, Some("sold_out" | "sale_paused")) => tokio::time::sleep(Duration::from_millis(5)).await,
            _ => panic!("{answer:?}"),
        }
    };
    if n.is_multiple_of(2) {
        let body = json!({ "holdId": held.body["holdId"], "method": "CARD" });
        let open = call(address, "POST", "/api/payments/checkout", &buyer(n), "", body).await.unwrap();
        let paid = callback(address, open.body["pgPaymentId"].as_str().unwrap()).await.unwrap();
        assert_eq!(paid.status, 200, "{paid:?}");
    }
    true
}

/// What an operator does from the command line, on the same store: lower, raise, pause, open.
async fn meddle(store_url: &str, session: &str) {
    let store = ticketing_store::open(store_url, OpenOptions::new(Role::Tool)).unwrap();
    let engine = Ticketing::builder(store, process::keys(), Arc::new(NoGateway)).build();
    let change = async |total_stock, status| {
        let patch = SessionPatch { total_stock: Some(total_stock), status: Some(status), ..SessionPatch::default() };
        // Less than is held and sold by now is refused: also something that an operator sees.
        let _ = engine.update_session(Caller::of(Actor::Operator), session.parse().unwrap(), patch).await;
    };
    for turn in 0..20 {
        change(20 + 4 * turn, SaleStatus::Open).await;
        change(20 + 4 * turn, SaleStatus::Paused).await;
    }
    change(STOCK, SaleStatus::Open).await;
    engine.shutdown().await;
}

async fn assert_all_gone(address: SocketAddr, session: &str) {
    let path = format!("/api/sessions/{session}");
    let admin = process::admin(address).await;
    let stats =
        call(address, "GET", &format!("/api/admin{}/stats", &path[4..]), &admin, "", Value::Null).await.unwrap();
    let number = |name: &str| stats.body[name].as_i64().unwrap_or_else(|| panic!("{name}: {stats:?}"));
    assert_eq!((number("available"), number("held") + number("sold")), (0, STOCK), "{stats:?}");
    assert_sound(address).await;
}

#[derive(Debug)]
struct NoGateway;

impl PaymentGateway for NoGateway {
    fn open(&self, _: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(async { Err(GatewayError::Refused("an operator opens no payments".to_owned())) })
    }

    fn refund(&self, _: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(async { Err(GatewayError::Refused("an operator refunds nothing".to_owned())) })
    }
}
