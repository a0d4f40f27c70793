//! Refusals as clients see them: RFC 9457 `application/problem+json`.
//!
//! A handler's [`ApiError`] travels to the [front](crate::telemetry::front) as an extension of its
//! response; the front knows the trace id and renders the body.

mod refusals;

use std::any::Any;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use ticketing_core::{audit::TraceId, engine::EngineError, payment::gateway::GatewayError, store::StoreError};

/// Why a request was not answered as asked. Every refusal of the server is one of these.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Problem>);

#[derive(Debug, Clone)]
struct Problem {
    status: StatusCode,
    reason: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    retry_after_seconds: Option<u32>,
    cause: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct FieldError {
    field: String,
    message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    reason: &'a str,
    detail: &'a str,
    #[serde(rename = "traceId")]
    trace_id: TraceIdText,
    errors: &'a [FieldError],
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

struct TraceIdText(TraceId);

impl Serialize for TraceIdText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// A use case's refusal that has an HTTP answer.
pub trait IntoApi {
    /// Its answer.
    fn into_api(self) -> ApiError;
}

impl ApiError {
    /// A refusal: `reason` is the stable word that clients match on, `detail` is for people.
    pub fn new(status: StatusCode, reason: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            status,
            reason,
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
            retry_after_seconds: None,
            cause: None,
        }))
    }

    /// The request's shape is wrong.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_argument", detail)
    }

    /// One field of the request is wrong: `field` as the client spells it.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self::invalid(format!("{field}: {message}")).with_field(field, message)
    }

    /// This server takes no more; another one may.
    pub(crate) fn shutting_down() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "this server is going down; try again")
    }

    /// The waiting room cannot be reached: whoever is admitted may go on.
    pub(crate) fn queue_unavailable() -> Self {
        let detail = "the waiting room cannot be reached; who is admitted may go on, all others try again soon";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "queue_unavailable", detail)
    }

    /// A defect or a broken promise of ours. `cause` goes to the log, never to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side").caused_by(cause)
    }

    /// Names a wrong field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Adds a member of its own to the problem, such as `remaining`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// When to try again. 429 and 503 say 1 second unless told otherwise.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// What the log should say about it, beyond what the client is told.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its stable word.
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// What the log should say about it.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The problem's body, in the trace of its request.
    pub(crate) fn body(&self, trace_id: TraceId) -> Bytes {
        let problem = &*self.0;
        let body = Body {
            kind: format!("/problems/{}", problem.reason),
            title: problem.status.canonical_reason().unwrap_or("Error"),
            status: problem.status.as_u16(),
            code: code(problem.status),
            reason: problem.reason,
            detail: &problem.detail,
            trace_id: TraceIdText(trace_id),
            errors: &problem.errors,
            members: &problem.members,
        };
        serde_json::to_vec(&body).expect("a problem is made of strings and JSON values").into()
    }
}

/// The status as the specification spells it.
fn code(status: StatusCode) -> &'static str {
    code_of(status.as_u16())
}

/// The same, of its number.
pub(crate) fn code_of(status: u16) -> &'static str {
    match status {
        400 => "400_INVALID_ARGUMENT",
        401 => "401_UNAUTHORIZED",
        403 => "403_FORBIDDEN",
        404 => "404_NOT_FOUND",
        405 => "405_METHOD_NOT_ALLOWED",
        408 => "408_REQUEST_TIMEOUT",
        409 => "409_CONFLICT",
        410 => "410_GONE",
        413 => "413_PAYLOAD_TOO_LARGE",
        415 => "415_UNSUPPORTED_MEDIA_TYPE",
        422 => "422_UNPROCESSABLE",
        429 => "429_TOO_MANY_REQUESTS",
        502 => "502_BAD_GATEWAY",
        503 => "503_SERVICE_UNAVAILABLE",
        _ => "500_INTERNAL",
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let always = matches!(self.0.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if let Some(seconds) = self.0.retry_after_seconds.or(always.then_some(1)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let unavailable = |reason, detail: &str| Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, detail);
        match &error {
            StoreError::Unavailable { .. } => unavailable("store_unavailable", "the store cannot be reached"),
            StoreError::OutcomeUnknown { .. } => {
                unavailable("outcome_unknown", "whether this was done is not known yet; ask again the same way")
            }
            StoreError::Conflict { .. } => unavailable("conflict", "too many changes at once; try again"),
            _ => Self::internal(""),
        }
        .caused_by(error)
    }
}

impl<R: IntoApi + std::error::Error> From<EngineError<R>> for ApiError {
    fn from(error: EngineError<R>) -> Self {
        match error {
            EngineError::Refused(refusal) => refusal.into_api(),
            EngineError::Overloaded => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "too many requests at once; try again soon")
            }
            EngineError::ShuttingDown => Self::shutting_down(),
            EngineError::Store(error) => error.into(),
            EngineError::Queue(error) => Self::queue_unavailable().caused_by(error),
            EngineError::Gateway(error) => gateway(&error),
            failed => Self::internal(failed),
        }
    }
}

fn gateway(error: &GatewayError) -> ApiError {
    match error {
        GatewayError::Unavailable(_) => {
            let detail = "the payment gateway did not answer; try again";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "gateway_unavailable", detail)
        }
        _ => ApiError::new(StatusCode::BAD_GATEWAY, "gateway_refused", "the payment gateway refused this payment"),
    }
    .caused_by(error)
}
