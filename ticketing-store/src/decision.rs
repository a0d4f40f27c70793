//! Asking a decision, whatever it does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ticketing_core::{
    clock::Timestamp,
    store::{Decide, Decision, ROUNDS_MAX, Snapshot, StoreError},
};

/// A decision that panics takes its own batch with it and nothing else.
pub(crate) fn ask(decide: &mut Decide, snapshot: &mut Snapshot, at: Timestamp) -> Result<Decision, StoreError> {
    catch_unwind(AssertUnwindSafe(|| decide(snapshot, at))).map_err(|panic| {
        let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(|s| &**s));
        let detail = format!("the decision panicked: {}", message.unwrap_or("without a message"));
        StoreError::Conflict { detail }
    })
}

/// It asked for more reads as often as it may.
pub(crate) fn never_enough() -> StoreError {
    StoreError::Conflict { detail: format!("the decision asked for more reads {ROUNDS_MAX} times") }
}
