//! What a run fails with, and the exit code that says so.

use std::process::ExitCode;

use ticketing_core::{engine::EngineError, store::StoreError};

/// Why a run did not come to a good end.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A scenario's targets were missed. Exit code 1.
    #[error("{0}")]
    Missed(String),
    /// The command line or the configuration is wrong. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A promise was broken. Exit code 3.
    #[error("{0}")]
    Broken(String),
    /// The store or the server cannot be reached, read or written. Exit code 4.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody ended the run, by SIGINT or SIGTERM. Exit code 130.
    #[error("interrupted: nothing was judged")]
    Interrupted,
}

impl SimError {
    /// The code that the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Missed(_) => 1,
            Self::Usage(_) => 2,
            Self::Broken(_) => 3,
            Self::Unreachable(_) => 4,
            Self::Interrupted => 130,
        })
    }
}

impl From<StoreError> for SimError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } => Self::Broken(error.to_string()),
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

impl<R: std::error::Error> From<EngineError<R>> for SimError {
    fn from(error: EngineError<R>) -> Self {
        match error {
            EngineError::Refused(refusal) => Self::Usage(refusal.to_string()),
            EngineError::Store(error) => error.into(),
            EngineError::Failed => Self::Broken(error.to_string()),
            _ => Self::Unreachable(error.to_string()),
        }
    }
}
