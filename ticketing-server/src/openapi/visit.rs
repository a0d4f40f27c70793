//! Accounts, the catalogue and the waiting room.

use serde_json::json;

use super::{
    operation::{Operation, operation},
    schema::{of, text},
};

pub(super) fn operations() -> Vec<Operation> {
    [accounts(), catalogue(), waiting_room()].concat()
}

fn accounts() -> Vec<Operation> {
    let tag = "Accounts";
    vec![
        operation("post", "/api/auth/signup", "signUp", tag, "Create an account")
            .body("Credentials")
            .brings(201, of("SignedUp"), "The account.")
            .refuses(400, &["invalid_email", "weak_password"])
            .refuses(409, &["email_taken"]),
        operation("post", "/api/auth/login", "logIn", tag, "Get an access token and a refresh token")
            .body("Credentials")
            .brings(200, of("LoggedIn"), "The tokens.")
            .refuses(401, &["bad_credentials"]),
        operation("post", "/api/auth/refresh", "refresh", tag, "Get new tokens for a refresh token, which is used up")
            .body("RefreshRequest")
            .brings(200, of("LoggedIn"), "The tokens. Asked again within 10 s, the same refresh token.")
            .refuses(401, &["refresh_token_invalid"]),
        operation("post", "/api/auth/logout", "logOut", tag, "End the log-in that a refresh token belongs to")
            .body("RefreshRequest")
            .done(204, "It is over, or was no log-in."),
        operation("get", "/api/me", "whoAmI", tag, "The user of the access token").user().brings(
            200,
            of("Me"),
            "The user.",
        ),
    ]
}

fn catalogue() -> Vec<Operation> {
    let tag = "Catalogue";
    vec![
        operation("get", "/api/events", "listEvents", tag, "List events").paged().brings(200, of("Events"), "A page."),
        operation("get", "/api/events/{event_id}", "showEvent", tag, "Show an event")
            .id("event_id", "event")
            .brings(200, of("Event"), "The event.")
            .refuses(404, &["event_not_found"]),
        operation("get", "/api/events/{event_id}/sessions", "listSessions", tag, "List an event's sessions")
            .id("event_id", "event")
            .paged()
            .brings(200, of("Sessions"), "A page.")
            .refuses(404, &["event_not_found"]),
        operation("get", "/api/sessions/{session_id}", "showSession", tag, "Show a session with what is left")
            .id("session_id", "session")
            .brings(200, of("Session"), "The session.")
            .refuses(404, &["session_not_found"]),
        operation("get", "/api/sessions/{session_id}/seats", "listSeats", tag, "List a session's seats, in one answer")
            .id("session_id", "session")
            .parameter(
                "query",
                "since",
                false,
                json!({ "type": "integer", "minimum": 0, "examples": [17] }),
                "The `version` of an earlier list: only what has changed behind it is told.",
            )
            .parameter("header", "If-None-Match", false, json!({ "type": "string" }), "The `ETag` of an earlier list.")
            .brings(200, of("Seats"), "All seats, or those that changed; compressed for who accepts gzip.")
            .header("ETag", json!({ "type": "string" }))
            .done(304, "The list is still the one of that `ETag`.")
            .header("ETag", json!({ "type": "string" }))
            .refuses(400, &["invalid_argument"])
            .refuses(404, &["session_not_found"]),
    ]
}

fn waiting_room() -> Vec<Operation> {
    let tag = "Waiting room";
    let by_either = |operation: Operation| {
        let told = "The queue token; or in the header `Queue-Token`.";
        operation
            .parameter("query", "token", false, text("AQAAAAAAAAAAAAAAAAAAAAAB"), told)
            .parameter("header", "Queue-Token", false, text("AQAAAAAAAAAAAAAAAAAAAAAB"), "The queue token.")
            .refuses(400, &["queue_token_required", "invalid_argument"])
            .refuses(404, &["queue_token_not_found"])
            .refuses(410, &["queue_token_expired"])
            .refuses(503, &["queue_unavailable"])
    };
    vec![
        operation("post", "/api/queue/token", "joinQueue", tag, "Take a place in a session's waiting room")
            .user()
            .body("QueueTokenRequest")
            .brings(201, of("QueueToken"), "The place.")
            .brings(200, of("QueueToken"), "The place that the user has already.")
            .refuses(404, &["session_not_found"])
            .refuses(409, &["not_on_sale", "sale_closed", "sold_out"])
            .refuses(429, &["queue_full"])
            .refuses(503, &["queue_unavailable"]),
        operation("delete", "/api/queue/token", "leaveQueue", tag, "Give a place up")
            .user()
            .parameter("header", "Queue-Token", false, text("AQAAAAAAAAAAAAAAAAAAAAAB"), "The queue token.")
            .done(204, "It is given up.")
            .refuses(400, &["queue_token_required"])
            .refuses(404, &["queue_token_not_found"])
            .refuses(503, &["queue_unavailable"]),
        by_either(operation("get", "/api/queue/status", "queueStatus", tag, "Where a place stands"))
            .user()
            .brings(200, of("QueueStatus"), "The place."),
        by_either(operation("get", "/api/queue/stream", "queueStream", tag, "Follow where a place stands"))
            .user()
            .brings_as(
                200,
                "text/event-stream",
                Some(json!({ "type": "string" })),
                "A `QueueStatus` as the data of an event, now and on every change. The last event, `end`, has the reason \
                 why there is no more, or `replaced` when the user has newer streams.",
            ),
    ]
}
