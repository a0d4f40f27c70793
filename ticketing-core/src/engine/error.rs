//! Why the engine could not do what was asked.

use crate::{batcher::SubmitError, payment::gateway::GatewayError, store::StoreError};

/// Why a use case did not come to its end. `R` is its own refusals.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError<R: std::error::Error> {
    /// A rule says no. Nothing was written, and asking again may succeed later.
    #[error(transparent)]
    Refused(R),
    /// Too much at once; nothing was done, and asking again soon may succeed.
    #[error("the engine is overloaded")]
    Overloaded,
    /// The engine is on its way out; nothing was done.
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// The rule itself failed: a defect. Nothing was done.
    #[error("the engine failed to decide")]
    Failed,
    /// The store failed. [`StoreError::OutcomeUnknown`]: ask again under the same key to learn.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of the waiting rooms failed, where they are kept apart from the ledger. Asking again does no
    /// harm; whoever is admitted may go on.
    #[error("the waiting room: {0}")]
    Queue(StoreError),
    /// The payment gateway failed. What was written before it was asked stands, and asking again
    /// goes on from there.
    #[error("{0}")]
    Gateway(std::sync::Arc<GatewayError>),
}

impl<R: std::error::Error> From<SubmitError> for EngineError<R> {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Overloaded => Self::Overloaded,
            SubmitError::ShuttingDown => Self::ShuttingDown,
            SubmitError::Failed => Self::Failed,
            SubmitError::Store(error) => Self::Store(error),
        }
    }
}

/// Why a queue token's status is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueStatusRefusal {
    /// Forged, unknown, given up, or another user's.
    #[error("there is no such queue token")]
    UnknownToken,
    /// Its wait or its window has ended.
    #[error("the queue token has expired")]
    Expired,
}
