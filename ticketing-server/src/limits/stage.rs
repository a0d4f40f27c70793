use http::Method;

/// A stage of a purchase that has limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Taking a place in a waiting room, asking for it, giving it up.
    Queue,
    /// Placing holds and releasing them.
    Hold,
    /// Opening payments.
    Checkout,
    /// What the gateway reports.
    Callback,
}

impl Stage {
    /// The stage that `method` on the pattern `route` belongs to, if it is one of them.
    pub(crate) fn of(method: &Method, route: &str) -> Option<Self> {
        match (method.as_str(), route) {
            ("POST" | "DELETE", "/api/queue/token") | ("GET" | "HEAD", "/api/queue/status" | "/api/queue/stream") => {
                Some(Self::Queue)
            }
            ("POST", "/api/reservations/hold") | ("DELETE", "/api/reservations/hold/{hold_id}") => Some(Self::Hold),
            ("POST", "/api/payments/checkout") => Some(Self::Checkout),
            ("POST", "/api/payments/callback") => Some(Self::Callback),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_without_its_answer_is_a_look_all_the_same() {
        for route in ["/api/queue/status", "/api/queue/stream"] {
            assert_eq!(Stage::of(&Method::GET, route), Some(Stage::Queue));
            assert_eq!(Stage::of(&Method::HEAD, route), Some(Stage::Queue));
        }
        assert_eq!(Stage::of(&Method::HEAD, "/api/events"), None);
    }
}
