//! What SQLite says, as what a store says.

use rusqlite::{Error, ErrorCode};
use ticketing_core::store::StoreError;

/// A failure, and whether the connection it came from is to be trusted any longer.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: StoreError,
    pub(super) connection_lost: bool,
}

impl Fault {
    /// `what` was being done when SQLite said `error`.
    pub(super) fn of(what: &str, error: Error) -> Self {
        Self { connection_lost: loses_connection(&error), error: store_error(what, error) }
    }

    /// Refused for a reason of our own; nothing is wrong with the connection.
    pub(super) fn refused(error: StoreError) -> Self {
        Self { error, connection_lost: false }
    }
}

/// The store's error for SQLite's.
pub(super) fn store_error(what: &str, error: Error) -> StoreError {
    match &error {
        Error::SqliteFailure(failure, message) => match failure.code {
            ErrorCode::ConstraintViolation => {
                let guard = message.as_deref().unwrap_or("a constraint failed");
                StoreError::Conflict { detail: format!("{what}: {guard}") }
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown | ErrorCode::SchemaChanged => {
                StoreError::corrupt(format_args!("{what}: {error}"))
            }
            _ => StoreError::unavailable(what, error),
        },
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..)
        | Error::SqlInputError { .. } => StoreError::corrupt(format_args!("{what}: {error}")),
        _ => StoreError::unavailable(what, error),
    }
}

/// Whether a fresh connection may fare better after `error`.
pub(super) fn loses_connection(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
        )
    )
}
