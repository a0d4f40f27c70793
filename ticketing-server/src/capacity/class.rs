use http::Method;

/// Stands for the route of what has none.
pub(crate) const NO_ROUTE: &str = "unmatched";

/// What a request is for, as far as room goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The gateway's callbacks.
    Callback,
    /// Reads.
    Read,
    /// What goes on with a hold or gives something back.
    Checkout,
    /// New holds.
    Hold,
    /// New places in waiting rooms.
    Queue,
    /// Health and readiness.
    Probe,
    /// Metrics.
    Metrics,
    /// Streams: each is in the room for as long as it goes on.
    Stream,
    /// Everything else.
    Other,
}

impl Class {
    /// How many there are.
    pub(super) const COUNT: usize = 9;

    /// The class of `method` on the pattern `route`.
    pub(crate) fn of(method: &Method, route: &str) -> Self {
        match (method.as_str(), route) {
            (_, "/healthz" | "/readyz") => Self::Probe,
            (_, "/metrics") => Self::Metrics,
            ("GET" | "HEAD", "/api/queue/stream") => Self::Stream,
            ("POST", "/api/payments/callback") => Self::Callback,
            ("POST", "/api/reservations/hold") => Self::Hold,
            ("POST", "/api/queue/token") => Self::Queue,
            ("POST", "/api/payments/checkout" | "/api/checkin/redeem")
            | ("DELETE", "/api/reservations/hold/{hold_id}" | "/api/queue/token") => Self::Checkout,
            // Some of the administration's look at everything there is.
            ("GET" | "HEAD" | "OPTIONS", route) if !route.starts_with("/api/admin/") => Self::Read,
            _ => Self::Other,
        }
    }
}

/// Whether the handler of `method` on `route` waits for a body. All others are at work at once, whatever a
/// request says it is going to send.
pub(crate) fn waits_for_body(method: &Method, route: &str) -> bool {
    let takes_none = matches!(route, NO_ROUTE | "/api/admin/orders/{order_id}/refund");
    (method == Method::POST || method == Method::PATCH) && !takes_none
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_waits_for_a_body_where_the_contract_has_one() {
        for (path, operations) in crate::openapi::document()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let method: Method = method.to_uppercase().parse().unwrap();
                assert_eq!(waits_for_body(&method, path), operation.get("requestBody").is_some(), "{method} {path}");
            }
        }
        assert!(!waits_for_body(&Method::POST, NO_ROUTE));
    }

    #[test]
    fn what_a_rush_is_for_has_other_room_than_what_must_not_suffer_from_it() {
        let check = |method: Method, route: &str, expected| assert_eq!(Class::of(&method, route), expected, "{route}");
        check(Method::POST, "/api/reservations/hold", Class::Hold);
        check(Method::POST, "/api/queue/token", Class::Queue);
        check(Method::POST, "/api/payments/checkout", Class::Checkout);
        check(Method::DELETE, "/api/reservations/hold/{hold_id}", Class::Checkout);
        check(Method::POST, "/api/payments/callback", Class::Callback);
        check(Method::GET, "/api/queue/status", Class::Read);
        check(Method::GET, "/api/payments/{payment_id}", Class::Read);
        check(Method::GET, "/readyz", Class::Probe);
        check(Method::GET, "/metrics", Class::Metrics);
        check(Method::GET, "/api/queue/stream", Class::Stream);
        check(Method::GET, "/api/admin/verify", Class::Other);
        check(Method::POST, "/api/auth/login", Class::Other);
        check(Method::POST, "unmatched", Class::Other);
    }
}
