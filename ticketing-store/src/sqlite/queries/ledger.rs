//! Everything about one session, and whole audit chains.

use rusqlite::{Connection, params};
use ticketing_core::{
    audit::{AuditRecord, ChainHead, Stream, StreamId},
    event::Event,
    ids::SessionId,
    session::Session,
    store::Ledger,
};

use crate::sqlite::{
    columns::Id,
    tables::{all, audit, callbacks, events, holds, one, orders, outbox, payments, seats, sessions, streams, tickets},
};

/// SQLite's way to say that there is no limit.
const UNLIMITED: i64 = -1;

pub(super) fn of(db: &Connection, id: SessionId) -> rusqlite::Result<Option<Ledger>> {
    let key = [id.bytes()];
    let Some(session) = one::<Session>(db, sessions::BY_ID, key)? else { return Ok(None) };
    Ok(Some(Ledger {
        session,
        seats: all(db, seats::OF_SESSION, key)?,
        holds: all(db, holds::OF_SESSION, key)?,
        orders: all(db, orders::OF_SESSION, key)?,
        payments: all(db, payments::OF_SESSION, key)?,
        tickets: all(db, tickets::OF_SESSION, key)?,
        outbox: all(db, outbox::OF_SESSION, key)?,
        callbacks: all(db, callbacks::OF_SESSION, key)?,
        audit: records(db, StreamId::Session(id))?,
    }))
}

/// A stream's head as its owner keeps it; that of an owner who is not there is empty.
pub(super) fn head(db: &Connection, stream: StreamId) -> rusqlite::Result<ChainHead> {
    let head = match stream {
        StreamId::Session(id) => one::<Session>(db, sessions::BY_ID, [id.bytes()])?.map(|session| session.audit),
        StreamId::Event(id) => one::<Event>(db, events::BY_ID, [id.bytes()])?.map(|event| event.audit),
        StreamId::Users | StreamId::Callbacks => {
            one::<Stream>(db, streams::BY_NAME, [stream.to_string()])?.map(|stream| stream.audit)
        }
    };
    Ok(head.unwrap_or(ChainHead::EMPTY))
}

pub(super) fn records(db: &Connection, stream: StreamId) -> rusqlite::Result<Vec<AuditRecord>> {
    all(db, audit::FROM, params![stream.to_string(), 0, UNLIMITED])
}
