//! For those who run the server, and the sandbox gateway's own pages.

use serde_json::json;

use super::{
    operation::{Operation, operation},
    schema::{of, text, visible},
};

pub(super) fn operations() -> Vec<Operation> {
    let tag = "Operations";
    let page = |path, name, summary| {
        operation("get", path, name, "Sandbox gateway", summary)
            .parameter("path", "pg_payment_id", true, visible(255, "sandbox_1"), "The gateway's name for the payment.")
            .brings_as(200, "text/html", Some(json!({ "type": "string" })), "The page.")
            .done(303, "To the page behind the payment.")
            .brings_as(404, "text/html", Some(json!({ "type": "string" })), "This gateway knows no such payment.")
    };
    vec![
        operation("get", "/healthz", "healthz", tag, "Whether the process lives").free().brings(
            200,
            of("Health"),
            "It does.",
        ),
        operation("get", "/readyz", "readyz", tag, "Whether the server can sell")
            .free()
            .brings(200, of("Readiness"), "It can.")
            .refuses(503, &["not_ready", "overloaded"]),
        operation("get", "/metrics", "metrics", tag, "Metrics for Prometheus")
            .free()
            .brings_as(200, "text/plain", Some(json!({ "type": "string" })), "The metrics, in text format 0.0.4.")
            .refuses(503, &["overloaded"]),
        operation("get", "/openapi.json", "openapi", tag, "This document").brings_as(
            200,
            "application/json",
            Some(json!({ "type": "object", "examples": [{ "openapi": "3.1.0" }] })),
            "The document.",
        ),
        operation("get", "/docs", "docs", tag, "To the pages of this document").done(308, "To `/docs/`."),
        operation("get", "/docs/", "docsIndex", tag, "The pages of this document; they work offline").brings_as(
            200,
            "text/html",
            Some(json!({ "type": "string" })),
            "The page.",
        ),
        operation("get", "/docs/{file}", "docsFile", tag, "A file of the pages")
            .parameter("path", "file", true, text("index.html"), "Its name.")
            .brings_as(200, "*/*", None, "The file.")
            .refuses(404, &["route_not_found"]),
        operation(
            "get",
            "/problems/{reason}",
            "problem",
            tag,
            "What a reason means: the `type` of refusals leads here",
        )
        .parameter("path", "reason", true, text("sold_out"), "The reason.")
        .brings(200, of("Reason"), "What it means.")
        .refuses(404, &["route_not_found"]),
        page("/sandbox/pay/{pg_payment_id}", "showPaymentPage", "The payment page of the sandbox gateway"),
        page("/sandbox/result/{pg_payment_id}", "showPaymentResult", "How a payment stands, for its buyer"),
        decide(),
    ]
}

fn decide() -> Operation {
    operation("post", "/sandbox/pay/{pg_payment_id}", "decidePayment", "Sandbox gateway", "Pay or decline: a form")
        .parameter("path", "pg_payment_id", true, visible(255, "sandbox_1"), "The gateway's name for the payment.")
        .form("PaymentDecision")
        .done(303, "To the page behind the payment.")
        .brings_as(400, "text/html", Some(json!({ "type": "string" })), "That was no decision.")
        .brings_as(404, "text/html", Some(json!({ "type": "string" })), "This gateway knows no such payment.")
        .refuses(408, &["request_timeout"])
        .refuses(413, &["body_too_large"])
}
