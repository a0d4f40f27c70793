//! One file per table: its columns, its statements, and its rows as records.

pub(super) mod audit;
pub(super) mod callbacks;
pub(super) mod events;
pub(super) mod holds;
pub(super) mod logins;
pub(super) mod orders;
pub(super) mod outbox;
pub(super) mod payments;
pub(super) mod places;
pub(super) mod rooms;
pub(super) mod seats;
pub(super) mod sessions;
pub(super) mod streams;
pub(super) mod tickets;
pub(super) mod users;

use std::fmt::Write as _;

use ticketing_core::store::StoreError;
use tokio_postgres::Row;

use super::columns::{Cells, Column, Columns, Part};

/// How a record stands in its table.
pub(super) trait Stored: Sized + Send + 'static {
    /// Its table.
    const TABLE: &'static str;
    /// The table's columns, in the order in which records are read and written.
    const COLUMNS: &'static [Column];

    fn decode(columns: &mut Columns<'_>) -> Result<Self, StoreError>;

    /// Puts one value for every column, in their order.
    fn encode(&self, cells: &mut Cells);

    /// Adds rows: one array per column.
    fn insert() -> &'static str;
}

/// A record that changes.
pub(super) trait Replaced: Stored {
    /// Replaces rows whole: one array per column, then how many rows that must be. Fails when one was
    /// never there, or when what must never change about it differs.
    fn update() -> &'static str;
}

/// A statement that is put together once.
macro_rules! statements {
    ($($(#[$doc:meta])* $visibility:vis $name:ident = $text:expr;)+) => {
        $(
            $(#[$doc])*
            $visibility static $name: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| $text);
        )+

        /// Every one of them, to be looked at.
        #[cfg(test)]
        pub(in crate::postgres) fn statements() -> Vec<&'static str> {
            vec![$(&$name),+]
        }
    };
}
pub(super) use statements;

/// The columns of `R`, each behind `prefix`.
pub(super) fn list<R: Stored>(prefix: &str) -> String {
    let names: Vec<_> = R::COLUMNS.iter().map(|column| format!("{prefix}\"{}\"", column.name)).collect();
    names.join(", ")
}

/// `SELECT … FROM table t`, to be continued.
pub(super) fn select<R: Stored>() -> String {
    format!("SELECT {} FROM {} t", list::<R>("t."), R::TABLE)
}

/// A parameter that one of the order's columns equals, written as a list of one. So the planner sees an order
/// that only one index has, and is not tempted to walk another that has the rest of it, past everybody else's
/// rows.
pub(super) fn only(param: &str) -> String {
    format!("= ANY (ARRAY[{param}::uuid])")
}

/// Every row of the session `$1`, by id.
pub(super) fn of_session<R: Stored>() -> String {
    format!("{} WHERE t.session_id {} ORDER BY t.session_id, t.id", select::<R>(), only("$1"))
}

/// One array parameter per column, from `$1` on.
fn arrays<R: Stored>() -> String {
    let arrays: Vec<_> =
        R::COLUMNS.iter().enumerate().map(|(n, column)| format!("${}::{}[]", n + 1, column.ty.name())).collect();
    arrays.join(", ")
}

/// See [`Stored::insert`].
pub(super) fn insert_into<R: Stored>() -> String {
    format!("INSERT INTO {} ({}) SELECT * FROM unnest({})", R::TABLE, list::<R>(""), arrays::<R>())
}

/// See [`Replaced::update`].
pub(super) fn update_of<R: Stored>() -> String {
    let (mut sets, mut same) = (Vec::new(), String::new());
    for Column { name, part, .. } in R::COLUMNS {
        let condition = match part {
            Part::Key | Part::Fixed => Some(format!("t.\"{name}\" = n.\"{name}\"")),
            // Two that are absent are the same, too.
            Part::FixedOrAbsent => Some(format!("t.\"{name}\" IS NOT DISTINCT FROM n.\"{name}\"")),
            Part::Version => Some(format!("t.\"{name}\" < n.\"{name}\"")),
            Part::Value => None,
        };
        if matches!(part, Part::Version | Part::Value) {
            sets.push(format!("\"{name}\" = n.\"{name}\""));
        }
        if let Some(condition) = condition {
            let and = if same.is_empty() { "" } else { " AND " };
            write!(same, "{and}{condition}").expect("a string takes any text");
        }
    }
    format!(
        "WITH done AS (UPDATE {table} t SET {sets} FROM unnest({arrays}) n ({names}) WHERE {same} RETURNING 1) \
         SELECT ticketing_expect('{table}', count(*), ${wanted}) FROM done",
        table = R::TABLE,
        sets = sets.join(", "),
        arrays = arrays::<R>(),
        names = list::<R>(""),
        wanted = R::COLUMNS.len() + 1,
    )
}

/// A row as a record.
pub(super) fn record<R: Stored>(row: &Row) -> Result<R, StoreError> {
    R::decode(&mut Columns::of(row))
}

/// Rows as records.
pub(super) fn records<R: Stored>(rows: &[Row]) -> Result<Vec<R>, StoreError> {
    rows.iter().map(record).collect()
}
