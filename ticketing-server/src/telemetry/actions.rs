//! What a route does, in a word, for log lines.

use http::Method;

/// The action behind `method` on `route`; `-` for what has no name.
pub(super) fn action(method: &Method, route: &str) -> &'static str {
    match (method.as_str(), route) {
        ("POST", "/api/auth/signup") => "auth.signup",
        ("POST", "/api/auth/login") => "auth.login",
        ("POST", "/api/auth/refresh") => "auth.refresh",
        ("POST", "/api/auth/logout") => "auth.logout",
        ("GET", "/api/me") => "user.show",
        ("GET", "/api/events") => "event.list",
        ("GET", "/api/events/{event_id}") => "event.show",
        ("GET", "/api/events/{event_id}/sessions") => "session.list",
        ("GET", "/api/sessions/{session_id}") => "session.show",
        ("GET", "/api/sessions/{session_id}/seats") => "seat.list",
        ("POST", "/api/queue/token") => "queue.join",
        ("DELETE", "/api/queue/token") => "queue.leave",
        ("GET", "/api/queue/status") => "queue.status",
        ("GET", "/api/queue/stream") => "queue.stream",
        ("POST", "/api/reservations/hold") => "hold.place",
        ("GET", "/api/reservations/hold/{hold_id}") => "hold.show",
        ("DELETE", "/api/reservations/hold/{hold_id}") => "hold.release",
        ("POST", "/api/payments/checkout") => "payment.checkout",
        ("POST", "/api/payments/callback") => "payment.callback",
        ("GET", "/api/payments/{payment_id}") => "payment.show",
        ("GET", "/api/me/orders") => "order.list",
        ("GET", "/api/me/orders/{order_id}") => "order.show",
        ("GET", "/api/me/tickets") => "ticket.list",
        ("GET", "/api/tickets/{ticket_id}/qr.svg") => "ticket.qr",
        ("GET", "/.well-known/ticket-keys.json") => "ticket.keys",
        ("POST", "/api/checkin/redeem") => "ticket.redeem",
        ("POST", "/api/admin/events") => "admin.event.create",
        ("GET", "/api/admin/events") => "admin.event.list",
        ("GET", "/api/admin/events/{event_id}") => "admin.event.show",
        ("PATCH", "/api/admin/events/{event_id}") => "admin.event.update",
        ("POST", "/api/admin/events/{event_id}/sessions") => "admin.session.create",
        ("PATCH", "/api/admin/sessions/{session_id}") => "admin.session.update",
        ("POST", "/api/admin/sessions/{session_id}/seats") => "admin.seat.import",
        ("GET", "/api/admin/sessions/{session_id}/stats") => "admin.session.stats",
        ("GET", "/api/admin/holds") => "admin.hold.list",
        ("DELETE", "/api/admin/holds/{hold_id}") => "admin.hold.release",
        ("GET", "/api/admin/orders") => "admin.order.list",
        ("GET", "/api/admin/orders/{order_id}") => "admin.order.show",
        ("POST", "/api/admin/orders/{order_id}/refund") => "admin.order.refund",
        ("GET", "/api/admin/audit") => "admin.audit.list",
        ("POST", "/api/admin/payments/reconcile") => "admin.payment.reconcile",
        ("GET", "/api/admin/payments/unmatched") => "admin.payment.unmatched",
        ("GET", "/api/admin/verify") => "admin.verify",
        ("GET", "/sandbox/pay/{pg_payment_id}") => "sandbox.show",
        ("POST", "/sandbox/pay/{pg_payment_id}") => "sandbox.decide",
        ("GET", "/sandbox/result/{pg_payment_id}") => "sandbox.result",
        ("GET", "/healthz") => "server.health",
        ("GET", "/readyz") => "server.readiness",
        ("GET", "/metrics") => "server.metrics",
        ("GET", "/openapi.json" | "/docs" | "/docs/" | "/docs/{file}") => "docs.show",
        ("GET", "/problems/{reason}") => "docs.problem",
        _ => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_served_has_a_word_for_what_it_does() {
        for path in crate::routes::served_paths() {
            for method in crate::openapi::document()["paths"][&path].as_object().unwrap().keys() {
                let method: Method = method.to_uppercase().parse().unwrap();
                assert_ne!(action(&method, &path), "-", "{method} {path}");
            }
        }
        assert_eq!(action(&Method::POST, "unmatched"), "-");
    }
}
