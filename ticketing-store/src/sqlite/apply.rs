//! From changes to rows.

use rusqlite::Connection;
use ticketing_core::store::{Changes, Record, StoreError, Write};

use super::{
    error::Fault,
    tables::{Replaced, Stored},
};

/// Writes every change into the transaction that is open.
pub(super) fn apply(connection: &Connection, changes: &Changes) -> Result<(), Fault> {
    let Changes {
        streams,
        users,
        events,
        sessions,
        rooms,
        places,
        seats,
        holds,
        orders,
        payments,
        callbacks,
        outbox,
        tickets,
        logins,
        audit,
    } = changes;
    write(connection, streams)?;
    write(connection, users)?;
    write(connection, events)?;
    write(connection, sessions)?;
    write(connection, rooms)?;
    write(connection, places)?;
    write(connection, seats)?;
    write(connection, holds)?;
    write(connection, orders)?;
    write(connection, payments)?;
    write(connection, callbacks)?;
    write(connection, outbox)?;
    write(connection, tickets)?;
    write(connection, logins)?;
    insert(connection, audit)
}

fn write<R: Record + Replaced>(connection: &Connection, writes: &[Write<R>]) -> Result<(), Fault> {
    for write in writes {
        match write {
            Write::Insert(record) => insert(connection, std::slice::from_ref(record))?,
            Write::Update(record) => {
                let replaced = record.update(connection).map_err(|error| Fault::of(R::TABLE, error))?;
                if replaced == 0 {
                    return Err(stale(R::TABLE, &record.key()));
                }
            }
        }
    }
    Ok(())
}

fn insert<R: Stored>(connection: &Connection, records: &[R]) -> Result<(), Fault> {
    for record in records {
        record.insert(connection).map_err(|error| Fault::of(R::TABLE, error))?;
    }
    Ok(())
}

fn stale(table: &str, key: &impl std::fmt::Debug) -> Fault {
    let detail = format!("{table}: {key:?} is not there as it was read: missing, newer, or of another owner");
    Fault::refused(StoreError::Conflict { detail })
}
