//! Spans of requests, and of purchases across requests, for a collector (OpenTelemetry).
//!
//! A request's span stands in the request's own trace. What belongs to one purchase comes in several
//! requests, of which the client need not know that they are one: so the hold keeps its span, the
//! order keeps the hold's, and checkout and callback leave a second span there, linked with their own.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use http::{Method, StatusCode};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use quick_cache::sync::Cache;
use ticketing_core::{
    audit::TraceContext,
    clock::Timestamp,
    ids::{OrderId, UserId},
    order::Order,
    payment::GatewayPaymentId,
};

use super::{otlp, trace::mix};
use crate::config::{ConfigError, TracingConfig};

/// Where spans go.
#[derive(Debug)]
pub struct Spans {
    processor: otlp::Processor,
    scope: InstrumentationScope,
    sample_percent: u32,
    next: AtomicU64,
    /// Purchases whose checkout was here, by the gateway's name: their callbacks need not look them up.
    purchases: Cache<GatewayPaymentId, PurchaseStep>,
}

/// Purchases that are remembered: so many as may wait for their callbacks at once.
const PURCHASES_MAX: usize = 10_000;

/// The span of a request that is under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestSpan {
    pub(crate) context: TraceContext,
    /// The caller's span, if it named one.
    parent: Option<u64>,
}

/// How a request went.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) method: &'a Method,
    pub(crate) route: &'a str,
    pub(crate) status: StatusCode,
    /// A refusal's reason.
    pub(crate) reason: Option<&'static str>,
    pub(crate) user: Option<UserId>,
    pub(crate) began_at: Timestamp,
    pub(crate) took: Duration,
}

/// A step of a purchase, noted by its handler in the answer's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PurchaseStep {
    pub(crate) name: &'static str,
    pub(crate) order_id: OrderId,
    /// The span that the purchase began with.
    pub(crate) began_in: TraceContext,
}

impl PurchaseStep {
    /// The step `name` of the purchase of `order`; `None` where nobody records it.
    pub(crate) fn of(name: &'static str, order: &Order) -> Option<Self> {
        order.trace.map(|began_in| Self { name, order_id: order.id, began_in })
    }
}

impl Spans {
    /// Spans for the collector that `config` names; `None`: for nobody. `seed` sets its names apart from
    /// those of other processes.
    ///
    /// # Errors
    /// When the collector's address will not do.
    pub(crate) fn start(config: &TracingConfig, seed: u64) -> Result<Option<Self>, ConfigError> {
        let Some(endpoint) = &config.otlp_endpoint else { return Ok(None) };
        let processor = otlp::start(endpoint, &config.service_name)
            .map_err(|error| ConfigError::invalid("tracing.otlp_endpoint", &error))?;
        let scope = InstrumentationScope::builder("ticketing-server").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Some(Self {
            processor,
            scope,
            sample_percent: config.sample_percent,
            next: AtomicU64::new(seed),
            purchases: Cache::new(PURCHASES_MAX),
        }))
    }

    /// Begins the span of a request in trace `trace_id`. `given` is the caller's own span.
    pub(crate) fn begin(&self, trace_id: ticketing_core::audit::TraceId, given: Option<TraceContext>) -> RequestSpan {
        let sampled = match given {
            Some(given) => given.sampled,
            // The low half of a fresh trace id is as good as random.
            None => trace_id.0 % 100 < u128::from(self.sample_percent),
        };
        let context = TraceContext { trace_id, span_id: self.span_id(), sampled };
        RequestSpan { context, parent: given.map(|given| given.span_id) }
    }

    /// Remembers the purchase that `step` belongs to, for callbacks about the payment `name`.
    pub(crate) fn remember(&self, name: GatewayPaymentId, step: PurchaseStep) {
        self.purchases.insert(name, step);
    }

    /// The step `step` of the purchase that the payment `name` is of, if it is remembered.
    pub(crate) fn remembered(&self, name: &GatewayPaymentId, step: &'static str) -> Option<PurchaseStep> {
        self.purchases.get(name).map(|purchase| PurchaseStep { name: step, ..purchase })
    }

    /// Ends a request's span, and that of the step of a purchase that it was.
    pub(crate) fn end(&self, span: RequestSpan, answered: &Answered<'_>, step: Option<PurchaseStep>) {
        if span.context.sampled {
            self.processor.end(self.of_request(span, answered));
        }
        if let Some(step) = step.filter(|step| step.began_in.sampled) {
            self.processor.end(self.of_step(span, answered, step));
        }
    }

    /// Hands over what is left, and ends.
    pub(crate) fn shutdown(&self) {
        self.processor.shutdown();
    }

    fn span_id(&self) -> u64 {
        mix(self.next.fetch_add(1, Ordering::Relaxed)).max(1)
    }

    fn of_request(&self, span: RequestSpan, answered: &Answered<'_>) -> SpanData {
        let mut attributes = vec![
            KeyValue::new("http.request.method", answered.method.as_str().to_owned()),
            KeyValue::new("http.route", answered.route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(answered.status.as_u16())),
        ];
        attributes.extend(answered.reason.map(|reason| KeyValue::new("ticketing.reason", reason)));
        attributes.extend(answered.user.map(|user| KeyValue::new("user.id", user.to_string())));
        let name = format!("{} {}", answered.method, answered.route);
        let parent = span.parent.unwrap_or(0);
        self.span(name.into(), SpanKind::Server, span.context, parent, attributes, answered)
    }

    fn of_step(&self, span: RequestSpan, answered: &Answered<'_>, step: PurchaseStep) -> SpanData {
        let context = TraceContext { span_id: self.span_id(), ..step.began_in };
        let attributes = vec![KeyValue::new("ticketing.order_id", step.order_id.to_string())];
        let parent = step.began_in.span_id;
        let mut data = self.span(step.name.into(), SpanKind::Internal, context, parent, attributes, answered);
        data.links.links.push(Link::new(exported(span.context), Vec::new(), 0));
        data
    }

    fn span(
        &self,
        name: Cow<'static, str>,
        span_kind: SpanKind,
        context: TraceContext,
        parent: u64,
        attributes: Vec<KeyValue>,
        answered: &Answered<'_>,
    ) -> SpanData {
        let began_at = u64::try_from(answered.began_at.micros()).unwrap_or(0);
        let start_time = SystemTime::UNIX_EPOCH + Duration::from_micros(began_at);
        let failed = answered.status.is_server_error();
        SpanData {
            span_context: exported(context),
            parent_span_id: SpanId::from_bytes(parent.to_be_bytes()),
            parent_span_is_remote: parent != 0,
            span_kind,
            name,
            start_time,
            end_time: start_time + answered.took,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if failed { Status::error(answered.reason.unwrap_or_default()) } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }
}

fn exported(context: TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(context.trace_id.0.to_be_bytes()),
        SpanId::from_bytes(context.span_id.to_be_bytes()),
        TraceFlags::default().with_sampled(context.sampled),
        false,
        TraceState::default(),
    )
}
