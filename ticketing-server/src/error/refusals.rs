//! Answers to the refusals of accounts and of the catalogue.

use http::StatusCode;
use ticketing_core::command::{CatalogueRefusal, LoginRefusal, Never, UserRefusal};

use super::{ApiError, IntoApi};

impl IntoApi for Never {
    fn into_api(self) -> ApiError {
        match self {}
    }
}

impl IntoApi for UserRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        match self {
            Self::EmailTaken => ApiError::new(StatusCode::CONFLICT, "email_taken", detail),
            Self::UserNotFound => ApiError::new(StatusCode::NOT_FOUND, "user_not_found", detail),
            _ => ApiError::internal(detail),
        }
    }
}

impl IntoApi for LoginRefusal {
    /// Whoever presents a token learns no more than that it is not valid.
    fn into_api(self) -> ApiError {
        let detail = "the refresh token is not valid, or not any more; log in again";
        ApiError::new(StatusCode::UNAUTHORIZED, "refresh_token_invalid", detail).caused_by(self)
    }
}

impl IntoApi for CatalogueRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        match self {
            Self::EventNotFound => ApiError::new(StatusCode::NOT_FOUND, "event_not_found", detail),
            Self::SessionNotFound => ApiError::new(StatusCode::NOT_FOUND, "session_not_found", detail),
            Self::Invalid { field, message } => ApiError::invalid_field(field, message),
            Self::StockInUse { in_use } => {
                ApiError::new(StatusCode::CONFLICT, "stock_in_use", detail).with("inUse", in_use)
            }
            Self::SeatExists { seat_ids } => {
                let seat_ids: Vec<String> = seat_ids.into_iter().map(Into::into).collect();
                ApiError::new(StatusCode::CONFLICT, "seat_exists", detail).with("seatIds", seat_ids)
            }
            _ => ApiError::internal(detail),
        }
    }
}
