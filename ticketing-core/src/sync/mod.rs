//! The locks of the batcher: the standard library's, or loom's when its model is checked
//! (`RUSTFLAGS="--cfg ticketing_loom"`).

#[cfg(not(ticketing_loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

#[cfg(ticketing_loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

/// Locks `mutex`; a panic elsewhere while it was held does not matter to data that is whole
/// between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
