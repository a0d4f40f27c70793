//! Who may do what to whose: every operation of the document, asked by everybody.

use reqwest::Method;
use serde_json::{Value, json};
use ticketing_core::user::Role;
use ticketing_server::openapi;

use crate::{
    shop::{Answer, Buyer, Shop},
    store::Store,
};

/// What one buyer has: a session on sale, a hold that lives, and a purchase.
struct World {
    shop: Shop,
    owner: Buyer,
    session: String,
    hold: String,
    order: String,
    payment: String,
    ticket: Value,
    queue_token: String,
}

impl World {
    async fn new(store: &Store) -> Self {
        let shop = Shop::open(store).await;
        let (sold, session) = (shop.session(50, json!({})).await, shop.session(50, json!({})).await);
        let (owner, checkout, tickets) = shop.sold(&sold, json!({"quantity": 1})).await;
        let hold = owner.hold(&session, json!({"quantity": 1})).await.expect(201).text("holdId");
        let queue_token = owner.token(&session).await;
        let (order, payment) = (checkout.text("orderId"), checkout.text("paymentId"));
        Self { shop, owner, session, hold, order, payment, ticket: tickets[0].clone(), queue_token }
    }

    /// The path with the names of these things in it.
    fn path(&self, path: &str) -> String {
        let ticket = self.ticket["ticketId"].as_str().unwrap();
        let filled = path
            .replace("{event_id}", self.shop.event_id())
            .replace("{session_id}", &self.session)
            .replace("{hold_id}", &self.hold)
            .replace("{order_id}", &self.order)
            .replace("{payment_id}", &self.payment)
            .replace("{ticket_id}", ticket);
        assert!(!filled.contains('{'), "{filled}");
        filled
    }

    /// The example of a body with the names of these things in it.
    fn body(&self, operation: &Value) -> Option<Value> {
        let mut body = operation.get("requestBody")?["content"]["application/json"]["example"].clone();
        let names = [
            ("sessionId", json!(self.session)),
            ("holdId", json!(self.hold)),
            ("queueToken", json!(self.queue_token)),
            ("qr", self.ticket["qr"].clone()),
        ];
        for (name, value) in names {
            if let Some(member) = body.get_mut(name) {
                *member = value;
            }
        }
        if body.get("nonce").is_some() {
            body.as_object_mut().unwrap().remove("sessionId");
        }
        Some(body)
    }
}

/// Whether what an operation names is one user's own.
fn names_an_own_thing(path: &str, method: &str) -> bool {
    let in_path = ["{hold_id}", "{order_id}", "{payment_id}", "{ticket_id}"].iter().any(|name| path.contains(name));
    let token = ["/api/queue/status", "/api/queue/stream"].contains(&path);
    in_path || token || (path, method) == ("/api/queue/token", "delete") || path == "/api/payments/checkout"
}

#[track_caller]
fn check(answer: &Answer, who: &str, method: &str, path: &str, role: &str) {
    let status = answer.status.as_u16();
    let own = role == "USER" && names_an_own_thing(path, method);
    let allowed = match role {
        "ADMIN" => who == "admin",
        "STAFF" => who == "staff" || who == "admin",
        _ => who != "nobody",
    };
    let as_expected = match who {
        "nobody" => status == 401,
        _ if !allowed => status == 403,
        "owner" if own => ![401, 403, 404].contains(&status),
        _ if own => status == 404,
        // Of the queue token in the body it is said that it is another's.
        _ if path == "/api/reservations/hold" => who == "owner" || status == 403,
        _ => ![401, 403, 404].contains(&status),
    };
    assert!(as_expected && status < 500, "{who} asked {method} {path} ({role}): {answer:?}");
}

pub async fn everybody_gets_at_their_own_and_at_what_their_role_is_for(store: &Store) {
    let mut asked = 0;
    for (path, methods) in openapi::document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(role) = operation["x-role"].as_str() else { continue };
            // A stream is answered as the status is, and does not end by itself.
            if path == "/api/queue/stream" {
                continue;
            }
            let another = store.another().await;
            let world = World::new(&another).await;
            let others = [
                ("nobody", None),
                ("another", Some(world.shop.buyer().await)),
                ("staff", Some(world.shop.person(Role::Staff).await)),
                ("owner", Some(world.owner.clone())),
                ("admin", Some(world.shop.person(Role::Admin).await)),
            ];
            for (who, person) in others {
                let (url, verb): (_, Method) = (world.path(path), method.to_uppercase().parse().unwrap());
                let mut request = match &person {
                    Some(person) => person.request(verb.as_str(), &url),
                    None => world.shop.server.request(verb, &url),
                };
                request =
                    request.header("idempotency-key", format!("key-{who}")).header("queue-token", &world.queue_token);
                if let Some(body) = world.body(operation) {
                    request = request.json(&body);
                }
                let answer = Answer::read(request.send().await.unwrap()).await;
                check(&answer, who, method, path, role);
                asked += 1;
            }
        }
    }
    assert!(asked >= 5 * 30, "only {asked} were asked");
}
