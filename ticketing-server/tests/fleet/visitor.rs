//! Somebody who wants a ticket.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use ticketing_core::waiting_room::token::PlaceClaim;
use tokio::time::{Instant, sleep, timeout};

use crate::process::{Answer, buyer, call, callback, keys};

/// How long a visitor waits for one answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Before the same is asked of the next node.
const REST: Duration = Duration::from_millis(20);
/// Between two looks at the queue.
const POLL_EVERY: Duration = Duration::from_millis(200);
/// How long a visitor asks.
const DEADLINE: Duration = Duration::from_secs(60);

/// Asks every node in turn, a different one each time.
pub struct Visitor {
    pub number: u64,
    nodes: Arc<[SocketAddr]>,
    turn: usize,
}

/// A place in the waiting room.
pub struct Place {
    pub asked: Instant,
    pub answered: Instant,
    pub claim: PlaceClaim,
    pub token: String,
}

impl Visitor {
    pub fn new(number: u64, nodes: &Arc<[SocketAddr]>) -> Self {
        Self { number, nodes: Arc::clone(nodes), turn: number as usize % nodes.len() }
    }

    /// The first whole answer that is none of "come again".
    async fn ask<F: Future<Output = Option<Answer>>>(&mut self, ask: impl Fn(SocketAddr) -> F) -> Answer {
        let answered = async {
            loop {
                let node = self.nodes[self.turn % self.nodes.len()];
                self.turn += 1;
                match timeout(PATIENCE, ask(node)).await {
                    Ok(Some(answer)) if !matches!(answer.status, 429 | 503) => return answer,
                    _ => sleep(REST).await,
                }
            }
        };
        timeout(DEADLINE, answered).await.unwrap_or_else(|_| panic!("visitor {} got no answer", self.number))
    }

    async fn call(&mut self, method: &str, path: &str, key: &str, body: Value) -> Answer {
        let token = &*buyer(self.number);
        self.ask(|node| call(node, method, path, token, key, body.clone())).await
    }

    /// Takes a place; `None` when everything is sold.
    pub async fn join(&mut self, session: &str) -> Option<Place> {
        let asked = Instant::now();
        let answer = self.call("POST", "/api/queue/token", "", json!({ "sessionId": session })).await;
        let answered = Instant::now();
        match answer.status {
            200 | 201 => {}
            409 if answer.body["reason"] == "sold_out" => return None,
            _ => panic!("{answer:?}"),
        }
        let token = answer.text("queueToken");
        let claim = keys().queue_token.verify(&token).expect("a server signed it");
        Some(Place { asked, answered, claim, token })
    }

    /// Waits for the turn; `false` when everything is sold.
    pub async fn wait(&mut self, place: &Place) -> bool {
        loop {
            let status = self.call("GET", &format!("/api/queue/status?token={}", place.token), "", Value::Null).await;
            match status.body["state"].as_str() {
                Some("ALLOWED") => return true,
                Some("SOLD_OUT") => return false,
                Some("WAITING") => sleep(POLL_EVERY).await,
                _ => panic!("{status:?}"),
            }
        }
    }

    /// The id of a hold of one ticket; `None` when everything is sold.
    pub async fn hold(&mut self, session: &str, place: Option<&Place>) -> Option<String> {
        let mut wish = json!({ "sessionId": session, "quantity": 1 });
        if let Some(place) = place {
            wish["queueToken"] = json!(place.token);
        }
        let answer = self.call("POST", "/api/reservations/hold", "the-key", wish).await;
        match (answer.status, answer.body["reason"].as_str()) {
            (201, _) => Some(answer.text("holdId")),
            (409, Some("sold_out")) => None,
            _ => panic!("{answer:?}"),
        }
    }

    pub async fn release(&mut self, hold: &str) {
        let answer = self.call("DELETE", &format!("/api/reservations/hold/{hold}"), "", Value::Null).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
    }

    /// Opens the payment of a hold.
    pub async fn checkout(&mut self, hold: &str) -> Answer {
        let body = json!({ "holdId": hold, "method": "CARD" });
        let open = self.call("POST", "/api/payments/checkout", "", body).await;
        assert!(matches!(open.status, 200 | 201), "{open:?}");
        open
    }

    /// The gateway reports that it has the money.
    pub async fn pay(&mut self, open: &Answer) {
        let name = &*open.text("pgPaymentId");
        let answer = self.ask(|node| callback(node, name)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// What became of the payment, once it is settled and what is to be given back has been.
    pub async fn settled(&mut self, open: &Answer) -> String {
        let path = format!("/api/payments/{}", open.text("paymentId"));
        let settled = async {
            loop {
                let status = self.call("GET", &path, "", Value::Null).await.text("status");
                if !matches!(status.as_str(), "PENDING" | "REFUND_PENDING") {
                    return status;
                }
                sleep(REST).await;
            }
        };
        timeout(DEADLINE, settled).await.expect("a payment is settled")
    }

    pub async fn tickets(&mut self) -> usize {
        let tickets = self.call("GET", "/api/me/tickets", "", Value::Null).await;
        tickets.body["items"].as_array().expect("a list").len()
    }
}
