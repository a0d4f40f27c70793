//! What a command fails with, and the exit code that says so.

use std::process::ExitCode;

use ticketing_core::{engine::EngineError, store::StoreError};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A rule says no; nothing was changed. Exit code 1.
    #[error("{0}")]
    Refused(String),
    /// The command, its input or the configuration is wrong; nothing was changed. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// An invariant of the store does not hold. Exit code 3.
    #[error("{0}")]
    Broken(String),
    /// The store cannot be reached, read or written. Exit code 4.
    #[error("{0}")]
    Unreachable(String),
}

impl CliError {
    /// There is no `kind` with this name.
    pub fn not_found(kind: &str, name: impl std::fmt::Display) -> Self {
        Self::Refused(format!("there is no {kind} {name}"))
    }

    /// The code that the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Broken(_) => 3,
            Self::Unreachable(_) => 4,
        })
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let text = with_sources(&error);
        match error {
            StoreError::Corrupt { .. } => Self::Broken(text),
            _ => Self::Unreachable(text),
        }
    }
}

impl<R: std::error::Error> From<EngineError<R>> for CliError {
    fn from(error: EngineError<R>) -> Self {
        match error {
            EngineError::Refused(refusal) => Self::Refused(refusal.to_string()),
            EngineError::Store(error) => error.into(),
            EngineError::Gateway(error) => Self::Refused(error.to_string()),
            EngineError::Failed => Self::Broken("a rule failed to decide this command: a defect".to_owned()),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

/// An error with everything that led to it, on one line.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
