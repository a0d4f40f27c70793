//! kill -9 at any moment under load: what was acknowledged is there, and what is unknown resolves.

mod process;
#[macro_use]
mod store;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use process::{Server, assert_sound, buyer, call, callback, hold};
use serde_json::{Value, json};
use store::Store;

const ROUNDS: u64 = 20;
const BUYERS_AT_ONCE: u64 = 24;

/// What buyers of one round were told.
#[derive(Default)]
struct Told {
    /// (buyer, hold id), answered 201.
    held: Vec<(u64, String)>,
    /// Buyers whose hold was answered by nothing.
    unknown: Vec<u64>,
    /// (buyer, payment id) of payments whose callback was answered 200.
    paid: Vec<(u64, String)>,
}

on_stores! { sqlite postgres redis => { nothing_acknowledged_is_lost_in_twenty_kills_under_load } }

async fn nothing_acknowledged_is_lost_in_twenty_kills_under_load(store: &Store) {
    let mut server = Server::start(&store.url());
    let admin = process::admin(server.address).await;
    let session = process::session(server.address, &admin, 1_000_000).await;
    let next_buyer = Arc::new(AtomicU64::new(1));
    let (mut held, mut unknown, mut there, mut paid) = (0, 0, 0, 0);
    for round in 0..ROUNDS {
        let told = Arc::new(Mutex::new(Told::default()));
        let buyers: Vec<_> = (0..BUYERS_AT_ONCE)
            .map(|_| {
                let (told, next, session) = (Arc::clone(&told), Arc::clone(&next_buyer), session.clone());
                let address = server.address;
                tokio::spawn(async move { while buy(address, &session, &next, &told).await {} })
            })
            .collect();
        // A different moment each round: in the middle of whatever is going on then.
        tokio::time::sleep(Duration::from_millis(150 + 37 * round)).await;
        server.kill();
        for buyer in buyers {
            buyer.await.unwrap();
        }
        server = Server::start(&store.url());
        let told = std::mem::take(&mut *told.lock().unwrap());
        there += check(&server, &session, &told).await;
        held += told.held.len();
        unknown += told.unknown.len();
        paid += told.paid.len();
    }
    assert_sound(server.address).await;
    eprintln!("{ROUNDS} kills: {held} holds and {paid} payments acknowledged, 0 lost");
    eprintln!("{unknown} holds unknown, of which {there} were there, 0 unresolved");
    assert!(held > 100 && paid > 50, "there was hardly any load: {held} holds, {paid} payments");
}

/// One buyer's way; `false` once the server is gone.
async fn buy(address: std::net::SocketAddr, session: &str, next: &AtomicU64, told: &Mutex<Told>) -> bool {
    let n = next.fetch_add(1, Ordering::Relaxed);
    let Some(answer) = hold(address, session, n, "the-key").await else {
        told.lock().unwrap().unknown.push(n);
        return false;
    };
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.body["holdId"].as_str().unwrap().to_owned();
    told.lock().unwrap().held.push((n, id.clone()));
    if n.is_multiple_of(2) {
        return true;
    }
    let body = json!({ "holdId": id, "method": "CARD" });
    let Some(open) = call(address, "POST", "/api/payments/checkout", &buyer(n), "", body).await else { return false };
    let Some(done) = callback(address, open.body["pgPaymentId"].as_str().unwrap()).await else { return false };
    assert_eq!(done.status, 200, "{done:?}");
    told.lock().unwrap().paid.push((n, open.body["paymentId"].as_str().unwrap().to_owned()));
    true
}

/// Everything told is so; every unknown is told now. Answers how many unknowns were there.
async fn check(server: &Server, session: &str, told: &Told) -> usize {
    for (n, id) in &told.held {
        let replay = hold(server.address, session, *n, "the-key").await.expect("the server answers");
        assert_eq!((replay.status, replay.replayed), (201, true), "{replay:?}");
        assert_eq!(replay.body["holdId"], **id);
    }
    for (n, id) in &told.paid {
        let path = format!("/api/payments/{id}");
        let payment = call(server.address, "GET", &path, &buyer(*n), "", Value::Null).await.unwrap();
        assert_eq!(payment.body["status"], "SUCCEEDED", "{payment:?}");
        let tickets = call(server.address, "GET", "/api/me/tickets", &buyer(*n), "", Value::Null).await.unwrap();
        assert_eq!(tickets.body["items"].as_array().map(Vec::len), Some(1), "{tickets:?}");
    }
    let mut there = 0;
    for n in &told.unknown {
        let first = hold(server.address, session, *n, "the-key").await.expect("the server answers");
        assert_eq!(first.status, 201, "{first:?}");
        let again = hold(server.address, session, *n, "the-key").await.expect("the server answers");
        assert_eq!((again.replayed, &again.body["holdId"]), (true, &first.body["holdId"]));
        there += usize::from(first.replayed);
    }
    there
}
