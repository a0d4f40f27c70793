//! I8: what is final stays as it is.

use std::collections::BTreeMap;

use super::Breach;

/// The states of records, as they were seen from time to time.
#[derive(Debug, Default)]
pub struct Lives {
    seen: BTreeMap<String, &'static str>,
    breaches: Vec<Breach>,
}

impl Lives {
    /// Notes that `record`, of this kind, was seen in `state`.
    pub fn see(&mut self, record: String, state: &'static str) {
        match self.seen.get_mut(&record) {
            None => {
                self.seen.insert(record, state);
            }
            Some(known) => {
                if !may_become(known, state) {
                    self.breaches.push(Breach::of("I8", format!("{record} was {known} and became {state}")));
                }
                *known = state;
            }
        }
    }

    /// What was broken.
    pub fn breaches(self) -> Vec<Breach> {
        self.breaches
    }
}

/// Whether a record seen in one state may be seen in another later. Every state has one kind of record
/// that it belongs to, but for those that mean the same in each.
fn may_become(from: &str, to: &str) -> bool {
    from == to
        || match from {
            // A hold.
            "ACTIVE" => matches!(to, "EXPIRED" | "RELEASED" | "CONFIRMED"),
            // By a late payment that takes its stock again.
            "EXPIRED" => to == "CONFIRMED",
            // An order: its payment may have been late.
            "CANCELLED" => matches!(to, "PAID" | "REFUNDED"),
            "PAID" => to == "REFUNDED",
            // An order or a payment, which may end in any way.
            "PENDING" => true,
            // A payment: a report that it was declined may be overtaken by one that it was not.
            "FAILED" => matches!(to, "SUCCEEDED" | "REFUND_PENDING" | "REFUNDED"),
            "SUCCEEDED" => matches!(to, "REFUND_PENDING" | "REFUNDED"),
            "REFUND_PENDING" => to == "REFUNDED",
            // A ticket.
            "VALID" => matches!(to, "USED" | "REVOKED"),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_final_stays() {
        #[track_caller]
        fn check(states: &[&'static str], broken: bool) {
            let mut lives = Lives::default();
            states.iter().for_each(|state| lives.see("it".to_owned(), state));
            assert_eq!(!lives.breaches().is_empty(), broken, "{states:?}");
        }
        check(&["ACTIVE", "EXPIRED", "CONFIRMED"], false);
        check(&["PENDING", "CANCELLED", "PAID", "REFUNDED"], false);
        check(&["PENDING", "FAILED", "REFUND_PENDING", "REFUNDED"], false);
        check(&["VALID", "USED"], false);
        check(&["RELEASED", "CONFIRMED"], true);
        check(&["CONFIRMED", "EXPIRED"], true);
        check(&["REFUNDED", "PAID"], true);
        check(&["USED", "VALID"], true);
        check(&["REVOKED", "USED"], true);
    }
}
