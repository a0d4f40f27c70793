//! What a route does, in a word, for log lines.

use http::Method;

/// The action behind `method` on `route`; `-` for what has no name.
pub(super) fn action(method: &Method, route: &str) -> &'static str {
    match (method.as_str(), route) {
        ("POST", "/api/auth/signup") => "auth.signup",
        ("POST", "/api/auth/login") => "auth.login",
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
        ("POST", "/api/admin/payments/reconcile") => "admin.payment.reconcile",
        ("GET", "/api/admin/payments/unmatched") => "admin.payment.unmatched",
        ("GET", "/api/admin/verify") => "admin.verify",
        _ => "-",
    }
}
