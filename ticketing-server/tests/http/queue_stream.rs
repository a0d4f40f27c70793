//! Following a place over real HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    shop::{Answer, BRIEF, Buyer, Shop, eventually},
    store::Store,
};

/// How long the next event may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// The events of one stream.
struct Events {
    response: reqwest::Response,
    text: String,
}

/// One event: its name, and its data.
#[derive(Debug, PartialEq)]
struct Event {
    name: Option<String>,
    data: String,
}

impl Event {
    fn status(&self) -> Value {
        assert_eq!(self.name, None, "{self:?}");
        serde_json::from_str(&self.data).unwrap()
    }
}

impl Events {
    async fn open(buyer: &Buyer, token: &str) -> Self {
        let response = buyer.request("GET", &format!("/api/queue/stream?token={token}")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None`: the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(DEADLINE, self.read()).await.expect("an event, or the end, comes in time")
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = event.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    lines.map(str::to_owned).next()
                };
                let found = field("data").map(|data| Event { name: field("event"), data });
                self.text = rest.to_owned();
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn one_at_a_time() -> Value {
    json!({"queue": {"mode": "ON", "maxActive": 1}})
}

pub async fn a_stream_tells_where_a_place_stands_on_every_change(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, one_at_a_time()).await;
    let (first, second) = (shop.buyer().await, shop.buyer().await);
    let first_token = first.token(&session).await;
    let second_token = second.token(&session).await;
    let mut events = Events::open(&second, &second_token).await;
    let status = events.next().await.unwrap().status();
    let mut members: Vec<_> = status.as_object().unwrap().keys().cloned().collect();
    members.sort_unstable();
    assert_eq!(members, ["allowed", "etaSeconds", "expiresAt", "position", "serverTime", "state"]);
    assert_eq!(status["state"], "WAITING");

    let leave = ("queue-token", first_token.as_str());
    first.with_header("DELETE", "/api/queue/token", leave, None).await.expect(204);
    loop {
        let status = events.next().await.expect("the second one's turn comes").status();
        if status["state"] == "ALLOWED" {
            assert_eq!((&status["position"], &status["allowed"]), (&json!(0), &json!(true)));
            break;
        }
    }

    let leave = ("queue-token", second_token.as_str());
    second.with_header("DELETE", "/api/queue/token", leave, None).await.expect(204);
    let end = events.next().await.unwrap();
    assert_eq!(end, Event { name: Some("end".to_owned()), data: "queue_token_not_found".to_owned() });
    assert_eq!(events.next().await, None);
}

pub async fn those_who_wait_are_told_when_it_is_sold_out_and_when_it_is_not_any_more(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(1, one_at_a_time()).await;
    let (first, second) = (shop.buyer().await, shop.buyer().await);
    let place = first.token(&session).await;
    let admitted = || async {
        let status = first.get(&format!("/api/queue/status?token={place}")).await.expect(200);
        (status.body["state"] == "ALLOWED").then_some(())
    };
    eventually("the first is admitted", admitted).await;
    let paid = first.checkout(&session, json!({"quantity": 1})).await;
    let token = second.token(&session).await;
    let mut events = Events::open(&second, &token).await;
    assert_eq!(events.next().await.unwrap().status()["state"], "WAITING");
    let callback = json!({"pgPaymentId": paid.text("pgPaymentId"), "status": "SUCCESS"});
    shop.callback(&callback).await.expect(200);
    wait_for(&mut events, "SOLD_OUT").await;
    shop.patch(&session, json!({"totalStock": 2})).await;
    wait_for(&mut events, "ALLOWED").await;
}

async fn wait_for(events: &mut Events, state: &str) {
    while events.next().await.expect("the stream goes on").status()["state"] != state {}
}

pub async fn a_stream_is_refused_as_the_status_is(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let token = buyer.token(&session).await;
    buyer.get("/api/queue/stream").await.refused(400, "queue_token_required");
    buyer.get("/api/queue/stream?token=forged").await.refused(404, "queue_token_not_found");
    other.get(&format!("/api/queue/stream?token={token}")).await.refused(404, "queue_token_not_found");
    let nobody = shop.server.get(&format!("/api/queue/stream?token={token}")).send().await.unwrap();
    Answer::read(nobody).await.refused(401, "token_required");
}

pub async fn a_users_newest_streams_go_on_and_the_oldest_ends(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let token = buyer.token(&session).await;
    let mut oldest = Events::open(&buyer, &token).await;
    oldest.next().await.unwrap().status();
    let mut newer = Vec::new();
    for _ in 0..3 {
        let mut events = Events::open(&buyer, &token).await;
        events.next().await.unwrap().status();
        newer.push(events);
    }
    assert_eq!(oldest.next().await, Some(Event { name: Some("end".to_owned()), data: "replaced".to_owned() }));
    assert_eq!(oldest.next().await, None);
    let leave = ("queue-token", token.as_str());
    buyer.with_header("DELETE", "/api/queue/token", leave, None).await.expect(204);
    for events in &mut newer {
        assert_eq!(events.next().await.unwrap().data, "queue_token_not_found");
    }
}

pub async fn beyond_so_many_streams_the_next_is_told_to_come_back(store: &Store) {
    let shop = Shop::open_with(store, |config| config.concurrency.stream_max = 1).await;
    let session = shop.session(5, json!({})).await;
    let (first, second) = (shop.buyer().await, shop.buyer().await);
    let (first_token, second_token) = (first.token(&session).await, second.token(&session).await);
    let mut events = Events::open(&first, &first_token).await;
    events.next().await.unwrap().status();
    let stream = format!("/api/queue/stream?token={second_token}");
    second.get(&stream).await.refused(503, "overloaded");
    second.get(&format!("/api/queue/status?token={second_token}")).await.expect(200);
    drop(events);
    eventually("there is room again", || async {
        let answer = second.request("GET", &stream).send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
}

pub async fn a_stream_ends_with_its_access_token(store: &Store) {
    let shop = Shop::open_with(store, |config| config.auth.access_ttl_seconds = BRIEF).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let token = buyer.token(&session).await;
    let mut events = Events::open(&buyer, &token).await;
    events.next().await.unwrap().status();
    assert_eq!(events.next().await, None);
    let expired = || async { (buyer.get("/api/me").await.status == 401).then_some(()) };
    eventually("the token has expired", expired).await;
}

pub async fn a_stream_ends_with_the_server(store: &Store) {
    let mut shop = Shop::open(store).await;
    let session = shop.session(5, json!({})).await;
    let buyer = shop.buyer().await;
    let token = buyer.token(&session).await;
    let mut events = Events::open(&buyer, &token).await;
    events.next().await.unwrap();
    shop.server.begin_to_stop();
    assert_eq!(events.next().await, None);
}
