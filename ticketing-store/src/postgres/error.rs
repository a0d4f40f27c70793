//! What Postgres says, as what a store says.

use deadpool_postgres::{HookError, PoolError};
use ticketing_core::store::StoreError;
use tokio_postgres::{Error, error::SqlState};

/// What a failure means for the write it happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody else was in the way for too long: the same write may fare better.
    Contended,
    /// A guard spoke: the write asks for what the store refuses.
    Guard,
    /// The connection is gone, or leads to a server that does not take writes.
    Lost,
    /// The server has no room or no time, or refuses this program.
    Unavailable,
    /// What is there is not what this program knows.
    Corrupt,
}

/// Raised by `ticketing_expect`: other rows are there than those that were read.
const STALE: &str = "TK001";

/// What `error` means. By codes alone, never by a text.
pub(super) fn kind(error: &Error) -> Kind {
    let Some(state) = error.code() else {
        // Not said by the server: the connection broke, or the driver could not read the answer.
        return if error.is_closed() || is_io(error) { Kind::Lost } else { Kind::Corrupt };
    };
    let contended = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        // A statement behind one that failed.
        SqlState::IN_FAILED_SQL_TRANSACTION,
    ];
    if contended.contains(state) {
        return Kind::Contended;
    }
    if *state == SqlState::CHARACTER_NOT_IN_REPERTOIRE || *state == SqlState::UNTRANSLATABLE_CHARACTER {
        return Kind::Guard;
    }
    match state.code() {
        STALE => Kind::Guard,
        // A standby; a session that was ended for being idle in a transaction; statements that were prepared before
        // a migration, or that a pooler between here and the server does not know.
        "25006" | "25P03" | "25P04" | "0A000" | "26000" => Kind::Lost,
        // A value that cannot be stored is one command's matter, not its neighbours'.
        code if ["22", "23", "54"].iter().any(|class| code.starts_with(class)) => Kind::Guard,
        code if code.starts_with("08") || code.starts_with("57P") => Kind::Lost,
        code if ["42", "XX", "F0"].iter().any(|class| code.starts_with(class)) && code != "42501" => Kind::Corrupt,
        _ => Kind::Unavailable,
    }
}

/// Whether the driver lost the server in the middle of a message.
fn is_io(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

/// The store's error for a failure that was not retried, or not any more.
pub(super) fn store_error(what: &str, error: Error) -> StoreError {
    match kind(&error) {
        Kind::Guard => StoreError::Conflict { detail: format!("{what}: {}", said(&error)) },
        Kind::Corrupt => StoreError::corrupt(format_args!("{what}: {}", said(&error))),
        Kind::Contended | Kind::Lost | Kind::Unavailable => StoreError::unavailable(what, error),
    }
}

/// The store's error for a connection that was not to be had: whatever the reason, nothing that is stored is
/// wrong. One that was made and could not be prepared is another matter: the tables may not be there.
pub(super) fn pool_error(what: &str, error: PoolError) -> StoreError {
    match error {
        PoolError::PostCreateHook(HookError::Backend(error)) => store_error(what, error),
        PoolError::Backend(error) => StoreError::unavailable(what, error),
        error => StoreError::unavailable(what, error),
    }
}

/// The server's own words, with the guard that spoke; or the driver's, with the cause behind them.
pub(super) fn said(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        let guard = said.constraint().map_or_else(String::new, |guard| format!(" ({guard})"));
        return format!("{}{guard}", said.message());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
