//! What administrators do, and who may not.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use ticketing_core::{
    audit::{Actor, Caller},
    engine::HoldRequest,
    hold::Wanted,
    ids::{HoldId, SessionId},
    user::Role,
};

use crate::{
    server::{Person, TestServer, expect},
    store::Store,
};

async fn send(server: &TestServer, person: &Person, method: Method, path: &str, body: Value) -> reqwest::Response {
    server.request(method, path).bearer_auth(&person.token).json(&body).send().await.unwrap()
}

async fn get(server: &TestServer, person: &Person, path: &str) -> Value {
    expect(server.get(path).bearer_auth(&person.token).send().await.unwrap(), StatusCode::OK).await
}

/// Places a hold past HTTP: `session` needs no queue token.
async fn hold(server: &TestServer, session: &str, quantity: u32) -> HoldId {
    let (user, session_id): (_, SessionId) = (server.buyer().await.id, session.parse().unwrap());
    let request = HoldRequest {
        caller: Caller::of(Actor::User(user)),
        session_id,
        user_id: user,
        wanted: Wanted::Quantity(quantity),
        key: "key".parse().unwrap(),
        queue_token: None,
    };
    server.app.ticketing.hold(request).await.unwrap().hold.id
}

pub async fn every_route_is_for_administrators_alone_whatever_the_request_says(store: &Store) {
    let server = TestServer::start(store).await;
    let (buyer, staff) = (server.buyer().await, server.person(Role::Staff).await);
    for (method, path) in [
        (Method::POST, "/api/admin/events"),
        (Method::GET, "/api/admin/events"),
        (Method::GET, "/api/admin/events/nonsense"),
        (Method::PATCH, "/api/admin/events/nonsense"),
        (Method::POST, "/api/admin/events/nonsense/sessions"),
        (Method::PATCH, "/api/admin/sessions/nonsense"),
        (Method::POST, "/api/admin/sessions/nonsense/seats"),
        (Method::GET, "/api/admin/sessions/nonsense/stats"),
        (Method::GET, "/api/admin/holds?limit=nonsense"),
        (Method::DELETE, "/api/admin/holds/nonsense"),
        (Method::GET, "/api/admin/verify"),
    ] {
        let bare = server.request(method.clone(), path).body("not json").send().await.unwrap();
        server.problem(bare, 401, "token_required").await;
        for person in [&buyer, &staff] {
            let request = server.request(method.clone(), path).bearer_auth(&person.token).body("not json");
            server.problem(request.send().await.unwrap(), 403, "forbidden").await;
        }
    }
}

pub async fn an_administrator_who_was_demoted_is_none_at_once(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    get(&server, &admin, "/api/admin/events").await;
    server.app.ticketing.set_role(Caller::of(Actor::Operator), admin.id, Role::User).await.unwrap();
    let response = server.get("/api/admin/events").bearer_auth(&admin.token).send().await.unwrap();
    server.problem(response, 403, "forbidden").await;
}

pub async fn an_event_is_made_changed_and_listed(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let made = send(&server, &admin, Method::POST, "/api/admin/events", json!({ "title": " Gala " })).await;
    let made = expect(made, StatusCode::CREATED).await;
    assert_eq!((&made["title"], &made["venue"], &made["status"]), (&json!("Gala"), &json!(""), &json!("DRAFT")));
    let path = format!("/api/admin/events/{}", made["id"].as_str().unwrap());
    let changed = send(&server, &admin, Method::PATCH, &path, json!({ "status": "PUBLISHED", "venue": "Hall" })).await;
    let changed = expect(changed, StatusCode::OK).await;
    assert_eq!((&changed["title"], &changed["venue"]), (&json!("Gala"), &json!("Hall")));
    assert_eq!(get(&server, &admin, &path).await, changed);
    assert_eq!(get(&server, &admin, "/api/admin/events?status=PUBLISHED").await["items"], json!([changed]));
    assert_eq!(get(&server, &admin, "/api/admin/events?status=DRAFT").await["items"], json!([]));
}

