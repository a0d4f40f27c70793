//! The one layer around every route: trace, room, identity, limits, panics, problems, log and metrics.
//!
//! One layer, because each costs every request an allocation or two.

use std::{convert::Infallible, future::Future, net::IpAddr, panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    body::HttpBody,
    extract::{MatchedPath, Request},
    response::{IntoResponse, Response},
    routing::Route,
};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use ticketing_core::{audit::TraceId, clock::Timestamp, ids::UserId};
use tower::{Service, layer::layer_fn, service_fn};

use super::{
    actions::action,
    spans::{Answered, PurchaseStep, RequestSpan},
    trace::header_value,
};
use crate::{
    capacity::{Admission, Class, NO_ROUTE, waits_for_body},
    error::{ApiError, panic_message},
    extract::{Context, Identity, PeerAddress},
    limits::Stage,
    state::App,
};

/// Names a request's trace in its answer.
pub const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Puts the front around every route of `router`, its fallbacks included.
pub fn wrap(router: Router<App>, app: &App) -> Router<App> {
    let app = app.clone();
    router.layer(layer_fn(move |mut route: Route| {
        let app = app.clone();
        service_fn(move |mut request: Request| {
            let mut exchange = Exchange::begin(&app, &request);
            let routed = match exchange.admit(&app, &mut request) {
                None => Ok(route.call(request)),
                Some(refused) => Err(Box::new(refused)),
            };
            let app = app.clone();
            async move {
                let response = match routed {
                    Ok(routed) => match exchange.refuse_among_all(&app).await {
                        None => guard(routed).await,
                        Some(limited) => limited,
                    },
                    Err(refused) => *refused,
                };
                if exchange.is_shed(&response) {
                    app.capacity.refused(exchange.class()).await;
                }
                Ok::<_, Infallible>(exchange.end(&app, response))
            }
        })
    }))
}

/// A handler that panics is a defect, and its own request's misfortune alone.
async fn guard(routed: impl Future<Output = Result<Response, Infallible>>) -> Response {
    match AssertUnwindSafe(routed).catch_unwind().await {
        Ok(Ok(response)) => response,
        Err(panic) => {
            metrics::counter!("http_panics_total").increment(1);
            let message = panic_message(&*panic);
            ApiError::internal(format_args!("a handler panicked: {message}")).into_response()
        }
    }
}

/// One request and its answer.
struct Exchange {
    context: Context,
    /// Where spans are recorded.
    span: Option<RequestSpan>,
    method: Method,
    route: Option<MatchedPath>,
    origin: Option<HeaderValue>,
    began_at: Timestamp,
    /// Kept until there is an answer. `None`: there was no room.
    admission: Option<Admission>,
}

impl Exchange {
    fn begin(app: &App, request: &Request) -> Self {
        let headers = request.headers();
        let address = address(app, request.extensions().get::<PeerAddress>(), headers);
        let (trace_id, given) = app.trace_ids.of(headers);
        let span = app.spans.as_ref().map(|spans| spans.begin(trace_id, given));
        Self {
            context: Context {
                trace_id,
                span: span.map(|span| span.context),
                address,
                identity: Identity::Anonymous,
                token_ends_at: None,
            },
            span,
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            origin: app.cors.allowed(headers),
            began_at: app.clock.now(),
            admission: None,
        }
    }

    /// Lets a request go on to its handler, with all that was found out about it; or the answer to one
    /// that no handler gets to see.
    fn admit(&mut self, app: &App, request: &mut Request) -> Option<Response> {
        // First of all: a refusal must cost next to nothing.
        let admission = match app.capacity.admit(self.class()) {
            Ok(admission) => admission,
            Err(full) => return Some(full.into_response()),
        };
        if (request.body().is_end_stream() || !waits_for_body(&self.method, self.route()))
            && let Err(full) = admission.enter()
        {
            return Some(full.into_response());
        }
        self.admission = Some(admission.clone());
        if app.lifecycle.is_draining() && !self.is_probe() {
            return Some(ApiError::shutting_down().into_response());
        }
        (self.context.identity, self.context.token_ends_at) = identity(app, request.headers());
        let refused = self.refuse(app, request);
        request.extensions_mut().insert(self.context);
        request.extensions_mut().insert(admission);
        refused
    }

    fn refuse(&self, app: &App, request: &Request) -> Option<Response> {
        let user = self.user();
        let address = (!self.is_probe()).then_some(self.context.address);
        match app.limits.request(Stage::of(&self.method, self.route()), user, address) {
            Ok(()) => app.cors.preflight(&self.method, request.headers()),
            Err(limited) => Some(limited.into_response()),
        }
    }

    /// Refuses what is too much for all nodes together.
    async fn refuse_among_all(&self, app: &App) -> Option<Response> {
        let address = (!self.is_probe()).then_some(self.context.address);
        let stage = Stage::of(&self.method, self.route());
        let limited = app.limits.request_among_all(stage, self.user(), address).await.err()?;
        Some(limited.into_response())
    }

