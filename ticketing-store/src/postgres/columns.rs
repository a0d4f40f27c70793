//! Rust values as columns, and back: rows one by one, and whole columns as the arrays that a set-based
//! write takes.

use std::{error::Error, fmt, str::FromStr};

use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};
use ticketing_core::{
    audit::{ChainHead, ChainMac},
    clock::Timestamp,
    hold::Wanted,
    ids::{CallbackId, EventId, HoldId, LoginId, OrderId, OutboxId, PaymentId, SessionId, TicketId, UserId},
    money::Money,
    store::StoreError,
};
use tokio_postgres::{
    Row,
    types::{FromSql, IsNull, Json, ToSql, Type, to_sql_checked},
};
use uuid::Uuid;

/// An id of whatever kind.
pub(super) trait Id: Copy {
    fn of(uuid: Uuid) -> Self;
    fn uuid(self) -> Uuid;
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl Id for $id {
            fn of(uuid: Uuid) -> Self {
                Self::from_uuid(uuid)
            }

            fn uuid(self) -> Uuid {
                <$id>::uuid(self)
            }
        }
    )+};
}

ids!(UserId, EventId, SessionId, HoldId, LoginId, OrderId, PaymentId, TicketId, CallbackId, OutboxId);

/// A time as Postgres counts it: microseconds since the year 2000.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(pub(super) Timestamp);

/// 2000-01-01T00:00:00Z in microseconds since 1970.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

impl ToSql for At {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        // The greatest and the least value mean infinity; no instant of ours is there.
        out.extend_from_slice(&self.0.micros().saturating_sub(EPOCH_MICROS).to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for At {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp::from_micros(micros.saturating_add(EPOCH_MICROS))))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

/// A count as Postgres stores it. Counts of this engine stay far below 2⁶³.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// One column of a table.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) part: Part,
    pub(super) ty: Type,
}

/// What a column is to a write that replaces its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Names the row.
    Key,
    /// Never changes: a row with another value is not the one that was read.
    Fixed,
    /// The same of a column that may be absent.
    FixedOrAbsent,
    /// Only grows: a row with the same value or a greater one is newer than the one that was read.
    Version,
    /// Changes.
    Value,
}

/// Part of a row's name.
pub(super) const fn key(name: &'static str, ty: Type) -> Column {
    Column { name, part: Part::Key, ty }
}

/// Never changes.
pub(super) const fn fixed(name: &'static str, ty: Type) -> Column {
    Column { name, part: Part::Fixed, ty }
}

/// Never changes, and may be absent.
pub(super) const fn fixed_or_absent(name: &'static str, ty: Type) -> Column {
    Column { name, part: Part::FixedOrAbsent, ty }
}

/// Changes.
pub(super) const fn value(name: &'static str, ty: Type) -> Column {
    Column { name, part: Part::Value, ty }
}

/// Only grows.
pub(super) const fn version(name: &'static str, ty: Type) -> Column {
    Column { name, part: Part::Version, ty }
}

/// One column of many rows: the array that `unnest` takes apart.
pub(super) struct Array {
    ty: Type,
    elements: BytesMut,
    len: i32,
    has_null: bool,
}

impl Array {
    pub(super) fn new(ty: Type) -> Self {
        Self { ty, elements: BytesMut::new(), len: 0, has_null: false }
    }

    /// Adds a row's value.
    ///
    /// # Panics
    /// When the value is not of the column's type, which is a mistake in a table's file.
    pub(super) fn push(&mut self, value: &(impl ToSql + Sync)) {
        let start = self.elements.len();
        self.elements.extend_from_slice(&(-1_i32).to_be_bytes());
        let written = value.to_sql_checked(&self.ty, &mut self.elements);
        match written.expect("a table's file puts values of its columns' types") {
            IsNull::Yes => self.has_null = true,
            IsNull::No => {
                let len = i32::try_from(self.elements.len() - start - 4).expect("a value is shorter than 2 GiB");
                self.elements[start..start + 4].copy_from_slice(&len.to_be_bytes());
            }
        }
        self.len += 1;
    }

    pub(super) fn of<T: ToSql + Sync>(ty: Type, values: impl IntoIterator<Item = T>) -> Self {
        let mut array = Self::new(ty);
        values.into_iter().for_each(|value| array.push(&value));
        array
    }

    /// As ids.
    pub(super) fn ids<I: Id>(ids: impl IntoIterator<Item = I>) -> Self {
        Self::of(Type::UUID, ids.into_iter().map(Id::uuid))
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array").field("ty", &self.ty).field("len", &self.len).finish_non_exhaustive()
    }
}

impl ToSql for Array {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let dimensions = i32::from(self.len > 0);
        out.extend_from_slice(&dimensions.to_be_bytes());
        out.extend_from_slice(&i32::from(self.has_null).to_be_bytes());
        out.extend_from_slice(&self.ty.oid().to_be_bytes());
        if dimensions == 1 {
            out.extend_from_slice(&self.len.to_be_bytes());
            out.extend_from_slice(&1_i32.to_be_bytes());
        }
        out.extend_from_slice(&self.elements);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), tokio_postgres::types::Kind::Array(_))
    }

    to_sql_checked!();
}

/// Takes rows in, value by value from left to right, and keeps them as columns.
#[derive(Debug)]
pub(super) struct Cells {
    arrays: Vec<Array>,
    at: usize,
}

