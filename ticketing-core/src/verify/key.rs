//! Whether a log was written with a key, told by one record.

use crate::{
    audit::{AuditKey, AuditRecord, ChainBreak, ChainHead, StreamId},
    store::{PageRequest, Queries, StoreError},
};

/// A log's first record was not made with the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store's audit log was written with another key ({0})")]
pub struct OtherKey(pub ChainBreak);

/// Checks that the audit log of a store was written with `key`, by the first record of the first chain
/// that has one. An empty log was written with any key.
///
/// Whatever is written with another key breaks the chains of the store for good: a program that writes
/// starts with [`Ticketing::open_log`](crate::Ticketing::open_log). It is no proof of the log; that is
/// [`verify`](super::verify).
///
/// # Errors
/// [`StoreError`] when the log cannot be read.
pub async fn check_key(queries: &dyn Queries, key: &AuditKey) -> Result<Result<(), OtherKey>, StoreError> {
    let Some((stream, first)) = first_record(queries).await? else { return Ok(Ok(())) };
    let head = ChainHead { length: 1, mac: first.mac };
    Ok(key.verify(stream, &head, &[first]).map_err(OtherKey))
}

/// Whether the audit log of a store has been begun, with whatever key: whoever has no key then has lost it, or has
/// never had it, and must not make one.
///
/// # Errors
/// [`StoreError`] when the log cannot be read.
pub async fn has_log(queries: &dyn Queries) -> Result<bool, StoreError> {
    Ok(first_record(queries).await?.is_some())
}

/// The first record of the first chain that has one.
async fn first_record(queries: &dyn Queries) -> Result<Option<(StreamId, AuditRecord)>, StoreError> {
    let first_event = queries.events(None, PageRequest { limit: 1, after: None }).await?.items.pop();
    let streams =
        [Some(StreamId::Users), first_event.map(|event| StreamId::Event(event.id)), Some(StreamId::Callbacks)];
    for stream in streams.into_iter().flatten() {
        // One that is missing tells nothing of the key.
        if let Some(first) = queries.audit(stream, 0, 1).await?.pop().filter(|record| record.seq == 0) {
            return Ok(Some((stream, first)));
        }
    }
    Ok(None)
}
