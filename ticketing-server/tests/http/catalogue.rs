//! Events, sessions and seats, as everybody sees them.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    server::{Person, TestServer, expect, header},
    store::Store,
};

async fn get(server: &TestServer, path: &str) -> Value {
    expect(server.get(path).send().await.unwrap(), StatusCode::OK).await
}

async fn get_as(server: &TestServer, person: &Person, path: &str) -> Value {
    expect(server.get(path).bearer_auth(&person.token).send().await.unwrap(), StatusCode::OK).await
}

pub async fn a_published_event_and_its_sessions_are_shown_to_everybody(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let session = server.session(&admin, &event, json!({ "maxPerUser": 4 })).await;
    let shown =
        json!({ "id": event, "title": "Gala", "description": "One night", "venue": "Hall", "status": "PUBLISHED" });
    assert_eq!(get(&server, &format!("/api/events/{event}")).await, shown);
    assert_eq!(get(&server, "/api/events").await, json!({ "items": [shown], "nextCursor": null }));
    let one = get(&server, &format!("/api/sessions/{session}")).await;
    let mut expected = json!({
        "id": session, "eventId": event, "startAt": "2030-01-01T10:00:00.000000Z", "salesOpenAt": null,
        "salesCloseAt": null, "kind": "QUANTITY", "totalStock": 100, "remainingStock": 100, "status": "OPEN",
        "price": { "amount": 55_000, "currency": "KRW" }, "maxPerUser": 4,
    });
    expected["asOf"] = one["asOf"].clone();
    assert_eq!(one, expected);
    let list = get(&server, &format!("/api/events/{event}/sessions")).await;
    assert_eq!((&list["items"][0]["id"], &list["nextCursor"]), (&json!(session), &Value::Null));
    let response = server.get(&format!("/api/sessions/{session}")).send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/json");
}