impl Cells {
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { arrays: columns.iter().map(|column| Array::new(column.ty.clone())).collect(), at: 0 }
    }

    pub(super) fn into_arrays(self) -> Vec<Array> {
        self.arrays
    }

    /// The row's next value.
    pub(super) fn put(&mut self, value: impl ToSql + Sync) {
        self.arrays[self.at].push(&value);
        self.at = (self.at + 1) % self.arrays.len();
    }

    pub(super) fn id(&mut self, id: impl Id) {
        self.put(id.uuid());
    }

    pub(super) fn id_opt(&mut self, id: Option<impl Id>) {
        self.put(id.map(Id::uuid));
    }

    pub(super) fn time(&mut self, at: Timestamp) {
        self.put(At(at));
    }

    pub(super) fn time_opt(&mut self, at: Option<Timestamp>) {
        self.put(at.map(At));
    }

    pub(super) fn count(&mut self, count: impl Into<u64>) {
        self.put(int(count.into()));
    }

    pub(super) fn count_opt(&mut self, count: Option<impl Into<u64>>) {
        self.put(count.map(|count| int(count.into())));
    }

    pub(super) fn json(&mut self, value: &(impl Serialize + fmt::Debug + Sync)) {
        self.put(Json(value));
    }

    /// Quantity, then seats.
    pub(super) fn wanted(&mut self, wanted: &Wanted) {
        self.count(wanted.quantity());
        self.put(match wanted {
            Wanted::Quantity(_) => None,
            Wanted::Seats(seats) => Some(Json(seats)),
        });
    }

    /// Minor units, then currency.
    pub(super) fn money(&mut self, money: &Money) {
        self.put(money.minor);
        self.put(money.currency.as_str());
    }

    /// Length, then MAC.
    pub(super) fn chain(&mut self, head: &ChainHead) {
        self.put(int(head.length));
        self.put(&head.mac.0[..]);
    }
}

/// Reads a row's columns from left to right.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    row: &'a Row,
    at: usize,
}

impl<'a> Columns<'a> {
    /// Starts at the first column.
    pub(super) fn of(row: &'a Row) -> Self {
        Self { row, at: 0 }
    }

    /// The next column, as the driver has it.
    pub(super) fn get<T: FromSql<'a>>(&mut self) -> Result<T, StoreError> {
        let at = self.at;
        self.at += 1;
        self.row.try_get(at).map_err(|error| self.garbled(error))
    }

    pub(super) fn id<T: Id>(&mut self) -> Result<T, StoreError> {
        self.get().map(T::of)
    }

    pub(super) fn id_opt<T: Id>(&mut self) -> Result<Option<T>, StoreError> {
        self.get().map(|uuid: Option<Uuid>| uuid.map(T::of))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.get().map(|at: At| at.0)
    }

    pub(super) fn time_opt(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.get().map(|at: Option<At>| at.map(|at| at.0))
    }

    /// A count that is never negative.
    pub(super) fn count<T: TryFrom<i64, Error: fmt::Display>>(&mut self) -> Result<T, StoreError> {
        let value: i64 = self.get()?;
        T::try_from(value).map_err(|error| self.garbled(error))
    }

    /// The same, or nothing.
    pub(super) fn count_opt<T: TryFrom<i64, Error: fmt::Display>>(&mut self) -> Result<Option<T>, StoreError> {
        let value: Option<i64> = self.get()?;
        value.map(T::try_from).transpose().map_err(|error| self.garbled(error))
    }

    /// Text that Rust knows better.
    pub(super) fn text<T: FromStr<Err: fmt::Display>>(&mut self) -> Result<T, StoreError> {
        let text: &str = self.get()?;
        text.parse().map_err(|error| self.garbled(error))
    }

    pub(super) fn text_opt<T: FromStr<Err: fmt::Display>>(&mut self) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.get()?;
        text.map(str::parse).transpose().map_err(|error| self.garbled(error))
    }

    pub(super) fn json<T: DeserializeOwned + fmt::Debug>(&mut self) -> Result<T, StoreError> {
        self.get().map(|Json(value)| value)
    }

    /// Quantity, then seats.
    pub(super) fn wanted(&mut self) -> Result<Wanted, StoreError> {
        let quantity = self.count()?;
        let seats: Option<Json<_>> = self.get()?;
        Ok(seats.map_or(Wanted::Quantity(quantity), |Json(seats)| Wanted::Seats(seats)))
    }

    /// Minor units, then currency.
    pub(super) fn money(&mut self) -> Result<Money, StoreError> {
        Ok(Money { minor: self.get()?, currency: self.text()? })
    }

    /// Length, then MAC.
    pub(super) fn chain(&mut self) -> Result<ChainHead, StoreError> {
        Ok(ChainHead { length: self.count()?, mac: self.mac()? })
    }

    pub(super) fn mac(&mut self) -> Result<ChainMac, StoreError> {
        self.bytes().map(ChainMac)
    }

    /// Bytes of a length that is fixed.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let bytes: &[u8] = self.get()?;
        bytes.try_into().map_err(|error| self.garbled(error))
    }

    /// The same, or nothing.
    pub(super) fn bytes_opt<const N: usize>(&mut self) -> Result<Option<[u8; N]>, StoreError> {
        let bytes: Option<&[u8]> = self.get()?;
        bytes.map(<[u8; N]>::try_from).transpose().map_err(|error| self.garbled(error))
    }

    pub(super) fn garbled(&self, error: impl fmt::Display) -> StoreError {
        let at = self.at - 1;
        let name = self.row.columns().get(at).map_or("a column that is not there", |column| column.name());
        StoreError::corrupt(format_args!("{name}: {error}"))
    }
}
