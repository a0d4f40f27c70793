//! JSON bodies, read strictly and with every bound.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{capacity::Admission, error::ApiError};

/// Largest body, unless a route says otherwise.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Largest body of a seat import.
pub const SEATS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest time from the end of the headers to the end of the body.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// A JSON object of at most `MAX` bytes. Unknown fields (of types that deny them), duplicate keys,
/// wrong types and trailing garbage are refused, with the field named where it is known.
#[derive(Debug, Clone)]
pub struct Body<T, const MAX: usize = BODY_BYTES_MAX>(pub T);

impl<T: DeserializeOwned, S: Sync, const MAX: usize> FromRequest<S> for Body<T, MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        let RawBody(bytes) = read::<MAX>(request).await?;
        parse(&bytes).map(Self)
    }
}

/// A body of at most `MAX` bytes, as received, whatever it says it is.
#[derive(Debug, Clone)]
pub struct RawBody<const MAX: usize = BODY_BYTES_MAX>(pub Bytes);

impl<S: Sync, const MAX: usize> FromRequest<S> for RawBody<MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        read::<MAX>(request).await
    }
}

async fn read<const MAX: usize>(request: Request) -> Result<RawBody<MAX>, ApiError> {
    let length = content_length(request.headers());
    if length.is_some_and(|length| length > MAX as u64) {
        return Err(too_large(MAX));
    }
    let admission = request.extensions().get::<Admission>().cloned();
    let collected = tokio::time::timeout(BODY_TIME_MAX, Limited::new(request.into_body(), MAX).collect()).await;
    match collected {
        Ok(Ok(body)) => {
            admission.map_or(Ok(()), |admission| admission.enter())?;
            Ok(RawBody(body.to_bytes()))
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(MAX)),
        Ok(Err(error)) => Err(ApiError::invalid("the body ended early").caused_by(error)),
        Err(_) => {
            let detail = format!("the body did not arrive within {} seconds", BODY_TIME_MAX.as_secs());
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail))
        }
    }
}

/// Reads a JSON object.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Derived types would also take their fields from an array, one by one.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| *byte != b'{') {
        return Err(ApiError::invalid("the body must be a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| explain::<T>(bytes, &error))
}

/// Reads once more, this time keeping track of where: refusals may cost what successes need not.
fn explain<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> ApiError {
    let detail = format!("the body is not what was expected: {error}");
    let refused = ApiError::invalid(detail);
    if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
        return refused;
    }
    let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(deserializer) {
        Err(error) => {
            let message = error.inner().to_string();
            let path = error.path().to_string();
            // Of keys that are unknown, missing or repeated, serde tells the name in its message only.
            let named = message.split('`').nth(1).filter(|_| path == ".");
            let field = named.unwrap_or(&path).to_owned();
            refused.with_field(field, message)
        }
        Ok(_) => refused,
    }
}

/// Whether the body is JSON by its content type.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind).trim();
    let suffixed =
        || kind.to_ascii_lowercase().strip_prefix("application/").is_some_and(|kind| kind.ends_with("+json"));
    kind.eq_ignore_ascii_case("application/json") || suffixed()
}

/// The body is something else.
pub(crate) fn not_json() -> ApiError {
    let detail = "the body must be JSON: Content-Type: application/json";
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(max: usize) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", format!("the body is larger than {max} bytes"))
}
