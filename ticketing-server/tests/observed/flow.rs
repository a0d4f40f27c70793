//! Everything that a shop does, and much of what it refuses.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::process::{self, Answer, WEBHOOK_SECRET, call, exchange, signature};

/// What must stay between the server and those it is meant for, each with a word about what it is.
pub type Secrets = Vec<(&'static str, String)>;

/// A server, and what was said to it and by it in confidence.
pub struct Shop {
    address: SocketAddr,
    admin: String,
    buyers: u64,
    secrets: Secrets,
}

/// What somebody bought, or is about to.
struct Purchase {
    token: String,
    hold: String,
    payment: Answer,
}

/// Runs all of it, and returns what was confidential.
pub async fn everything(address: SocketAddr) -> Secrets {
    let admin = process::admin(address).await;
    let mut shop =
        Shop { address, admin: admin.clone(), buyers: 0, secrets: vec![("the admin's access token", admin)] };
    let account = shop.people().await;
    let event = shop.event().await;
    let session = shop.session(&event, json!({ "totalStock": 100, "maxPerUser": 4 })).await;
    shop.waiting_room(&event, &account).await;
    shop.holds(&session).await;
    let paid = shop.payments(&session).await;
    shop.door(&paid).await;
    shop.refunds(&session, &paid).await;
    shop.sandbox(&session).await;
    shop.refused_bodies_and_tokens().await;
    shop.reads(&session).await;
    shop.secrets
}

impl Shop {
    fn note(&mut self, what: &'static str, secret: impl Into<String>) -> String {
        let secret = secret.into();
        self.secrets.push((what, secret.clone()));
        secret
    }

    async fn ask(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        call(self.address, method, path, token, "", body).await.expect("the server answers")
    }

    #[track_caller]
    fn expect(answer: Answer, status: u16) -> Answer {
        assert_eq!(answer.status, status, "{answer:?}");
        answer
    }

    async fn post(&self, path: &str, token: &str, body: Value, status: u16) -> Answer {
        Self::expect(self.ask("POST", path, token, body).await, status)
    }

    async fn get(&self, path: &str, token: &str, status: u16) -> Answer {
        Self::expect(self.ask("GET", path, token, Value::Null).await, status)
    }

    fn buyer(&mut self) -> String {
        self.buyers += 1;
        self.note("a buyer's access token", process::buyer(self.buyers))
    }

    /// Accounts: made, refused, used, refreshed, ended. The access token of one.
    async fn people(&mut self) -> String {
        let email = self.note("an e-mail address", "canary.buyer@canary-mail.example");
        let password = self.note("a password", "Canary-Password-1");
        let both = json!({ "email": email, "password": password });
        self.post("/api/auth/signup", "", both.clone(), 201).await;
        self.post("/api/auth/signup", "", both.clone(), 409).await;
        let weak = self.note("a weak password", "canary-weak-password");
        self.post("/api/auth/signup", "", json!({ "email": "x@canary-mail.example", "password": weak }), 400).await;
        let none = self.note("what is no address", "canary at nowhere");
        self.post("/api/auth/signup", "", json!({ "email": none, "password": password }), 400).await;
        let wrong = self.note("a wrong password", "Canary-Wrong-2");
        self.post("/api/auth/login", "", json!({ "email": email, "password": wrong }), 401).await;
        let unknown = self.note("an unknown address", "canary.nobody@canary-mail.example");
        self.post("/api/auth/login", "", json!({ "email": unknown, "password": wrong }), 401).await;
        self.note("the domain of every address", "canary-mail");
        let first = self.post("/api/auth/login", "", both.clone(), 200).await;
        let access = self.note("an access token", first.text("accessToken"));
        let refresh = self.note("a refresh token", first.text("refreshToken"));
        let next = self.post("/api/auth/refresh", "", json!({ "refreshToken": refresh }), 200).await;
        self.note("a refreshed access token", next.text("accessToken"));
        let next = self.note("a rotated refresh token", next.text("refreshToken"));
        let after = self.post("/api/auth/refresh", "", json!({ "refreshToken": next }), 200).await;
        let after = self.note("another refresh token", after.text("refreshToken"));
        // Its successor was used: this is somebody else's copy.
        self.post("/api/auth/refresh", "", json!({ "refreshToken": refresh }), 401).await;
        self.post("/api/auth/logout", "", json!({ "refreshToken": after }), 204).await;
        let last = self.post("/api/auth/login", "", both, 200).await.text("refreshToken");
        let last = self.note("the last refresh token", last);
        self.post("/api/auth/logout", "", json!({ "refreshToken": last }), 204).await;
        self.post("/api/auth/refresh", "", json!({ "refreshToken": last }), 401).await;
        self.get("/api/me", &access, 200).await;
        access
    }

    async fn event(&self) -> String {
        let body = json!({ "title": "Gala", "description": "", "venue": "Hall", "status": "PUBLISHED" });
        self.post("/api/admin/events", &self.admin, body, 201).await.text("id")
    }

    async fn session(&self, event: &str, change: Value) -> String {
        let mut body = json!({
            "startAt": "2040-01-01T19:00:00Z", "totalStock": 100, "price": { "amount": 55_000, "currency": "KRW" },
            "status": "OPEN",
        });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.post(&format!("/api/admin/events/{event}/sessions"), &self.admin, body, 201).await.text("id")
    }

    /// A place: taken, looked at in every way, refused to others, given up.
    async fn waiting_room(&mut self, event: &str, account: &str) {
        let session = self.session(event, json!({ "queue": { "admitPerSecond": 1, "maxActive": 1 } })).await;
        let someone = self.buyer();
        self.join(&session, &someone).await;
        let token = self.join(&session, account).await;
        let status = format!("/api/queue/status?token={token}");
        self.get(&status, account, 200).await;
        self.get(&status, &someone, 404).await;
        self.get(&status, "", 401).await;
        let forged = self.note("a forged queue token", "canary-queue-token-that-nobody-signed");
        self.get(&format!("/api/queue/status?token={forged}"), account, 404).await;
        let streamed = self.stream(&token, account).await;
        assert!(streamed.contains("WAITING") || streamed.contains("ALLOWED"), "{streamed}");
        let head = format!(
            "DELETE /api/queue/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {account}\r\n\
             queue-token: {token}\r\n\r\n"
        );
        assert_eq!(exchange(self.address, &head).await.expect("an answer").status, 204);
    }

    async fn join(&mut self, session: &str, token: &str) -> String {
        let joined = self.post("/api/queue/token", token, json!({ "sessionId": session }), 201).await;
        self.note("a queue token", joined.text("queueToken"))
    }

    /// The beginning of a stream.
    async fn stream(&self, queue_token: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "GET /api/queue/stream?token={queue_token} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut told, mut buffer) = (String::new(), [0; 1_024]);
        while !told.contains("data:") {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the stream ended after {told}");
            told.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        told
    }

    async fn hold(&self, session: &str, buyer: &str, key: &str, queue_token: &str, quantity: u32) -> Answer {
        let body = json!({ "sessionId": session, "quantity": quantity, "queueToken": queue_token });
        call(self.address, "POST", "/api/reservations/hold", buyer, key, body).await.expect("an answer")
    }

    /// Holds: placed, repeated, refused, given up.
    async fn holds(&mut self, session: &str) {
        let buyer = self.buyer();
        let token = self.join(session, &buyer).await;
        let forged = self.note("a queue token of nobody", "canary-token-in-a-hold");
        Self::expect(self.hold(session, &buyer, "key-1", &forged, 1).await, 403);
        let placed = Self::expect(self.hold(session, &buyer, "key-1", &token, 1).await, 201);
        assert!(Self::expect(self.hold(session, &buyer, "key-1", &token, 1).await, 201).replayed);
        Self::expect(self.hold(session, &buyer, "key-1", &token, 2).await, 422);
        Self::expect(self.hold(session, &buyer, "key-2", &token, 1).await, 409);
        Self::expect(self.hold(session, &buyer, "key-2", &token, 0).await, 400);
        let path = format!("/api/reservations/hold/{}", placed.text("holdId"));
        Self::expect(self.ask("DELETE", &path, &buyer, Value::Null).await, 204);
        let overdue = json!({ "holdTtlSeconds": 1, "queue": { "mode": "OFF" } });
        let event = self.event().await;
        let short = self.session(&event, overdue).await;
        Self::expect(self.hold(&short, &buyer, "key-3", "", 1).await, 201);
    }

    /// A new buyer, up to the payment's page.
    async fn checkout(&mut self, session: &str) -> Purchase {
        let token = self.buyer();
        let queue_token = self.join(session, &token).await;
        let hold = Self::expect(self.hold(session, &token, "key", &queue_token, 1).await, 201).text("holdId");
        let body = json!({ "holdId": hold, "method": "CARD" });
        let payment = self.post("/api/payments/checkout", &token, body, 201).await;
        Purchase { token, hold, payment }
    }

    async fn callback(&mut self, body: Value, status: u16) {
        let body = body.to_string();
        let signed = self.note("a callback's signature", signature(body.as_bytes()));
        self.raw_callback(&signed, &body, status).await;
    }

    async fn raw_callback(&self, signed: &str, body: &str, status: u16) {
        let head = format!(
            "POST /api/payments/callback HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
             ticketing-signature: {signed}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self::expect(exchange(self.address, &head).await.expect("an answer"), status);
    }

    /// Callbacks of every kind. What was bought in the end.
    async fn payments(&mut self, session: &str) -> Purchase {
        let paid = self.checkout(session).await;
        let name = paid.payment.text("pgPaymentId");
        let success = json!({ "pgPaymentId": name, "status": "SUCCESS" });
        let forged = self.note("a forged signature", format!("t=1,v1={}", "c0ffee".repeat(10)));
        self.raw_callback(&forged, &success.to_string(), 401).await;
        self.raw_callback(WEBHOOK_SECRET, &success.to_string(), 401).await;
        self.callback(success.clone(), 200).await;
        self.callback(success, 200).await;
        self.callback(json!({ "pgPaymentId": name, "status": "CANARY" }), 400).await;
        self.callback(json!({ "pgPaymentId": "pg_of_nobody", "status": "SUCCESS" }), 200).await;
        let declined = self.checkout(session).await;
        let name = declined.payment.text("pgPaymentId");
        self.callback(json!({ "pgPaymentId": name, "status": "FAIL" }), 200).await;
        // Charged all the same: it is given back.
        self.callback(json!({ "pgPaymentId": name, "status": "SUCCESS" }), 200).await;
        self.settled(&declined, "REFUNDED").await;
        let path = format!("/api/reservations/hold/{}", paid.hold);
        Self::expect(self.ask("DELETE", &path, &paid.token, Value::Null).await, 409);
        paid
    }

    /// Asks until a payment stands so.
    async fn settled(&self, purchase: &Purchase, status: &str) {
        let path = format!("/api/payments/{}", purchase.payment.text("paymentId"));
        let settled = async {
            while self.get(&path, &purchase.token, 200).await.text("status") != status {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled).await.expect("a payment is settled");
    }

    /// Tickets: shown, let in, refused.
    async fn door(&mut self, paid: &Purchase) {
        let tickets = self.get("/api/me/tickets", &paid.token, 200).await;
        let ticket = &tickets.body["items"][0];
        let code = self.note("a ticket's code", ticket["qr"].as_str().unwrap());
        self.get(&format!("/api/tickets/{}/qr.svg", ticket["ticketId"].as_str().unwrap()), &paid.token, 200).await;
        let scan = |code: &str, nonce: &str| json!({ "qr": code, "nonce": nonce });
        self.post("/api/checkin/redeem", &paid.token, scan(&code, "nonce-1"), 403).await;
        self.post("/api/checkin/redeem", &self.admin, scan(&code, "nonce-1"), 200).await;
        self.post("/api/checkin/redeem", &self.admin, scan(&code, "nonce-1"), 200).await;
        self.post("/api/checkin/redeem", &self.admin, scan(&code, "nonce-2"), 409).await;
        let forged = self.note("a forged ticket's code", "canary.ticket.code");
        self.post("/api/checkin/redeem", &self.admin, scan(&forged, "nonce-3"), 400).await;
    }

    /// What the organiser gives back, and what not.
    async fn refunds(&mut self, session: &str, used: &Purchase) {
        let refund = |purchase: &Purchase| format!("/api/admin/orders/{}/refund", purchase.payment.text("orderId"));
        self.post(&refund(used), &self.admin, Value::Null, 409).await;
        let returned = self.checkout(session).await;
        self.callback(json!({ "pgPaymentId": returned.payment.text("pgPaymentId"), "status": "SUCCESS" }), 200).await;
        self.post(&refund(&returned), &self.admin, Value::Null, 200).await;
        self.settled(&returned, "REFUNDED").await;
    }

    /// The sandbox's own page, and the callback that it sends.
    async fn sandbox(&mut self, session: &str) {
        let paid = self.checkout(session).await;
        let path = format!("/sandbox/pay/{}", paid.payment.text("pgPaymentId"));
        self.get(&path, "", 200).await;
        let form = "decision=pay";
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{form}",
            form.len()
        );
        Self::expect(exchange(self.address, &head).await.expect("an answer"), 303);
        self.settled(&paid, "SUCCEEDED").await;
    }

    /// Secrets where none belongs.
    async fn refused_bodies_and_tokens(&mut self) {
        let lost = self.note("a password in a body that is none", "Canary-Lost-Password-3");
        let bodies = [
            format!(r#"{{"email":"a@canary-mail.example","password":"{lost}""#),
            format!(r#"{{"email":"a@canary-mail.example","password":["{lost}"]}}"#),
            format!(r#"{{"email":"a@canary-mail.example","passwort":"{lost}"}}"#),
            format!(r#"{{"email":"a@canary-mail.example","{lost}":1}}"#),
            format!(r#""{lost}""#),
        ];
        for body in bodies {
            for length in [body.len(), body.len() + 10] {
                let head = format!(
                    "POST /api/auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
                     content-length: {length}\r\n\r\n{body}"
                );
                let mut stream = TcpStream::connect(self.address).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
                // The second one breaks off.
                stream.shutdown().await.unwrap();
                // Refused or cut off.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        }
        let bad = self.note("a token that is none", "canary.access.token");
        self.get("/api/me", &bad, 401).await;
        let basic = self.note("basic credentials", "Y2FuYXJ5OmNhbmFyeQ");
        let head = format!(
            "GET /api/me?access_token={bad} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic {basic}\r\n\
             cookie: session={bad}\r\nreferer: http://x/?token={bad}\r\nuser-agent: {bad}\r\n\r\n"
        );
        Self::expect(exchange(self.address, &head).await.expect("an answer"), 401);
        self.get(&format!("/api/{bad}"), &bad, 404).await;
    }

    /// What is only read.
    async fn reads(&self, session: &str) {
        for path in ["/api/admin/verify", "/api/admin/audit", "/api/admin/orders", "/api/admin/payments/unmatched"] {
            self.get(path, &self.admin, 200).await;
        }
        for path in ["/api/events", "/openapi.json", "/readyz", "/.well-known/ticket-keys.json"] {
            self.get(path, "", 200).await;
        }
        self.get(&format!("/api/admin/sessions/{session}/stats"), &self.admin, 200).await;
        self.get(&format!("/api/sessions/{session}"), "", 200).await;
    }
}
