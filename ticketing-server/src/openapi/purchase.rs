//! Holds, payments and tickets.

use serde_json::json;

use super::{
    operation::{Operation, operation},
    schema::{of, visible},
};

pub(super) fn operations() -> Vec<Operation> {
    [holds(), payments(), tickets()].concat()
}

fn holds() -> Vec<Operation> {
    let tag = "Holds";
    vec![
        operation("post", "/api/reservations/hold", "placeHold", tag, "Set tickets or seats aside")
            .user()
            .parameter(
                "header",
                "Idempotency-Key",
                true,
                visible(255, "cart-7f3a"),
                "The client's own name for this hold: asked again under it, the same hold is answered.",
            )
            .body("HoldRequest")
            .brings(201, of("Hold"), "The hold.")
            .header("Idempotent-Replayed", json!({ "type": "string", "enum": ["true"] }))
            .refuses(400, &["idempotency_key_required", "idempotency_key_invalid", "queue_token_required"])
            .refuses(403, &["queue_token_expired", "not_admitted", "queue_token_mismatch"])
            .refuses(404, &["session_not_found", "seat_not_found"])
            .refuses(
                409,
                &[
                    "not_on_sale",
                    "sale_paused",
                    "sale_closed",
                    "sold_out",
                    "seat_taken",
                    "hold_exists",
                    "limit_exceeded",
                    "too_many_holds",
                ],
            )
            .refuses(422, &["key_reused"])
            .refuses(429, &["cooling_down"]),
        operation("get", "/api/reservations/hold/{hold_id}", "showHold", tag, "Show a hold")
            .user()
            .id("hold_id", "hold")
            .brings(200, of("Hold"), "The hold.")
            .refuses(404, &["hold_not_found"]),
        operation("delete", "/api/reservations/hold/{hold_id}", "releaseHold", tag, "Give a hold up")
            .user()
            .id("hold_id", "hold")
            .done(204, "It is over, by this or before.")
            .refuses(404, &["hold_not_found"])
            .refuses(409, &["already_sold"]),
    ]
}

fn payments() -> Vec<Operation> {
    let tag = "Payments";
    vec![
        operation("post", "/api/payments/checkout", "checkOut", tag, "Open the payment of a hold")
            .user()
            .body("CheckoutRequest")
            .brings(201, of("Checkout"), "The payment page.")
            .brings(200, of("Checkout"), "The payment page that was opened before.")
            .refuses(404, &["hold_not_found"])
            .refuses(409, &["hold_not_active"])
            .refuses(502, &["gateway_refused"])
            .refuses(503, &["gateway_unavailable"]),
        operation(
            "post",
            "/api/payments/callback",
            "paymentCallback",
            tag,
            "The gateway tells what became of a payment",
        )
        .gateway()
        .body("Callback")
        .brings(200, of("Nothing"), "It is kept, also when it is known, or nobody knows the payment."),
        operation("get", "/api/payments/{payment_id}", "showPayment", tag, "Show a payment")
            .user()
            .id("payment_id", "payment")
            .brings(200, of("Payment"), "The payment.")
            .refuses(404, &["payment_not_found"]),
        operation("get", "/api/me/orders", "listMyOrders", tag, "List one's receipts, newest first")
            .user()
            .paged()
            .brings(200, of("Orders"), "A page."),
        operation("get", "/api/me/orders/{order_id}", "showMyOrder", tag, "Show a receipt")
            .user()
            .id("order_id", "order")
            .brings(200, of("Order"), "The receipt.")
            .refuses(404, &["order_not_found"]),
    ]
}

fn tickets() -> Vec<Operation> {
    let tag = "Tickets";
    vec![
        operation("get", "/api/me/tickets", "listMyTickets", tag, "List one's tickets, newest first")
            .user()
            .paged()
            .brings(200, of("Tickets"), "A page."),
        operation("get", "/api/tickets/{ticket_id}/qr.svg", "showTicketPicture", tag, "The picture of a ticket's code")
            .user()
            .id("ticket_id", "ticket")
            .brings_as(200, "image/svg+xml", Some(json!({ "type": "string" })), "The picture.")
            .refuses(404, &["ticket_not_found"]),
        operation("get", "/.well-known/ticket-keys.json", "ticketKeys", tag, "The public keys that prove tickets")
            .brings(200, of("TicketKeys"), "A JSON Web Key set (RFC 7517)."),
        operation("post", "/api/checkin/redeem", "redeemTicket", tag, "Let a ticket's holder in, once")
            .staff()
            .body("Scan")
            .brings(200, of("Admitted"), "Come in. The same scan again is answered the same.")
            .refuses(400, &["invalid_ticket"])
            .refuses(409, &["already_redeemed", "revoked", "wrong_session"]),
    ]
}