pub async fn what_is_not_published_is_shown_to_administrators_alone(store: &Store) {
    let server = TestServer::start(store).await;
    let (admin, buyer) = (server.admin().await, server.buyer().await);
    let body = json!({ "title": "Draft" });
    let event = server.create(&admin, "/api/admin/events", &body).await;
    let session = server.session(&admin, &event, json!({})).await;
    let paths = [
        (format!("/api/events/{event}"), "event_not_found"),
        (format!("/api/events/{event}/sessions"), "event_not_found"),
        (format!("/api/events/{event}/sessions?limit=1"), "event_not_found"),
        (format!("/api/sessions/{session}"), "session_not_found"),
        (format!("/api/sessions/{session}/seats"), "session_not_found"),
    ];
    for (path, reason) in &paths {
        server.problem(server.get(path).send().await.unwrap(), 404, reason).await;
        server.problem(server.get(path).bearer_auth(&buyer.token).send().await.unwrap(), 404, reason).await;
        get_as(&server, &admin, path).await;
    }
    assert_eq!(get(&server, "/api/events").await["items"], json!([]));
    assert_eq!(get_as(&server, &admin, "/api/events").await["items"][0]["status"], "DRAFT");
    let publish = server.patch(&format!("/api/admin/events/{event}")).bearer_auth(&admin.token);
    expect(publish.json(&json!({ "status": "PUBLISHED" })).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(get(&server, "/api/events").await["items"][0]["id"], json!(event));
}

pub async fn an_id_that_is_none_names_nothing(store: &Store) {
    let server = TestServer::start(store).await;
    let unknown = "0".repeat(32);
    for (path, reason) in [
        ("/api/events/nonsense".to_owned(), "event_not_found"),
        (format!("/api/events/event_{unknown}"), "event_not_found"),
        (format!("/api/events/session_{unknown}"), "event_not_found"),
        (format!("/api/events/event_{unknown}/sessions"), "event_not_found"),
        ("/api/events/%F0%28%8C%28/sessions".to_owned(), "event_not_found"),
        (format!("/api/sessions/session_{unknown}"), "session_not_found"),
        (format!("/api/sessions/SESSION_{unknown}"), "session_not_found"),
        (format!("/api/sessions/session_{unknown}/seats"), "session_not_found"),
    ] {
        server.problem(server.get(&path).send().await.unwrap(), 404, reason).await;
    }
}

pub async fn the_status_shown_is_bounded_by_the_sales_window(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    for (change, shown) in [
        (json!({ "salesOpenAt": "2999-01-01T00:00:00Z" }), "SCHEDULED"),
        (json!({ "salesOpenAt": "2001-01-01T00:00:00Z", "salesCloseAt": "2999-01-01T00:00:00Z" }), "OPEN"),
        (json!({ "salesCloseAt": "2001-01-01T00:00:00Z" }), "CLOSED"),
        (json!({ "status": "PAUSED" }), "PAUSED"),
        (json!({ "status": "SCHEDULED" }), "SCHEDULED"),
    ] {
        let session = server.session(&admin, &event, change.clone()).await;
        assert_eq!(get(&server, &format!("/api/sessions/{session}")).await["status"], shown, "{change}");
    }
}

pub async fn lists_come_in_pages_that_follow_each_other(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(json!(server.session(&admin, &event, json!({})).await));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&server, &format!("/api/events/{event}/sessions?limit=2{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|item| item["id"].clone()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
    let lists = ["/api/events".to_owned(), format!("/api/events/{event}/sessions")];
    let admin_lists = ["/api/admin/events".to_owned(), "/api/admin/holds".to_owned()];
    for list in lists.iter().chain(&admin_lists) {
        for query in ["limit=0", "limit=201", "limit=-1", "limit=x", "cursor=nonsense", "cursor="] {
            let response = server.get(&format!("{list}?{query}")).bearer_auth(&admin.token).send().await.unwrap();
            server.problem(response, 400, "invalid_argument").await;
        }
    }
}

pub async fn seats_are_shown_with_what_each_costs(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let session = server.session(&admin, &event, json!({ "kind": "SEATED" })).await;
    let seats = json!({ "seats": [
        { "id": "A1", "section": "Stalls", "row": "A", "number": 1, "price": { "amount": 99_000, "currency": "KRW" } },
        { "id": "A2", "section": "Stalls", "row": "A", "number": 2 },
    ]});
    let import = server.post(&format!("/api/admin/sessions/{session}/seats")).bearer_auth(&admin.token).json(&seats);
    expect(import.send().await.unwrap(), StatusCode::CREATED).await;
    let shown = get(&server, &format!("/api/sessions/{session}/seats")).await;
    let seat = |id: &str, number: u32, amount: u32| {
        json!({ "id": id, "section": "Stalls", "row": "A", "number": number, "status": "AVAILABLE",
                "price": { "amount": amount, "currency": "KRW" } })
    };
    assert_eq!(shown["items"], json!([seat("A1", 1, 99_000), seat("A2", 2, 55_000)]));
    assert!(shown["version"].is_u64());
}

pub async fn a_change_of_stock_is_shown_within_a_second(store: &Store) {
    let server = TestServer::start(store).await;
    let admin = server.admin().await;
    let event = server.event(&admin).await;
    let session = server.session(&admin, &event, json!({})).await;
    let paths = [format!("/api/sessions/{session}"), format!("/api/events/{event}/sessions")];
    for path in &paths {
        get(&server, path).await;
    }
    let change = server.patch(&format!("/api/admin/sessions/{session}")).bearer_auth(&admin.token);
    expect(change.json(&json!({ "totalStock": 7 })).send().await.unwrap(), StatusCode::OK).await;
    let deadline = Instant::now() + Duration::from_secs(1);
    for path in &paths {
        loop {
            let asked = Instant::now();
            let shown = get(&server, path).await;
            let shown = shown.get("items").map_or(&shown, |items| &items[0])["remainingStock"].clone();
            if shown == 7 {
                break;
            }
            assert!(asked < deadline, "{path} still shows {shown}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}