    fn route(&self) -> &str {
        self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str)
    }

    fn class(&self) -> Class {
        Class::of(&self.method, self.route())
    }

    /// Whether there was no room for it.
    fn is_shed(&self, response: &Response) -> bool {
        let problem = response.extensions().get::<ApiError>();
        response.status() == StatusCode::SERVICE_UNAVAILABLE
            && problem.is_some_and(|problem| problem.reason() == "overloaded")
    }

    /// What a probe asks for costs next to nothing, and it may ask at any rate; metrics have little room instead.
    fn is_probe(&self) -> bool {
        matches!(self.class(), Class::Probe | Class::Metrics)
    }

    fn end(self, app: &App, mut response: Response) -> Response {
        let problem = response.extensions_mut().remove::<ApiError>();
        if let Some(problem) = &problem {
            *response.body_mut() = problem.body(self.context.trace_id).into();
        }
        response.headers_mut().insert(TRACE_ID, header_value(self.context.trace_id));
        let latency = app.clock.now().since(self.began_at);
        app.metrics.answered(&self.method, self.route(), response.status(), latency);
        self.log(self.route(), response.status(), problem.as_ref(), latency);
        self.trace(app, &mut response, problem.as_ref(), latency);
        if let Some(origin) = self.origin {
            app.cors.admit(origin, response.headers_mut());
        }
        response
    }

    /// Ends the request's span. Probes have none: they would outnumber everything.
    fn trace(&self, app: &App, response: &mut Response, problem: Option<&ApiError>, took: Duration) {
        let (Some(spans), Some(span)) = (&app.spans, self.span) else { return };
        let step = response.extensions_mut().remove::<PurchaseStep>();
        if self.is_probe() {
            return;
        }
        let answered = Answered {
            method: &self.method,
            route: self.route(),
            status: response.status(),
            reason: problem.map(ApiError::reason),
            user: self.user(),
            began_at: self.began_at,
            took,
        };
        spans.end(span, &answered, step);
    }

    fn user(&self) -> Option<UserId> {
        match self.context.identity {
            Identity::User(user) => Some(user.id),
            Identity::Anonymous | Identity::Invalid => None,
        }
    }

    /// One line per request. Reads that went well are many and say little, and so do those that the server was
    /// too busy for, of which the log and the metrics tell how many, or was about to leave: level debug.
    fn log(&self, route: &str, status: StatusCode, problem: Option<&ApiError>, latency: Duration) {
        let outcome = problem.map_or("ok", ApiError::reason);
        let user_id = self.user().map(tracing::field::display);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    traceId = %Shown(self.context.trace_id),
                    userId = user_id,
                    method = self.method.as_str(),
                    route,
                    action = action(&self.method, route),
                    status = status.as_u16(),
                    outcome,
                    cause = problem.and_then(ApiError::cause),
                    latencyMs = latency.as_micros() as f64 / 1000.0,
                    "request"
                )
            };
        }
        if matches!(outcome, "overloaded" | "shutting_down") {
            line!(debug);
        } else if status.is_server_error() {
            line!(error);
        } else if problem.is_none() && (self.method == Method::GET || self.method == Method::HEAD) {
            line!(debug);
        } else {
            line!(info);
        }
    }
}

struct Shown(TraceId);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Who asks, and until when a token says so.
fn identity(app: &App, headers: &HeaderMap) -> (Identity, Option<Timestamp>) {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return (Identity::Anonymous, None) };
    match bearer(value).and_then(|token| app.tokens.verify_until(token)) {
        Some((user, until)) => (Identity::User(user), Some(until)),
        None => (Identity::Invalid, None),
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who sent a request: the connection's other end, or, behind trusted proxies, the last address in
/// `X-Forwarded-For` that is not one of them. What stands further left is the sender's own word.
fn address(app: &App, peer: Option<&PeerAddress>, headers: &HeaderMap) -> IpAddr {
    let Some(PeerAddress(peer)) = peer else { return std::net::Ipv4Addr::UNSPECIFIED.into() };
    let trusted = |address: IpAddr| app.proxies.iter().any(|block| block.contains(address));
    let mut address = peer.ip();
    if app.proxies.is_empty() || !trusted(address) {
        return address;
    }
    let hops: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        let Ok(hop) = hop.trim().parse() else { break };
        address = hop;
        if !trusted(address) {
            break;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_answers_500_and_tells_only_the_log_why() {
        let response = guard(async { panic!("the {} is broken", "invariant") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let problem = response.extensions().get::<ApiError>().unwrap();
        assert_eq!(
            (problem.reason(), problem.cause()),
            ("internal", Some("a handler panicked: the invariant is broken"))
        );
        let body = problem.body(TraceId(1));
        assert!(!String::from_utf8_lossy(&body).contains("invariant"));
    }

    #[test]
    fn only_a_bearer_token_is_a_token() {
        let check =
            |value: &'static str, expected| assert_eq!(bearer(&HeaderValue::from_static(value)), expected, "{value}");
        check("Bearer abc", Some("abc"));
        check("bearer  abc ", Some("abc"));
        check("Basic abc", None);
        check("Bearer", None);
        check("abc", None);
    }
}