pub async fn an_event_out_of_bounds_is_told_by_field(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    for (body, field) in [
        (json!({}), "title"),
        (json!({ "title": "" }), "title"),
        (json!({ "title": "x".repeat(201) }), "title"),
        (json!({ "title": "Gala", "venue": "x".repeat(201) }), "venue"),
        (json!({ "title": "Gala", "description": "x".repeat(10_001) }), "description"),
        (json!({ "title": "Gala", "status": "OPEN" }), "status"),
        (json!({ "title": "Gala", "name": "x" }), "name"),
    ] {
        let response = send(&server, &admin, Method::POST, "/api/admin/events", body.clone()).await;
        let problem = server.problem(response, 400, "invalid_argument").await;
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    let event = server.event(&admin).await;
    let response =
        send(&server, &admin, Method::PATCH, &format!("/api/admin/events/{event}"), json!({ "title": null })).await;
    server.problem(response, 400, "invalid_argument").await;
    let unknown = format!("/api/admin/events/event_{}", "0".repeat(32));
    server.problem(send(&server, &admin, Method::PATCH, &unknown, json!({})).await, 404, "event_not_found").await;
}

pub async fn a_session_has_its_defaults_and_keeps_what_a_change_leaves_out(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let body = json!({
        "startAt": "2030-01-01T19:00:00+09:00", "totalStock": 10, "price": { "amount": 1, "currency": "KRW" },
        "salesOpenAt": "2029-01-01T00:00:00Z", "salesCloseAt": "2029-02-01T00:00:00Z",
    });
    let made = send(&server, &admin, Method::POST, &format!("/api/admin/events/{event}/sessions"), body).await;
    let made = expect(made, StatusCode::CREATED).await;
    assert_eq!(made["startAt"], "2030-01-01T10:00:00.000000Z");
    for (field, value) in [
        ("status", json!("SCHEDULED")),
        ("kind", json!("QUANTITY")),
        ("maxPerUser", json!(10)),
        ("holdTtlSeconds", json!(120)),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    let policy = json!({ "mode": "ON", "admitPerSecond": null, "maxActive": null, "waitTtlSeconds": 1800,
                         "admitTtlSeconds": 120, "maxLength": null });
    assert_eq!(made["queue"], policy);
    let path = format!("/api/admin/sessions/{}", made["id"].as_str().unwrap());
    let change = json!({ "salesOpenAt": null, "queue": { "admitPerSecond": 5, "admitTtlSeconds": null } });
    let changed = expect(send(&server, &admin, Method::PATCH, &path, change).await, StatusCode::OK).await;
    assert_eq!((&changed["salesOpenAt"], &changed["salesCloseAt"]), (&Value::Null, &made["salesCloseAt"]));
    let policy = json!({ "mode": "ON", "admitPerSecond": 5, "maxActive": null, "waitTtlSeconds": 1800,
                         "admitTtlSeconds": null, "maxLength": null });
    assert_eq!((&changed["queue"], &changed["totalStock"]), (&policy, &json!(10)));
    let changed =
        expect(send(&server, &admin, Method::PATCH, &path, json!({ "status": "OPEN" })).await, StatusCode::OK).await;
    assert_eq!((&changed["queue"], &changed["intent"]), (&policy, &json!("OPEN")));
}

pub async fn a_session_out_of_bounds_is_told_by_field(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let path = format!("/api/admin/events/{event}/sessions");
    let usual =
        json!({ "startAt": "2030-01-01T10:00:00Z", "totalStock": 1, "price": { "amount": 1, "currency": "KRW" } });
    for (member, value, field) in [
        ("startAt", Value::Null, "startAt"),
        ("startAt", json!("tomorrow"), "startAt"),
        ("price", Value::Null, "price"),
        ("price", json!({ "amount": -1, "currency": "KRW" }), "price"),
        ("price", json!([1, "KRW"]), "price"),
        ("queue", json!(["ON", 5]), "queue"),
        ("queue", json!([]), "queue"),
        ("price", json!({ "amount": 1, "currency": "won" }), "price.currency"),
        ("price", json!({ "amount": 1.5, "currency": "KRW" }), "price.amount"),
        ("totalStock", Value::Null, "totalStock"),
        ("totalStock", json!(-1), "totalStock"),
        ("totalStock", json!(10_000_001), "totalStock"),
        ("maxPerUser", json!(0), "maxPerUser"),
        ("holdTtlSeconds", json!(0), "holdTtlSeconds"),
        ("status", json!("SOLD"), "status"),
        ("kind", json!("STANDING"), "kind"),
        ("queue", json!({ "mode": "MAYBE" }), "queue.mode"),
        ("queue", json!({ "admitPerSecond": 0 }), "queue.admitPerSecond"),
        ("queue", json!({ "mode": null }), "queue.mode"),
        ("surprise", json!(1), "surprise"),
    ] {
        let mut body = usual.clone();
        match &value {
            Value::Null => body.as_object_mut().unwrap().remove(member),
            value => body.as_object_mut().unwrap().insert(member.to_owned(), value.clone()),
        };
        let problem =
            server.problem(send(&server, &admin, Method::POST, &path, body).await, 400, "invalid_argument").await;
        assert_eq!(problem["errors"][0]["field"], field, "{member}: {value} gave {problem}");
    }
    let mut seated = usual.clone();
    seated["kind"] = json!("SEATED");
    server.problem(send(&server, &admin, Method::POST, &path, seated).await, 400, "invalid_argument").await;
    let unknown = format!("/api/admin/events/event_{}/sessions", "0".repeat(32));
    server.problem(send(&server, &admin, Method::POST, &unknown, usual).await, 404, "event_not_found").await;
}

pub async fn stock_never_falls_below_what_is_held_and_sold(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let session = server.session(&admin, &event, json!({ "queue": { "mode": "OFF" } })).await;
    hold(&server, &session, 3).await;
    let path = format!("/api/admin/sessions/{session}");
    let response = send(&server, &admin, Method::PATCH, &path, json!({ "totalStock": 2 })).await;
    assert_eq!(server.problem(response, 409, "stock_in_use").await["inUse"], 3);
    let changed =
        expect(send(&server, &admin, Method::PATCH, &path, json!({ "totalStock": 3 })).await, StatusCode::OK).await;
    assert_eq!((&changed["totalStock"], &changed["remainingStock"]), (&json!(3), &json!(0)));
}

pub async fn seats_are_added_all_or_none(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let seated = server.session(&admin, &event, json!({ "kind": "SEATED" })).await;
    let path = format!("/api/admin/sessions/{seated}/seats");
    let seat = |id: &str| json!({ "id": id, "section": "Stalls", "row": "A", "number": 1 });
    let import = |seats: Value| send(&server, &admin, Method::POST, &path, json!({ "seats": seats }));
    let made = expect(import(json!([seat("A1"), seat("A2")])).await, StatusCode::CREATED).await;
    assert_eq!(made, json!({ "sessionId": seated, "imported": 2, "totalStock": 2 }));
    let known = server.problem(import(json!([seat("A3"), seat("A2")])).await, 409, "seat_exists").await;
    assert_eq!(known["seatIds"], json!(["A2"]));
    for (seats, field) in [
        (json!([]), "seats"),
        (json!([seat("B1"), seat("B1")]), "seats[1].id"),
        (json!([seat("has space")]), "seats[0].id"),
        (json!([["C1", "S", "C", 1, null]]), "seats[0]"),
        (json!([seat("")]), "seats[0].id"),
        (json!([{ "id": "B1", "section": "x".repeat(65), "row": "A", "number": 1 }]), "seats[0].section"),
        (json!([{ "id": "B1", "section": "S", "row": "A", "number": "1" }]), "seats[0].number"),
        (
            json!([{ "id": "B1", "section": "S", "row": "A", "number": 1, "price": { "amount": 1, "currency": "USD" } }]),
            "price",
        ),
    ] {
        let problem = server.problem(import(seats.clone()).await, 400, "invalid_argument").await;
        assert_eq!(problem["errors"][0]["field"], field, "{seats}");
    }
    let shown =
        expect(server.get(&format!("/api/sessions/{seated}/seats")).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(shown["items"].as_array().unwrap().len(), 2);
    let quantity = server.session(&admin, &event, json!({})).await;
    let path = format!("/api/admin/sessions/{quantity}/seats");
    let response = send(&server, &admin, Method::POST, &path, json!({ "seats": [seat("A1")] })).await;
    server.problem(response, 400, "invalid_argument").await;
}

pub async fn a_hold_is_counted_listed_and_released(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let session = server.session(&admin, &event, json!({ "queue": { "mode": "OFF" } })).await;
    let held = hold(&server, &session, 4).await.to_string();
    let stats = format!("/api/admin/sessions/{session}/stats");
    let numbers = get(&server, &admin, &stats).await;
    assert_eq!((&numbers["available"], &numbers["held"], &numbers["sold"]), (&json!(96), &json!(4), &json!(0)));
    assert_eq!(
        (&numbers["waiting"], &numbers["active"], &numbers["rates"]["held"]),
        (&json!(0), &json!(0), &json!(0.04))
    );
    let holds = |status: &str| format!("/api/admin/holds?sessionId={session}&status={status}");
    let active = get(&server, &admin, &holds("ACTIVE")).await;
    assert_eq!((&active["items"][0]["holdId"], &active["items"][0]["quantity"]), (&json!(held), &json!(4)));
    let user = active["items"][0]["userId"].as_str().unwrap();
    let of_user = get(&server, &admin, &format!("/api/admin/holds?userId={user}")).await;
    assert_eq!(of_user["items"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        let response =
            server.delete(&format!("/api/admin/holds/{held}")).bearer_auth(&admin.token).send().await.unwrap();
        expect(response, StatusCode::NO_CONTENT).await;
    }
    assert_eq!(get(&server, &admin, &holds("ACTIVE")).await["items"], json!([]));
    assert_eq!(get(&server, &admin, &holds("RELEASED")).await["items"][0]["holdId"], json!(held));
    assert_eq!(get(&server, &admin, &stats).await["available"], 100);
    assert_eq!(get(&server, &admin, "/api/admin/verify").await["ok"], true);
    let unknown = server.delete("/api/admin/holds/nonsense").bearer_auth(&admin.token).send().await.unwrap();
    server.problem(unknown, 404, "hold_not_found").await;
    let wrong = server.get("/api/admin/holds?status=LOST").bearer_auth(&admin.token).send().await.unwrap();
    server.problem(wrong, 400, "invalid_argument").await;
}

pub async fn what_an_administrator_did_stands_in_the_audit_log_with_its_trace(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = server.post("/api/admin/events").bearer_auth(&admin.token).json(&json!({ "title": "Gala" }));
    let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let made = expect(request.send().await.unwrap(), StatusCode::CREATED).await;
    let stream = made["id"].as_str().unwrap().parse().unwrap();
    let log = server.app.ticketing.queries().audit(stream, 0, 10).await.unwrap();
    assert_eq!(log[0].actor, Actor::User(admin.id));
    assert_eq!(log[0].trace_id.unwrap().to_string(), trace);
}
