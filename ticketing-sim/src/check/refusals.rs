//! The engine's refusals, as those who asked understand them.

use ticketing_core::{
    command::{
        CatalogueRefusal, CheckoutRefusal, HoldRefusal, Never, QueueRefusal, RedeemRefusal, RefundRefusal,
        ReleaseRefusal,
    },
    engine::QueueStatusRefusal,
};

use super::history::No;

/// A refusal that somebody was told.
pub trait Told {
    /// What they understand.
    fn told(self) -> No;
}

impl Told for HoldRefusal {
    fn told(self) -> No {
        match self {
            Self::KeyReused => No::KeyReused,
            Self::SessionNotFound => No::NotFound,
            Self::NotOnSale | Self::SalePaused | Self::SaleClosed => No::NotSelling,
            Self::TokenExpired => No::TokenExpired,
            Self::NotAdmitted | Self::TokenRequired => No::NotAdmitted,
            Self::TokenMismatch => No::TokenMismatch,
            Self::SoldOut { .. } => No::SoldOut,
            Self::SeatTaken { seat_ids } => No::SeatTaken(seat_ids.iter().map(ToString::to_string).collect()),
            Self::HoldExists { hold_id } => No::HoldExists(hold_id),
            Self::LimitExceeded { .. } => No::Limit,
            other => No::Other(other.to_string()),
        }
    }
}

impl Told for ReleaseRefusal {
    fn told(self) -> No {
        match self {
            Self::HoldNotFound => No::NotFound,
            Self::AlreadySold => No::AlreadySold,
            other => No::Other(other.to_string()),
        }
    }
}

impl Told for CheckoutRefusal {
    fn told(self) -> No {
        match self {
            Self::HoldNotFound => No::NotFound,
            Self::HoldNotActive => No::NotActive,
            other => No::Other(other.to_string()),
        }
    }
}

impl Told for QueueRefusal {
    fn told(self) -> No {
        match self {
            Self::SoldOut => No::SoldOut,
            Self::NotOnSale | Self::SaleClosed => No::NotSelling,
            other => No::Other(other.to_string()),
        }
    }
}

impl Told for QueueStatusRefusal {
    fn told(self) -> No {
        match self {
            Self::UnknownToken => No::TokenMismatch,
            Self::Expired => No::TokenExpired,
            other => No::Other(other.to_string()),
        }
    }
}

impl Told for CatalogueRefusal {
    fn told(self) -> No {
        match self {
            Self::StockInUse { .. } => No::StockInUse,
            other => No::Other(other.to_string()),
        }
    }
}

impl Told for RefundRefusal {
    fn told(self) -> No {
        No::Other(self.to_string())
    }
}

impl Told for RedeemRefusal {
    fn told(self) -> No {
        match self {
            Self::AlreadyRedeemed { .. } => No::AlreadyIn,
            other => No::Other(other.to_string()),
        }
    }
}

impl Told for Never {
    fn told(self) -> No {
        match self {}
    }
}
