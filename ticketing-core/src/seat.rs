//! Seats of a seated session.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{HoldId, SessionId},
    money::Money,
    state_enum,
};

state_enum! {
    /// What a seat is.
    pub enum SeatStatus {
        /// Free.
        Available = "AVAILABLE",
        /// In a live hold, or in one that no sweep has reclaimed yet.
        Hold = "HOLD",
        /// Bought.
        Sold = "SOLD",
    }
}

/// The organiser's label of a seat, unique in its session: 1–32 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeatId(String);

/// The text cannot be a seat's label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a seat id is 1 to {max} visible ASCII characters", max = SeatId::CHARS_MAX)]
pub struct SeatIdError;

impl SeatId {
    /// Longest label.
    pub const CHARS_MAX: usize = 32;

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SeatId {
    type Err = SeatIdError;

    fn from_str(text: &str) -> Result<Self, SeatIdError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for SeatId {
    type Error = SeatIdError;

    fn try_from(text: String) -> Result<Self, SeatIdError> {
        let fits = (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err(SeatIdError) }
    }
}

impl From<SeatId> for String {
    fn from(id: SeatId) -> Self {
        id.0
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One seat. Its status agrees with its hold's (invariant I2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The session it is sold in.
    pub session_id: SessionId,
    /// The organiser's label.
    pub id: SeatId,
    /// Part of the hall.
    pub section: String,
    /// Row within the section.
    pub row: String,
    /// Number within the row.
    pub number: i64,
    /// Its own price; `None`: the session's.
    pub price: Option<Money>,
    /// What it is.
    pub status: SeatStatus,
    /// The hold that has it, while it is not `AVAILABLE`.
    pub hold_id: Option<HoldId>,
    /// The session's version with which it last changed.
    pub version: u64,
}
