//! How spans reach their collector: OTLP over HTTP, by a thread of its own, beside the requests.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use opentelemetry::KeyValue;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor},
};

/// The path of traces at a collector (OTLP/HTTP 1.0).
const TRACES_PATH: &str = "/v1/traces";
/// Longest time that one hand-over may take.
const EXPORT_TIME_MAX: Duration = Duration::from_secs(2);
/// Longest time that the last one may take, when the server stops.
const END_TIME_MAX: Duration = Duration::from_secs(2);
/// Spans wait so long for others to go with.
const GATHER_FOR: Duration = Duration::from_millis(500);
/// Most spans that wait; more are dropped.
const SPANS_MAX: usize = 16_384;
/// Most spans handed over at once.
const BATCH_LEN_MAX: usize = 512;

/// Gathers spans and hands them over.
pub(super) struct Processor {
    batches: BatchSpanProcessor,
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Processor")
    }
}

/// Starts the hand-over to the collector at `endpoint`.
pub(super) fn start(endpoint: &str, service_name: &str) -> Result<Processor, String> {
    // A second one finds the first, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(address_of_traces(endpoint))
        .with_timeout(EXPORT_TIME_MAX)
        .build()
        .map_err(|error| error.to_string())?;
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(SPANS_MAX)
        .with_max_export_batch_size(BATCH_LEN_MAX)
        .with_scheduled_delay(GATHER_FOR)
        .build();
    let mut batches = BatchSpanProcessor::new(Watched { exporter, failed: Mutex::default() }, config);
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder_empty().with_service_name(service_name.to_owned()).with_attribute(version).build();
    batches.set_resource(&resource);
    Ok(Processor { batches })
}

/// A collector's address may be given with the path or without.
fn address_of_traces(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    let authority = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    if authority.contains('/') { endpoint.to_owned() } else { format!("{endpoint}{TRACES_PATH}") }
}

impl Processor {
    /// Takes a span that has ended.
    pub(super) fn end(&self, span: SpanData) {
        self.batches.on_end(span);
    }

    /// Hands over what is left.
    pub(super) fn shutdown(&self) {
        if let Err(error) = self.batches.shutdown_with_timeout(END_TIME_MAX) {
            tracing::warn!(%error, "the last spans were not handed over");
        }
    }
}

/// An exporter whose failures are counted, and told once until it works again.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    failed: Mutex<bool>,
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let len = batch.len() as u64;
        let exported = self.exporter.export(batch).await;
        let failed = exported.is_err();
        let before = std::mem::replace(&mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner), failed);
        match &exported {
            Ok(()) => metrics::counter!("otlp_spans_exported_total").increment(len),
            Err(error) => {
                metrics::counter!("otlp_spans_lost_total").increment(len);
                if !before {
                    tracing::warn!(%error, "the collector takes no spans; they are dropped until it does");
                }
            }
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_named_with_its_path_or_without() {
        let check = |given: &str, expected: &str| assert_eq!(address_of_traces(given), expected);
        check("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces");
        check("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces");
        check("https://collector.example.com/v1/traces", "https://collector.example.com/v1/traces");
        check("https://example.com/tenant/a", "https://example.com/tenant/a");
    }
}
