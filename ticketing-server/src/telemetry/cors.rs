//! Which pages of other origins may ask from a browser.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE");
const ALLOWED_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, idempotency-key, queue-token, traceparent");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("x-trace-id, retry-after, idempotent-replayed");
/// Seconds a browser may remember a preflight.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("600");
const REQUEST_METHOD: HeaderName = header::ACCESS_CONTROL_REQUEST_METHOD;

/// The origins that may ask. Credentials in cookies are never allowed: there are none.
#[derive(Debug)]
pub(crate) struct Cors {
    any: bool,
    origins: Vec<String>,
}

impl Cors {
    pub(crate) fn new(origins: Vec<String>) -> Self {
        let any = origins.iter().any(|origin| origin == "*");
        let origins = origins.into_iter().map(|origin| origin.trim_end_matches('/').to_lowercase()).collect();
        Self { any, origins }
    }

    /// The request's origin, if it may ask.
    pub(crate) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        if self.any {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?.to_lowercase();
        self.origins.contains(&text).then(|| origin.clone())
    }

    /// The answer to a browser that asks whether it may ask; `None` for every other request.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if method != Method::OPTIONS || !headers.contains_key(REQUEST_METHOD) {
            return None;
        }
        self.allowed(headers)?;
        let mut response = StatusCode::NO_CONTENT.into_response();
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
        Some(response)
    }

    /// Lets a page of `origin` read the answer.
    pub(crate) fn admit(&self, origin: HeaderValue, answer: &mut HeaderMap) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        if !self.any {
            answer.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(allowed: &[&str], origin: &str, expected: Option<&str>) {
        let cors = Cors::new(allowed.iter().map(|origin| (*origin).to_owned()).collect());
        let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_str(origin).unwrap())]);
        let found = cors.allowed(&headers);
        assert_eq!(found.as_ref().and_then(|value| value.to_str().ok()), expected);
    }

    #[test]
    fn only_named_origins_may_ask() {
        check(&[], "https://shop.example", None);
        check(&["https://shop.example"], "https://shop.example", Some("https://shop.example"));
        check(&["https://shop.example/"], "https://SHOP.example", Some("https://SHOP.example"));
        check(&["https://shop.example"], "https://shop.example.evil", None);
        check(&["*"], "https://anything.example", Some("*"));
    }
}
