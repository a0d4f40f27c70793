//! What a payment gateway holds against a shop.

use std::fmt;

/// What was wrong with what the gateway was asked, or with what its buyers were shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// A payment under another amount or name than its own, or a page of no payment (I4).
    Terms,
    /// Money was to be given back that nobody can give back so (I6).
    Refund,
    /// Money was given back that had been given back (I6).
    DoubleRefund,
}

impl Breach {
    const fn invariant(self) -> &'static str {
        match self {
            Self::Terms => "I4",
            Self::Refund | Self::DoubleRefund => "I6",
        }
    }
}

/// Something that no shop may do to its gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What it breaks.
    pub breach: Breach,
    /// How.
    pub detail: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.breach.invariant(), self.detail)
    }
}
