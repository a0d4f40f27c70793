//! Clients that break every rule, on every route: they are refused or cut off, in time, and nothing changes.
//!
//! What they send is drawn at random; `TICKETING_HOSTILE_SEED` draws the same again.

mod attack;
mod books;
mod wire;

use std::{fmt::Write as _, time::Duration};

use fastrand::Rng;
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;
use ticketing_core::user::Role;
use tokio::time::timeout;

use self::{
    attack::{Attack, Operation},
    wire::{Client, Ending},
};
use crate::{server::TestServer, shop::Shop, store::Store};

/// Set, it is the seed of what is sent.
const SEED: &str = "TICKETING_HOSTILE_SEED";
/// How long one exchange may take. The server gives a client 10 s for its headers, and as much for its body;
/// the rest is for a machine that is busy.
const EXCHANGE_TIME_MAX: Duration = Duration::from_secs(60);
/// How long everybody else may wait meanwhile.
const OTHERS_TIME_MAX: Duration = Duration::from_secs(20);
/// Exchanges under way at once.
const AT_ONCE: usize = 16;

/// A random generator, and its seed for whoever wants the same again.
fn dice() -> (Rng, u64) {
    let given = std::env::var(SEED).ok().map(|seed| seed.parse().expect("a seed is a number"));
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{SEED}={seed}");
    (Rng::with_seed(seed), seed)
}

/// A shop with something of everything in it, and what may stand in the `Authorization` of a request to it.
async fn shop(store: &Store) -> (Shop, Vec<(&'static str, Option<String>)>) {
    let shop = Shop::open(store).await;
    let sold = shop.session(50, json!({})).await;
    let (buyer, _, _) = shop.sold(&sold, json!({ "quantity": 1 })).await;
    // The books are compared: no hold of them may end meanwhile.
    let seated = shop.seated(5, json!({ "holdTtlSeconds": 86_400 })).await;
    buyer.hold(&seated, json!({ "seatIds": ["A1"] })).await.expect(201);
    let tokens = vec![
        ("nobody", None),
        ("a user", Some(shop.server.person(Role::User).await.token)),
        ("an administrator", Some(shop.server.person(Role::Admin).await.token)),
    ];
    (shop, tokens)
}

pub async fn whatever_is_malformed_is_refused_on_every_route_and_changes_nothing(store: &Store) {
    let (mut rng, seed) = dice();
    let (shop, tokens) = shop(store).await;
    let before = books::read(&shop.server).await;
    let client = Client::of(&shop.server.url);
    let mut exchanges = Vec::new();
    for operation in Operation::all(shop.event_id()) {
        for (who, token) in &tokens {
            for attack in attack::all(&mut rng, &operation, token.as_deref()) {
                exchanges.push((format!("{} {} by {who}", operation.method, operation.path), attack));
            }
        }
    }
    assert!(exchanges.len() > 3_000, "only {} exchanges", exchanges.len());
    rng.shuffle(&mut exchanges);
    let judged = stream::iter(&exchanges).map(async |(whose, attack)| judge(&client, whose, attack).await);
    let judged: Vec<_> = judged.buffer_unordered(AT_ONCE).collect().await;
    let answered = judged.iter().filter(|judged| matches!(judged, Ok(Ending::Answered(_)))).count();
    // Or what is tested here is how to hang up.
    assert!(answered > exchanges.len() * 9 / 10, "only {answered} of {} were answered", exchanges.len());
    let complaints: Vec<String> = judged.into_iter().filter_map(Result::err).collect();
    assert!(complaints.is_empty(), "{} complaints, {SEED}={seed}:\n{}", complaints.len(), listed(&complaints));
    assert_unharmed(&shop, &before).await;
}

/// How an attack ended; or what is wrong with that.
async fn judge(client: &Client, whose: &str, attack: &Attack) -> Result<Ending, String> {
    let ending = timeout(EXCHANGE_TIME_MAX, client.send(&attack.bytes, attack.half_close)).await;
    let wrong = match ending {
        Err(_) => format!("no end in {EXCHANGE_TIME_MAX:?}"),
        Ok(Ending::Cut) => return Ok(Ending::Cut),
        Ok(ending @ Ending::Answered(400..500)) => return Ok(ending),
        Ok(ending @ Ending::Answered(..400)) if attack.harmless => return Ok(ending),
        Ok(Ending::Answered(status)) => format!("answered {status}"),
    };
    let sent = String::from_utf8_lossy(&attack.bytes[..attack.bytes.len().min(600)]).into_owned();
    Err(format!("{whose}, {}: {wrong}: {sent:?}", attack.name))
}

fn listed(complaints: &[String]) -> String {
    complaints.iter().take(30).fold(String::new(), |mut text, complaint| {
        let _ = writeln!(text, "- {complaint}");
        text
    })
}

/// The books stand as they stood, nothing panicked, and the shop sells.
async fn assert_unharmed(shop: &Shop, before: &str) {
    let after = books::read(&shop.server).await;
    assert!(before == after, "the books changed from\n{before}\nto\n{after}");
    shop.verify().await;
    let session = shop.session(5, json!({})).await;
    shop.sold(&session, json!({ "quantity": 1 })).await;
}

pub async fn whoever_is_slow_or_stops_halfway_is_cut_off_on_every_route(store: &Store) {
    let (mut rng, seed) = dice();
    let (shop, tokens) = shop(store).await;
    let before = books::read(&shop.server).await;
    let client = Client::of(&shop.server.url);
    let mut exchanges = Vec::new();
    for operation in Operation::all(shop.event_id()) {
        let (who, token) = &tokens[rng.usize(..tokens.len())];
        for slow in attack::slow(&mut rng, &operation, token.as_deref()) {
            exchanges.push((format!("{} {} by {who}, {}", operation.method, operation.path, slow.name), slow));
        }
    }
    for slow in attack::of_no_route(&mut rng) {
        exchanges.push((slow.name.to_owned(), slow));
    }
    let client = &client;
    let ended = exchanges.iter().map(async |(what, slow)| {
        match timeout(EXCHANGE_TIME_MAX, client.trickle(&slow.at_once, &slow.then, slow.half_close)).await {
            Err(_) => Some(format!("{what}: no end in {EXCHANGE_TIME_MAX:?}")),
            Ok(Ending::Answered(status)) if status >= 500 => Some(format!("{what}: answered {status}")),
            Ok(Ending::Answered(status)) if status < 400 && !slow.harmless => {
                Some(format!("{what}: answered {status}"))
            }
            Ok(Ending::Answered(_) | Ending::Cut) => None,
        }
    });
    // Beside them, everybody else is served.
    let (ended, ()) = tokio::join!(join_all(ended), others_are_served(&shop.server));
    let complaints: Vec<String> = ended.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "{} complaints, {SEED}={seed}:\n{}", complaints.len(), listed(&complaints));
    assert_unharmed(&shop, &before).await;
}

async fn others_are_served(server: &TestServer) {
    for _ in 0..20 {
        let answered = timeout(OTHERS_TIME_MAX, server.get("/api/events").send()).await;
        assert_eq!(answered.expect("an answer in time").unwrap().status().as_u16(), 200);
    }
}
