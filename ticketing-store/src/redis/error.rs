//! What Redis says, as what a store says.

use ::redis::{ErrorKind, RedisError};
use ticketing_core::store::StoreError;

/// Why a script gave no answer.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// It did not run: no connection was to be had, or the server refused it.
    NotRun(RedisError),
    /// It was sent, and its answer is lost.
    Unanswered(RedisError),
}

impl Failure {
    /// Whether a server was reached, and had this to say.
    pub(super) fn is_by_server(&self) -> bool {
        let (Self::NotRun(error) | Self::Unanswered(error)) = self;
        is_by_server(error)
    }

    /// The store's error for something that changes nothing.
    pub(crate) fn of_reading(self, what: &str) -> StoreError {
        let (Self::NotRun(error) | Self::Unanswered(error)) = self;
        StoreError::unavailable(what, error)
    }

    /// The store's error for something that may have been written.
    pub(crate) fn of_writing(self, what: &str) -> StoreError {
        match self {
            Self::NotRun(error) => StoreError::unavailable(what, error),
            Self::Unanswered(error) => StoreError::OutcomeUnknown { detail: format!("{what}: {error}") },
        }
    }
}

/// Whether it is the server's word, and not that of the way to it.
pub(super) fn is_by_server(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// What a script answered that it never answers: somebody else's data, or another version's script.
pub(crate) fn senseless(what: &str, answer: &::redis::Value) -> StoreError {
    let mut seen = format!("{answer:?}");
    seen.truncate(seen.floor_char_boundary(80));
    StoreError::corrupt(format_args!("{what}: an answer that makes no sense: {seen}"))
}
