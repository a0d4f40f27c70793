//! Stable words for what went wrong, the HTTP API's where it has one.

use ticketing_core::{
    command::{CheckoutRefusal, HoldRefusal, Never, QueueRefusal, ReleaseRefusal},
    engine::{EngineError, QueueStatusRefusal},
    store::StoreError,
};

use crate::load::story::Answer;

/// The one refusal that passes.
const COOLING_DOWN: &str = "cooling_down";

/// An error as an answer.
pub trait Reason {
    /// How the call ended.
    fn answer(&self) -> Answer;
}

/// A refusal's word.
pub trait Word: std::error::Error {
    /// The word.
    fn word(&self) -> &'static str;
}

impl Reason for StoreError {
    fn answer(&self) -> Answer {
        match self {
            Self::OutcomeUnknown { .. } => Answer::Unknown,
            Self::Unavailable { .. } => Answer::busy("store_unavailable"),
            Self::Conflict { .. } => Answer::busy("conflict"),
            other => Answer::Failed { error: other.to_string() },
        }
    }
}

impl<R: Word> Reason for EngineError<R> {
    fn answer(&self) -> Answer {
        match self {
            // Who comes again later may be served.
            Self::Refused(refusal) if refusal.word() == COOLING_DOWN => Answer::busy(COOLING_DOWN),
            Self::Refused(refusal) => Answer::refused(refusal.word()),
            Self::Overloaded => Answer::busy("overloaded"),
            Self::ShuttingDown => Answer::busy("shutting_down"),
            Self::Store(error) => error.answer(),
            other => Answer::Failed { error: other.to_string() },
        }
    }
}

impl Word for HoldRefusal {
    fn word(&self) -> &'static str {
        match self {
            Self::KeyReused => "key_reused",
            Self::SessionNotFound => "session_not_found",
            Self::SeatNotFound { .. } => "seat_not_found",
            Self::WrongKind { .. } => "wrong_kind",
            Self::NotOnSale => "not_on_sale",
            Self::SalePaused => "sale_paused",
            Self::SaleClosed => "sale_closed",
            Self::TokenRequired => "queue_token_required",
            Self::TokenExpired => "queue_token_expired",
            Self::NotAdmitted => "not_admitted",
            Self::TokenMismatch => "queue_token_mismatch",
            Self::SoldOut { .. } => "sold_out",
            Self::SeatTaken { .. } => "seat_taken",
            Self::HoldExists { .. } => "hold_exists",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::TooManyHolds => "too_many_holds",
            Self::CoolingDown { .. } => COOLING_DOWN,
            _ => "other",
        }
    }
}

impl Word for QueueRefusal {
    fn word(&self) -> &'static str {
        match self {
            Self::SessionNotFound => "session_not_found",
            Self::NotOnSale => "not_on_sale",
            Self::SaleClosed => "sale_closed",
            Self::SoldOut => "sold_out",
            Self::QueueFull => "queue_full",
            Self::KeptApart => "queue_unavailable",
            _ => "other",
        }
    }
}

impl Word for QueueStatusRefusal {
    fn word(&self) -> &'static str {
        match self {
            Self::UnknownToken => "queue_token_not_found",
            Self::Expired => "queue_token_expired",
            _ => "other",
        }
    }
}

impl Word for CheckoutRefusal {
    fn word(&self) -> &'static str {
        match self {
            Self::HoldNotFound => "hold_not_found",
            Self::HoldNotActive => "hold_not_active",
            _ => "other",
        }
    }
}

impl Word for ReleaseRefusal {
    fn word(&self) -> &'static str {
        match self {
            Self::HoldNotFound => "hold_not_found",
            Self::AlreadySold => "already_sold",
            _ => "other",
        }
    }
}

impl Word for Never {
    fn word(&self) -> &'static str {
        match *self {}
    }
}
