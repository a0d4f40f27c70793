//! Query strings.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, de::DeserializeOwned};
use ticketing_core::store::PageRequest;

use crate::error::ApiError;

/// The parameters behind the `?`. What cannot be read is refused with 400.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|error| {
            let source = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            ApiError::invalid(format!("query string: {source}"))
        })
    }
}

/// `?limit=` and `?cursor=` of a list.
#[derive(Debug, Clone)]
pub struct Paging(pub PageRequest);

#[derive(Deserialize)]
struct Parameters {
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Longest cursor that is looked at.
const CURSOR_BYTES_MAX: usize = 256;

impl<S: Sync> FromRequestParts<S> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(Parameters { limit, cursor }) = Query::from_request_parts(parts, state).await?;
        let limit = limit.unwrap_or(PageRequest::LIMIT_DEFAULT);
        if !(1..=PageRequest::LIMIT_MAX).contains(&limit) {
            return Err(ApiError::invalid_field("limit", format!("1 to {}", PageRequest::LIMIT_MAX)));
        }
        if cursor.as_ref().is_some_and(|cursor| cursor.len() > CURSOR_BYTES_MAX) {
            return Err(ApiError::invalid_field("cursor", "not one of ours"));
        }
        Ok(Self(PageRequest { limit, after: cursor }))
    }
}
