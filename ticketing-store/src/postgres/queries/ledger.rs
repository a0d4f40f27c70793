//! Everything about one session, and whole audit chains.

use ticketing_core::{
    audit::{AuditRecord, ChainHead, Stream, StreamId},
    event::Event,
    ids::SessionId,
    session::Session,
    store::{Ledger, StoreError},
};
use tokio_postgres::{Row, types::Type};

use super::views::parts;
use crate::postgres::{
    PostgresStore,
    columns::{Array, Id},
    flight::{Query, params},
    tables::{
        audit, callbacks, events, holds, orders, outbox, payments, record, records, seats, sessions, streams, tickets,
    },
};

impl PostgresStore {
    pub(super) async fn whole_ledger(&self, id: SessionId) -> Result<Option<Ledger>, StoreError> {
        let of_session = [
            &*seats::OF_SESSION,
            &*holds::OF_SESSION,
            &*orders::OF_SESSION,
            &*payments::OF_SESSION,
            &*tickets::OF_SESSION,
            &*outbox::OF_SESSION,
            &*callbacks::OF_SESSION,
        ];
        let mut queries = vec![Query::new(&sessions::BY_IDS, params![Array::ids([id])]), log(StreamId::Session(id))];
        queries.extend(of_session.map(|sql| Query::new(sql, params![Id::uuid(id)])));
        let answers = self.long_view("reading a session's ledger", queries).await?;
        let [session, audit, seats, holds, orders, payments, tickets, outbox, callbacks] = &answers[..] else {
            return Err(parts());
        };
        let Some(session) = session.first() else { return Ok(None) };
        Ok(Some(Ledger {
            session: record(session)?,
            seats: records(seats)?,
            holds: records(holds)?,
            orders: records(orders)?,
            payments: records(payments)?,
            tickets: records(tickets)?,
            outbox: records(outbox)?,
            callbacks: records(callbacks)?,
            audit: records(audit)?,
        }))
    }

    pub(super) async fn whole_chain(&self, stream: StreamId) -> Result<(ChainHead, Vec<AuditRecord>), StoreError> {
        let answers = self.long_view("reading an audit chain", vec![owner(stream), log(stream)]).await?;
        let [owner, log] = &answers[..] else {
            return Err(parts());
        };
        Ok((head(stream, owner)?, records(log)?))
    }
}

fn log(stream: StreamId) -> Query {
    let (kind, id) = audit::name(stream);
    Query::new(&audit::FROM, params![id, kind, 0_i64, i64::MAX])
}

/// Whoever keeps the stream's head.
fn owner(stream: StreamId) -> Query {
    match stream {
        StreamId::Session(id) => Query::new(&sessions::BY_IDS, params![Array::ids([id])]),
        StreamId::Event(id) => Query::new(&events::BY_IDS, params![Array::ids([id])]),
        StreamId::Users | StreamId::Callbacks => {
            Query::new(&streams::BY_NAMES, params![Array::of(Type::TEXT, [stream.to_string()])])
        }
    }
}

/// The head as its owner keeps it; that of an owner who is not there is empty.
fn head(stream: StreamId, owner: &[Row]) -> Result<ChainHead, StoreError> {
    let Some(row) = owner.first() else { return Ok(ChainHead::EMPTY) };
    match stream {
        StreamId::Session(_) => record(row).map(|session: Session| session.audit),
        StreamId::Event(_) => record(row).map(|event: Event| event.audit),
        StreamId::Users | StreamId::Callbacks => record(row).map(|stream: Stream| stream.audit),
    }
}
