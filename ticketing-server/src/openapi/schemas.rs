//! What goes in and comes out.

use serde_json::{Map, Value, json};

use super::schema::{
    amount, count, currency, id, list, nullable, object, of, one_of, page, text, text_of, time, told, visible, whole,
    yes,
};
use crate::gateway::play::Decision;

/// All schemas, by name.
pub(super) fn all() -> Map<String, Value> {
    let groups = [common(), people(), catalogue(), purchase(), administration(), gateway()];
    groups.into_iter().flatten().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

type Named = Vec<(&'static str, Value)>;

const QR: &str = "TKT1.AQECAwQFBgcI.c2lnbmF0dXJl";
const TOKEN: &str = "AQAAAAAAAAAAAAAAAAAAAAAB";

fn common() -> Named {
    let mut problem = object([
        ("type", text("/problems/sold_out")),
        ("title", text("Conflict")),
        ("status", whole(400, 599, 409)),
        ("code", text("409_CONFLICT")),
        ("reason", told(text("sold_out"), "The stable word to match on.")),
        ("detail", text("only 1 left")),
        (
            "traceId",
            json!({ "type": "string", "pattern": "^[0-9a-f]{32}$", "examples": ["0af7651916cd43dd8448eb211c80319c"] }),
        ),
        ("errors", list(object([("field", text("quantity")), ("message", text("1 to 100"))]))),
        ("remaining?", count(1)),
        ("holdId?", id("hold")),
        ("seatIds?", list(of("SeatId"))),
        ("maxPerUser?", count(4)),
        ("inUse?", count(3)),
        ("redeemedAt?", time()),
        ("orderStatus?", one_of(&["PENDING", "CANCELLED"])),
        ("ticketIds?", list(id("ticket"))),
        ("checks?", json!({ "type": "object" })),
    ]);
    problem["description"] = json!("A refusal (RFC 9457).");
    vec![
        ("Problem", problem),
        ("Reason", object([("reason", text("sold_out")), ("meaning", text("Not enough is left."))])),
        ("Money", object([("amount", amount()), ("currency", currency())])),
        ("SeatId", visible(32, "A1")),
    ]
}

fn people() -> Named {
    let email = || json!({ "type": "string", "examples": ["kim@example.com"] });
    let role = || one_of(&["USER", "STAFF", "ADMIN"]);
    vec![
        (
            "Credentials",
            object([
                ("email", email()),
                ("password", json!({ "type": "string", "format": "password", "examples": ["Secret123"] })),
            ]),
        ),
        ("SignedUp", object([("userId", id("user")), ("email", email())])),
        ("RefreshRequest", object([("refreshToken", text("AZAWPYp7fD6aGyw9Tl9gcQ"))])),
        (
            "LoggedIn",
            object([
                ("accessToken", text("eyJhbGciOiJIUzI1NiJ9.e30.c2ln")),
                ("refreshToken", told(text("AZAWPYp7fD6aGyw9Tl9gcQ"), "Used once: its answer has the next one.")),
                ("tokenType", one_of(&["Bearer"])),
                ("expiresIn", told(whole(1, 900, 900), "Life of the access token, in seconds.")),
            ]),
        ),
        ("Me", object([("userId", id("user")), ("email", nullable(email())), ("role", role())])),
    ]
}

fn sale_status() -> Value {
    one_of(&["SCHEDULED", "OPEN", "PAUSED", "CLOSED"])
}

fn event_status() -> Value {
    one_of(&["DRAFT", "PUBLISHED", "ARCHIVED"])
}

fn session_members() -> [(&'static str, Value); 12] {
    [
        ("id", id("session")),
        ("eventId", id("event")),
        ("startAt", time()),
        ("salesOpenAt", nullable(time())),
        ("salesCloseAt", nullable(time())),
        ("kind", one_of(&["QUANTITY", "SEATED"])),
        ("totalStock", count(500)),
        ("remainingStock", count(320)),
        (
            "status",
            told(sale_status(), "The effective one: an open session is SCHEDULED before and CLOSED after its window."),
        ),
        ("price", of("Money")),
        ("maxPerUser", count(4)),
        ("asOf", told(time(), "At most 1 s ago.")),
    ]
}

fn event_members() -> [(&'static str, Value); 5] {
    [
        ("id", id("event")),
        ("title", text("Winter gala")),
        ("description", text("One night.")),
        ("venue", text("Hall 1")),
        ("status", event_status()),
    ]
}

fn catalogue() -> Named {
    let seat = object([
        ("id", of("SeatId")),
        ("section", text("Stalls")),
        ("row", text("A")),
        ("number", json!({ "type": "integer", "examples": [1] })),
        ("status", one_of(&["AVAILABLE", "HOLD", "SOLD"])),
        ("price", of("Money")),
    ]);
    vec![
        ("Event", object(event_members())),
        ("Events", page(of("Event"))),
        ("Session", object(session_members())),
        ("Sessions", page(of("Session"))),
        ("Seat", seat),
        (
            "Seats",
            object([
                ("items", list(of("Seat"))),
                ("version", told(count(17), "Goes into `since`. With `since`, only what changed is here.")),
            ]),
        ),
    ]
}

fn purchase() -> Named {
    let allowed = || yes(true);
    let position = || told(count(0), "People still waiting ahead, plus one; 0 once allowed.");
    let eta = || told(nullable(count(0)), "Seconds until the turn comes, as far as the policy tells.");
    let mut hold_request = object([
        ("sessionId?", id("session")),
        ("quantity?", whole(1, 100, 2)),
        (
            "seatIds?",
            json!({ "type": "array", "items": of("SeatId"), "minItems": 1, "maxItems": 100, "uniqueItems": true }),
        ),
        ("queueToken?", text(TOKEN)),
    ]);
    hold_request["oneOf"] = json!([
        { "required": ["sessionId", "quantity"], "not": { "required": ["seatIds"] } },
        { "required": ["seatIds"], "not": { "required": ["quantity"] } },
    ]);
    hold_request["examples"] = json!([
        { "sessionId": "session_0190163d8a7b7c3e9a1b2c3d4e5f6071", "quantity": 2, "queueToken": TOKEN },
    ]);
    let payment_status = || one_of(&["PENDING", "SUCCEEDED", "FAILED", "REFUND_PENDING", "REFUNDED"]);
    let order_status = || one_of(&["PENDING", "PAID", "CANCELLED", "REFUNDED"]);
    vec![
        ("QueueTokenRequest", object([("sessionId", id("session"))])),
        (
            "QueueToken",
            object([
                ("queueToken", text(TOKEN)),
                ("position", position()),
                ("allowed", allowed()),
                ("expiresAt", nullable(time())),
                ("etaSeconds", eta()),
            ]),
        ),
        (
            "QueueStatus",
            object([
                ("state", one_of(&["WAITING", "ALLOWED", "SOLD_OUT"])),
                ("position", position()),
                ("allowed", allowed()),
                ("expiresAt", nullable(time())),
                ("etaSeconds", eta()),
                ("serverTime", time()),
            ]),
        ),
        ("HoldRequest", hold_request),
        (
            "Hold",
            object([
                ("holdId", id("hold")),
                ("sessionId", id("session")),
                ("quantity", count(2)),
                ("seatIds", list(of("SeatId"))),
                ("amount", amount()),
                ("currency", currency()),
                ("status", one_of(&["ACTIVE", "EXPIRED", "RELEASED", "CONFIRMED"])),
                ("expiresAt", time()),
            ]),
        ),
        ("CheckoutRequest", object([("holdId", id("hold")), ("method", one_of(&["CARD"]))])),
        (
            "Checkout",
            object([
                ("paymentId", id("payment")),
                ("orderId", id("order")),
                ("pgPaymentId", visible(255, "sandbox_1")),
                (
                    "paymentSessionUrl",
                    json!({ "type": "string", "examples": ["http://127.0.0.1:8080/sandbox/pay/sandbox_1"] }),
                ),
                ("amount", amount()),
                ("currency", currency()),
                ("expiresAt", time()),
            ]),
        ),
        (
            "Callback",
            json!({
                "type": "object",
                "description": "Other members are kept, not refused.",
                "properties": {
                    "pgPaymentId": { "type": "string", "minLength": 1, "examples": ["sandbox_1"] },
                    "status": { "type": "string", "enum": ["SUCCESS", "FAIL"] },
                    "amount": { "type": ["integer", "null"], "examples": [110_000] },
                    "currency": { "type": ["string", "null"], "examples": ["KRW"] },
                },
                "required": ["pgPaymentId", "status"],
            }),
        ),
        ("Nothing", object([])),
        (
            "Payment",
            object([
                ("paymentId", id("payment")),
                ("orderId", id("order")),
                ("holdId", id("hold")),
                ("status", payment_status()),
                ("amount", amount()),
                ("currency", currency()),
            ]),
        ),
        (
            "Order",
            object([
                ("orderId", id("order")),
                ("status", order_status()),
                ("sessionId", id("session")),
                ("holdId", id("hold")),
                ("paymentId", id("payment")),
                ("paymentStatus", payment_status()),
                (
                    "items",
                    list(object([
                        ("eventId", id("event")),
                        ("sessionId", id("session")),
                        ("title", text("Winter gala")),
                        ("startAt", time()),
                        ("quantity", count(2)),
                        ("seatIds", list(of("SeatId"))),
                        ("amount", amount()),
                        ("currency", currency()),
                    ])),
                ),
                ("amount", amount()),
                ("currency", currency()),
                ("createdAt", time()),
                ("updatedAt", time()),
                ("paidAt", nullable(time())),
            ]),
        ),
        ("Orders", page(of("Order"))),
        (
            "Ticket",
            object([
                ("ticketId", id("ticket")),
                ("orderId", id("order")),
                ("eventId", id("event")),
                ("sessionId", id("session")),
                ("title", text("Winter gala")),
                ("startAt", time()),
                ("seatId", nullable(of("SeatId"))),
                ("status", one_of(&["VALID", "USED", "REVOKED"])),
                ("qr", text(QR)),
            ]),
        ),
        ("Tickets", page(of("Ticket"))),
        (
            "TicketKeys",
            object([(
                "keys",
                list(object([
                    ("kid", text("0af7651916cd43dd")),
                    ("kty", one_of(&["OKP"])),
                    ("crv", one_of(&["Ed25519"])),
                    ("alg", one_of(&["EdDSA"])),
                    ("use", one_of(&["sig"])),
                    ("x", text("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")),
                ])),
            )]),
        ),
        (
            "Scan",
            object([
                ("qr", text(QR)),
                ("nonce", visible(255, "gate-3-000127")),
                ("sessionId?", nullable(id("session"))),
            ]),
        ),
        (
            "Admitted",
            object([
                ("result", one_of(&["admitted"])),
                ("ticketId", id("ticket")),
                ("eventId", id("event")),
                ("sessionId", id("session")),
                ("seatId", nullable(of("SeatId"))),
                ("redeemedAt", time()),
            ]),
        ),
    ]
}

fn administration() -> Named {
    let limit = |max: i64, example: i64| nullable(whole(1, max, example));
    let policy = || {
        told(
            object([
                ("mode?", one_of(&["ON", "OFF"])),
                ("admitPerSecond?", limit(4_294_967_295, 50)),
                ("maxActive?", limit(4_294_967_295, 1_000)),
                ("waitTtlSeconds?", limit(604_800, 1_800)),
                ("admitTtlSeconds?", limit(604_800, 120)),
                ("maxLength?", limit(4_294_967_295, 100_000)),
                ("preQueueSeconds?", limit(604_800, 1_800)),
            ]),
            "A member that is missing is at its default, `null` is no limit.",
        )
    };
    let settings = |required: bool| {
        let nothing = |schema| if required { nullable(schema) } else { schema };
        object([
            (if required { "startAt" } else { "startAt?" }, time()),
            (if required { "price" } else { "price?" }, of("Money")),
            ("totalStock?", nothing(whole(0, 10_000_000, 500))),
            ("salesOpenAt?", nullable(time())),
            ("salesCloseAt?", nullable(time())),
            ("kind?", nothing(one_of(&["QUANTITY", "SEATED"]))),
            ("maxPerUser?", nothing(whole(1, 10_000, 4))),
            ("holdTtlSeconds?", nothing(whole(1, 86_400, 120))),
            ("status?", nothing(sale_status())),
            ("queue?", of("QueuePolicy")),
        ])
    };
    let [a, b, c, d, e] = event_members();
    let [s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12] = session_members();
    let mut created = settings(true);
    created["examples"] = json!([{
        "startAt": "2027-04-01T10:00:00Z", "price": { "amount": 55_000, "currency": "KRW" }, "totalStock": 500, "status": "OPEN",
    }]);
    let share = || json!({ "type": "number", "minimum": 0, "maximum": 1, "examples": [0.25] });
    vec![
        ("QueuePolicy", policy()),
        (
            "NewEvent",
            object([
                ("title", text_of(1, 200, "Winter gala")),
                ("description?", text_of(0, 10_000, "One night.")),
                ("venue?", text_of(0, 200, "Hall 1")),
                ("status?", event_status()),
            ]),
        ),
        (
            "EventChange",
            object([
                ("title?", text_of(1, 200, "Winter gala")),
                ("description?", text_of(0, 10_000, "One night.")),
                ("venue?", text_of(0, 200, "Hall 1")),
                ("status?", event_status()),
            ]),
        ),
        ("AdminEvent", object([a, b, c, d, e, ("createdAt", time()), ("updatedAt", time())])),
        ("AdminEvents", page(of("AdminEvent"))),
        ("NewSession", created),
        ("SessionChange", settings(false)),
        (
            "AdminSession",
            object([
                s1,
                s2,
                s3,
                s4,
                s5,
                s6,
                s7,
                s8,
                s9,
                s10,
                s11,
                s12,
                ("intent", told(sale_status(), "The organiser's; `status` is its effect.")),
                ("holdTtlSeconds", count(120)),
                ("queue", of("QueuePolicy")),
                ("version", count(17)),
                ("createdAt", time()),
                ("updatedAt", time()),
            ]),
        ),
        (
            "NewSeats",
            object([(
                "seats",
                json!({ "type": "array", "minItems": 1, "items": object([
                    ("id", of("SeatId")),
                    ("section", text_of(0, 64, "Stalls")),
                    ("row", text_of(0, 64, "A")),
                    ("number", json!({ "type": "integer", "minimum": -9_007_199_254_740_991_i64, "maximum": 9_007_199_254_740_991_i64, "examples": [1] })),
                    ("price?", nullable(of("Money"))),
                ]) }),
            )]),
        ),
        ("SeatsImported", object([("sessionId", id("session")), ("imported", count(1)), ("totalStock", count(1))])),
        (
            "Stats",
            object([
                ("sessionId", id("session")),
                ("totalStock", count(500)),
                ("available", count(320)),
                ("held", count(30)),
                ("sold", count(150)),
                ("waiting", count(0)),
                ("active", count(12)),
                ("rates", object([("available", share()), ("held", share()), ("sold", share())])),
            ]),
        ),
        (
            "AdminHold",
            object([
                ("holdId", id("hold")),
                ("sessionId", id("session")),
                ("userId", id("user")),
                ("quantity", count(2)),
                ("seatIds", list(of("SeatId"))),
                ("amount", amount()),
                ("currency", currency()),
                ("status", one_of(&["ACTIVE", "EXPIRED", "RELEASED", "CONFIRMED"])),
                ("orderId", nullable(id("order"))),
                ("createdAt", time()),
                ("expiresAt", time()),
                ("endedAt", nullable(time())),
            ]),
        ),
        ("AdminHolds", page(of("AdminHold"))),
        (
            "AdminOrder",
            object([
                ("orderId", id("order")),
                ("status", one_of(&["PENDING", "PAID", "CANCELLED", "REFUNDED"])),
                ("sessionId", id("session")),
                ("holdId", id("hold")),
                ("userId", id("user")),
                ("quantity", count(2)),
                ("seatIds", list(of("SeatId"))),
                ("amount", amount()),
                ("currency", currency()),
                ("paymentId", id("payment")),
                ("paymentStatus", one_of(&["PENDING", "SUCCEEDED", "FAILED", "REFUND_PENDING", "REFUNDED"])),
                ("pgPaymentId", nullable(visible(255, "sandbox_1"))),
                ("createdAt", time()),
                ("updatedAt", time()),
                ("paidAt", nullable(time())),
            ]),
        ),
        ("AdminOrders", page(of("AdminOrder"))),
        (
            "Refund",
            object([
                ("orderId", id("order")),
                ("status", one_of(&["REFUNDED"])),
                ("paymentId", id("payment")),
                (
                    "paymentStatus",
                    told(one_of(&["REFUND_PENDING", "REFUNDED"]), "REFUND_PENDING until the gateway has it."),
                ),
                ("amount", amount()),
                ("currency", currency()),
            ]),
        ),
        (
            "AuditRecord",
            object([
                (
                    "stream",
                    told(
                        text("session_0190163d8a7b7c3e9a1b2c3d4e5f6071"),
                        "The chain: a session, an event, `users` or `callbacks`.",
                    ),
                ),
                ("seq", count(0)),
                ("at", time()),
                (
                    "actorId",
                    told(
                        text("user_0190163d8a7b7c3e9a1b2c3d4e5f6071"),
                        "A user's id, `operator`, `gateway` or `engine`.",
                    ),
                ),
                ("action", text("hold.placed")),
                ("targetId", text("hold_0190163d8a7b7c3e9a1b2c3d4e5f6071")),
                ("meta", json!({ "description": "More about it.", "examples": [{ "quantity": 2 }] })),
                ("traceId", nullable(text("0af7651916cd43dd8448eb211c80319c"))),
                ("mac", json!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "examples": ["0".repeat(64)] })),
            ]),
        ),
        ("AuditRecords", page(of("AuditRecord"))),
        (
            "Verdict",
            object([
                ("ok", yes(true)),
                ("sessions", count(1)),
                ("holds", count(2)),
                ("orders", count(1)),
                ("tickets", count(2)),
                ("auditRecords", count(9)),
                (
                    "violations",
                    list(object([
                        ("invariant", text("I1")),
                        ("target", text("session_0190163d8a7b7c3e9a1b2c3d4e5f6071")),
                        ("detail", text("the stock does not add up")),
                    ])),
                ),
            ]),
        ),
    ]
}

fn gateway() -> Named {
    let decisions: Vec<&str> = ["pay", "decline"].into_iter().chain(Decision::OTHERS.map(|(word, _)| word)).collect();
    vec![
        ("PaymentDecision", object([("decision", one_of(&decisions))])),
        ("ReconcileRequest", object([("since", time())])),
        (
            "Reconciled",
            object([
                ("captured", count(3)),
                ("settled", count(2)),
                ("sold", count(1)),
                ("refunded", count(0)),
                ("givenBack", count(0)),
                ("unmatched", count(0)),
                ("unmatchedPayments", list(text("pg_1"))),
                ("contradicted", count(0)),
                ("contradictedPayments", list(text("pg_2"))),
            ]),
        ),
        (
            "UnmatchedCallback",
            object([
                ("callbackId", id("callback")),
                ("pgPaymentId", text("pg_1")),
                ("status", one_of(&["SUCCESS", "FAIL"])),
                ("amount", nullable(json!({ "type": "integer", "examples": [55_000] }))),
                ("currency", nullable(text("KRW"))),
                ("receivedAt", time()),
                ("payload", text("{}")),
            ]),
        ),
        ("UnmatchedCallbacks", page(of("UnmatchedCallback"))),
        ("Health", object([("status", one_of(&["ok"]))])),
        (
            "Readiness",
            object([
                ("status", one_of(&["ready"])),
                (
                    "checks",
                    object([
                        ("store", text("ok")),
                        ("queue", text("ok")),
                        ("draining", yes(false)),
                        ("durability", one_of(&["disk", "seconds", "memory", "process", "other"])),
                    ]),
                ),
            ]),
        ),
    ]
}
