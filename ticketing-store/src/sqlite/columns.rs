//! Rust values as columns, and back.

use std::{fmt, str::FromStr};

use rusqlite::{
    Row,
    types::{FromSql, Type},
};
use serde::de::DeserializeOwned;
use ticketing_core::{
    audit::{ChainHead, ChainMac},
    clock::Timestamp,
    hold::Wanted,
    ids::{CallbackId, EventId, HoldId, LoginId, OrderId, OutboxId, PaymentId, SessionId, TicketId, UserId},
    money::Money,
};
use uuid::Uuid;

/// Sixteen bytes, as every id is stored.
pub(super) type IdBytes = [u8; 16];

/// An id of whatever kind.
pub(super) trait Id: Copy {
    fn of(uuid: Uuid) -> Self;
    fn bytes(self) -> IdBytes;
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl Id for $id {
            fn of(uuid: Uuid) -> Self {
                Self::from_uuid(uuid)
            }

            fn bytes(self) -> IdBytes {
                self.uuid().into_bytes()
            }
        }
    )+};
}

ids!(UserId, EventId, SessionId, HoldId, LoginId, OrderId, PaymentId, TicketId, CallbackId, OutboxId);

/// An optional id's bytes.
pub(super) fn bytes_of(id: Option<impl Id>) -> Option<IdBytes> {
    id.map(Id::bytes)
}

/// An optional time's microseconds.
pub(super) fn micros_of(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::micros)
}

/// A count as SQLite stores it. Counts of this engine stay far below 2⁶³.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A list as JSON text.
pub(super) fn json(list: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(list).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The seats of a hold or an order; `None` when it goes by number.
pub(super) fn seats_of(wanted: &Wanted) -> rusqlite::Result<Option<String>> {
    match wanted {
        Wanted::Quantity(_) => Ok(None),
        Wanted::Seats(seats) => json(seats).map(Some),
    }
}

/// Reads a row's columns from left to right.
pub(super) struct Columns<'a> {
    row: &'a Row<'a>,
    at: usize,
}

impl<'a> Columns<'a> {
    /// Starts at the first column.
    pub(super) fn of(row: &'a Row<'a>) -> Self {
        Self::from(row, 0)
    }

    /// Starts at column `at`.
    pub(super) fn from(row: &'a Row<'a>, at: usize) -> Self {
        Self { row, at }
    }

    /// The next column, as SQLite has it.
    pub(super) fn get<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let at = self.at;
        self.at += 1;
        self.row.get(at)
    }

    pub(super) fn id<T: Id>(&mut self) -> rusqlite::Result<T> {
        self.get().map(|bytes: IdBytes| T::of(Uuid::from_bytes(bytes)))
    }

    pub(super) fn id_opt<T: Id>(&mut self) -> rusqlite::Result<Option<T>> {
        self.get().map(|bytes: Option<IdBytes>| bytes.map(|bytes| T::of(Uuid::from_bytes(bytes))))
    }

    pub(super) fn time(&mut self) -> rusqlite::Result<Timestamp> {
        self.get().map(Timestamp::from_micros)
    }

    pub(super) fn time_opt(&mut self) -> rusqlite::Result<Option<Timestamp>> {
        self.get().map(|at: Option<i64>| at.map(Timestamp::from_micros))
    }

    /// A count that is never negative.
    pub(super) fn count<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(
        &mut self,
    ) -> rusqlite::Result<T> {
        let value: i64 = self.get()?;
        T::try_from(value).map_err(|error| self.garbled(Type::Integer, error))
    }

    /// Text that Rust knows better.
    pub(super) fn text<T: FromStr<Err: fmt::Display>>(&mut self) -> rusqlite::Result<T> {
        let at = self.at;
        self.at += 1;
        let text = self.row.get_ref(at)?.as_str()?;
        text.parse().map_err(|error: T::Err| self.garbled(Type::Text, error.to_string()))
    }

    pub(super) fn text_opt<T: FromStr<Err: fmt::Display>>(&mut self) -> rusqlite::Result<Option<T>> {
        let at = self.at;
        self.at += 1;
        let Some(text) = self.row.get_ref(at)?.as_str_or_null()? else { return Ok(None) };
        text.parse().map(Some).map_err(|error: T::Err| self.garbled(Type::Text, error.to_string()))
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> rusqlite::Result<T> {
        let at = self.at;
        self.at += 1;
        let text = self.row.get_ref(at)?.as_str()?;
        serde_json::from_str(text).map_err(|error| self.garbled(Type::Text, error))
    }

    /// Quantity, then seats.
    pub(super) fn wanted(&mut self) -> rusqlite::Result<Wanted> {
        let quantity = self.count()?;
        let at = self.at;
        self.at += 1;
        let Some(text) = self.row.get_ref(at)?.as_str_or_null()? else { return Ok(Wanted::Quantity(quantity)) };
        serde_json::from_str(text).map(Wanted::Seats).map_err(|error| self.garbled(Type::Text, error))
    }

    /// Minor units, then currency.
    pub(super) fn money(&mut self) -> rusqlite::Result<Money> {
        Ok(Money { minor: self.get()?, currency: self.text()? })
    }

    /// Length, then MAC.
    pub(super) fn chain(&mut self) -> rusqlite::Result<ChainHead> {
        Ok(ChainHead { length: self.count()?, mac: ChainMac(self.get()?) })
    }

    fn garbled(
        &self,
        kind: Type,
        error: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(self.at - 1, kind, error.into())
    }
}
