//! What administrators do.

use serde_json::json;

use super::{
    operation::{Operation, operation},
    schema::{id, of, one_of, text_of},
};

const TAG: &str = "Administration";

pub(super) fn operations() -> Vec<Operation> {
    [catalogue(), sales()].concat().into_iter().map(Operation::admin).collect()
}

fn catalogue() -> Vec<Operation> {
    let status = || one_of(&["DRAFT", "PUBLISHED", "ARCHIVED"]);
    vec![
        operation("post", "/api/admin/events", "createEvent", TAG, "Create an event").body("NewEvent").brings(
            201,
            of("AdminEvent"),
            "The event.",
        ),
        operation("get", "/api/admin/events", "listAllEvents", TAG, "List events, drafts too")
            .parameter("query", "status", false, status(), "Only events with this status.")
            .paged()
            .brings(200, of("AdminEvents"), "A page."),
        operation("get", "/api/admin/events/{event_id}", "showAnyEvent", TAG, "Show an event")
            .id("event_id", "event")
            .brings(200, of("AdminEvent"), "The event.")
            .refuses(404, &["event_not_found"]),
        operation(
            "patch",
            "/api/admin/events/{event_id}",
            "changeEvent",
            TAG,
            "Change an event; what is left out stays",
        )
        .id("event_id", "event")
        .body("EventChange")
        .brings(200, of("AdminEvent"), "The event.")
        .refuses(404, &["event_not_found"]),
        operation(
            "post",
            "/api/admin/events/{event_id}/sessions",
            "createSession",
            TAG,
            "Create a session of an event",
        )
        .id("event_id", "event")
        .body("NewSession")
        .brings(201, of("AdminSession"), "The session.")
        .refuses(404, &["event_not_found"]),
        operation(
            "patch",
            "/api/admin/sessions/{session_id}",
            "changeSession",
            TAG,
            "Change a session, also while it sells; what is left out stays",
        )
        .id("session_id", "session")
        .body("SessionChange")
        .brings(200, of("AdminSession"), "The session.")
        .refuses(404, &["session_not_found"])
        .refuses(409, &["stock_in_use"]),
        operation(
            "post",
            "/api/admin/sessions/{session_id}/seats",
            "importSeats",
            TAG,
            "Add seats to a seated session: all or none; 4 MiB at most",
        )
        .id("session_id", "session")
        .body("NewSeats")
        .brings(201, of("SeatsImported"), "They are there.")
        .refuses(404, &["session_not_found"])
        .refuses(409, &["seat_exists"]),
        operation(
            "get",
            "/api/admin/sessions/{session_id}/stats",
            "sessionStats",
            TAG,
            "A session's numbers, read now",
        )
        .id("session_id", "session")
        .brings(200, of("Stats"), "The numbers.")
        .refuses(404, &["session_not_found"]),
    ]
}

fn sales() -> Vec<Operation> {
    let by_session = |operation: Operation| {
        operation.parameter("query", "sessionId", false, id("session"), "Only those of this session.").parameter(
            "query",
            "userId",
            false,
            id("user"),
            "Only those of this user.",
        )
    };
    vec![
        by_session(operation("get", "/api/admin/holds", "listHolds", TAG, "List holds"))
            .parameter("query", "status", false, one_of(&["ACTIVE", "EXPIRED", "RELEASED", "CONFIRMED"]),
                "Only those recorded with this status.")
            .paged()
            .brings(200, of("AdminHolds"), "A page."),
        operation("delete", "/api/admin/holds/{hold_id}", "releaseAnyHold", TAG, "Give a hold's stock back")
            .id("hold_id", "hold")
            .done(204, "It is over, by this or before.")
            .refuses(404, &["hold_not_found"])
            .refuses(409, &["already_sold"]),
        by_session(operation("get", "/api/admin/orders", "listOrders", TAG, "List orders"))
            .parameter("query", "status", false, one_of(&["PENDING", "PAID", "CANCELLED", "REFUNDED"]),
                "Only those with this status.")
            .paged()
            .brings(200, of("AdminOrders"), "A page."),
        operation("get", "/api/admin/orders/{order_id}", "showOrder", TAG, "Show an order")
            .id("order_id", "order")
            .brings(200, of("AdminOrder"), "The order.")
            .refuses(404, &["order_not_found"]),
        operation("post", "/api/admin/orders/{order_id}/refund", "refundOrder", TAG,
            "Give a paid order back: its tickets are void and its stock is for sale at once, the money follows")
            .id("order_id", "order")
            .brings(200, of("Refund"), "It is on its way, or back.")
            .refuses(404, &["order_not_found"])
            .refuses(409, &["order_not_paid", "ticket_used"]),
        operation("get", "/api/admin/audit", "listAuditRecords", TAG, "Search the audit log, chain after chain")
            .parameter("query", "targetId", false, text_of(1, 128, "hold_0190163d8a7b7c3e9a1b2c3d4e5f6071"),
                "Only records about this.")
            .parameter("query", "actorId", false,
                json!({ "type": "string", "pattern": "^(user_[0-9a-f]{32}|operator|gateway|engine)$", "examples": ["gateway"] }),
                "Only what this one did: a user's id, `operator`, `gateway` or `engine`.")
            .paged()
            .brings(200, of("AuditRecords"), "A page; it may be short although there is a next one."),
        operation("post", "/api/admin/payments/reconcile", "reconcile", TAG,
            "Ask the gateway for everything it captured, and settle what the ledger missed")
            .body("ReconcileRequest")
            .brings(200, of("Reconciled"), "What came of it.")
            .refuses(502, &["gateway_refused"])
            .refuses(503, &["gateway_unavailable"]),
        operation("get", "/api/admin/payments/unmatched", "listUnmatched", TAG,
            "List callbacks that name no payment of this store")
            .paged()
            .brings(200, of("UnmatchedCallbacks"), "A page."),
        operation("get", "/api/admin/verify", "verify", TAG, "Check every invariant that the records can show")
            .brings(200, of("Verdict"), "What was found."),
    ]
}
