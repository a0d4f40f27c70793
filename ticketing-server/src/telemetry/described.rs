//! What each metric means.

use metrics::{describe_counter, describe_gauge, describe_histogram};

use self::Kind::{Counter, Gauge, Histogram};

/// What a metric does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often which size was seen.
    Histogram,
}

impl Kind {
    /// Its name in Prometheus' text format.
    pub const fn name(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        }
    }
}

/// All metrics, those of the engine and its stores included: kind, name, labels, meaning. The same as in
/// `docs/metrics.md`.
pub const METRICS: &[(Kind, &str, &str, &str)] = &[
    (
        Counter,
        "http_requests_total",
        "method, route, status",
        "Requests answered; `route` is the pattern, `status` the class, such as `2xx`.",
    ),
    (
        Histogram,
        "http_request_duration_seconds",
        "method, route",
        "Time from the end of a request's headers to its answer.",
    ),
    (Gauge, "http_requests_in_flight", "class", "Requests that are being worked on."),
    (Counter, "http_requests_shed_total", "class", "Requests refused with 503 for want of room."),
    (
        Counter,
        "http_rate_limited_total",
        "limit",
        "Requests refused with 429 by a limit of their user, account or address.",
    ),
    (Counter, "http_panics_total", "", "Handlers that panicked: defects, each answered 500."),
    (Counter, "log_lines_dropped_total", "", "Log lines dropped because stderr was slower than the log."),
    (Counter, "otlp_spans_exported_total", "", "Spans that the collector has taken."),
    (Counter, "otlp_spans_lost_total", "", "Spans that were handed over and not taken."),
    (Counter, "ticketing_queue_enqueue_total", "", "Places taken in waiting rooms."),
    (Counter, "ticketing_queue_allowed_total", "", "Visitors let in from waiting rooms."),
    (
        Counter,
        "ticketing_queue_rebuilt_total",
        "",
        "Waiting rooms that their own store had lost, wholly or in part, and that were begun anew.",
    ),
    (Counter, "ticketing_hold_success_total", "", "Holds placed."),
    (Counter, "ticketing_hold_fail_total", "", "Holds refused by a rule of sale, or failed."),
    (Counter, "ticketing_hold_replayed_total", "", "Repeated requests answered with the hold they had placed before."),
    (Counter, "ticketing_hold_expired_total", "", "Holds whose time ran out, counted when they are swept."),
    (Counter, "ticketing_checkout_total", "", "Checkouts begun; one that is asked for again counts once."),
    (Counter, "ticketing_payment_succeed_total", "", "Payments that sold tickets."),
    (Counter, "ticketing_payment_fail_total", "", "Payments that the gateway declined."),
    (Counter, "ticketing_callback_duplicate_total", "", "Callbacks about payments that were settled already."),
    (Counter, "ticketing_callback_unmatched_total", "", "Callbacks that name no payment of ours."),
    (Counter, "ticketing_refund_requested_total", "reason", "Payments to be given back."),
    (Counter, "ticketing_refund_completed_total", "", "Refunds that the gateway has taken."),
    (
        Counter,
        "ticketing_refund_failed_total",
        "",
        "Tries to hand a refund to the gateway that failed; each is tried again.",
    ),
    (Counter, "ticketing_ticket_scan_total", "result", "Scans of tickets at the door."),
    (Counter, "ticketing_login_started_total", "", "Log-ins with a right password."),
    (Counter, "ticketing_login_refused_total", "", "Log-ins with an unknown address or a wrong password."),
    (Counter, "ticketing_login_refreshed_total", "", "Refresh tokens exchanged."),
    (Counter, "ticketing_login_reused_total", "", "Log-ins ended because a refresh token was used again."),
    (
        Gauge,
        "ticketing_inventory_remaining",
        "session_id",
        "What can be held now, of each session on sale that began no more than a week ago; the newest 1,000, at most 5 s old.",
    ),
    (
        Gauge,
        "ticketing_outbox_pending",
        "",
        "Messages to the gateway that are not delivered; at most 1,000 are counted.",
    ),
    (Gauge, "ticketing_outbox_oldest_seconds", "", "Age of the oldest of them; 0 if there is none."),
    (Gauge, "ticketing_backlog", "", "Commands that wait for the writers of the store."),
    (Gauge, "ticketing_lane_length", "", "Commands left waiting when the last batch was taken."),
    (Histogram, "ticketing_batch_size", "", "Commands decided in one transaction of the store."),
    (
        Histogram,
        "ticketing_batch_duration_seconds",
        "",
        "Time from taking a batch to its answers: deciding, writing, `fsync`.",
    ),
    (Counter, "ticketing_batch_conflicts_total", "", "Batches decided again because another writer was faster."),
    (
        Counter,
        "ticketing_batch_outcomes_unknown_total",
        "",
        "Batches of which the store could not tell at once whether they were kept.",
    ),
    (
        Counter,
        "ticketing_store_errors_total",
        "kind",
        "Transactions that the store failed: `unavailable`, `outcome_unknown`, `conflict`, `corrupt`.",
    ),
    (
        Counter,
        "ticketing_store_retries_total",
        "",
        "Transactions that Postgres was asked for again: others were in the way, or a connection was lost before the commit.",
    ),
    (
        Counter,
        "ticketing_store_clock_steps_total",
        "",
        "Times that the clock of Postgres or Redis was found to have been set.",
    ),
    (
        Counter,
        "ticketing_store_halts_total",
        "",
        "Times that a node found the Redis ledger to have lost something, or to be written in part; writes are refused from then on.",
    ),
    (
        Counter,
        "ticketing_store_turns_missed_total",
        "",
        "Batches that waited for their turn on Redis for three seconds, and were written without one.",
    ),
];

/// What `name` is and means.
pub(super) fn meaning(name: &str) -> Option<(Kind, &'static str)> {
    METRICS.iter().find(|(_, known, ..)| *known == name).map(|(kind, .., meaning)| (*kind, *meaning))
}

/// Tells the recorder what each name means.
pub(super) fn describe() {
    for (kind, name, labels, meaning) in METRICS {
        match kind {
            Counter => {
                describe_counter!(*name, *meaning);
                // Its first increase is one that can be seen.
                if labels.is_empty() {
                    metrics::counter!(*name).increment(0);
                }
            }
            Gauge => describe_gauge!(*name, *meaning),
            Histogram => describe_histogram!(*name, *meaning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_stands_in_the_documentation_with_its_meaning_and_no_other_does() {
        let text = include_str!("../../../docs/metrics.md");
        for (kind, name, labels, meaning) in METRICS {
            let labels: Vec<String> = labels.split(", ").filter(|l| !l.is_empty()).map(|l| format!("`{l}`")).collect();
            let row = format!("| `{name}` | {} | {} | {meaning} |", kind.name(), labels.join(", "));
            assert!(text.lines().any(|line| line == row), "missing: {row}");
        }
        let rows = text.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, METRICS.len(), "a row of a metric that there is not");
    }
}
