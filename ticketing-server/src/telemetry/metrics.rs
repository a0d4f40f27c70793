//! What `/metrics` shows.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::described;

/// Upper bounds of the latency histograms' buckets, in seconds.
const LATENCY_SECONDS: [f64; 15] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of the batch size's buckets, in commands.
const BATCH_LENS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "other"];

/// Counts requests by route, and shows everything the process counts.
#[derive(Debug)]
pub struct Metrics {
    handle: PrometheusHandle,
    routes: RwLock<HashMap<String, Arc<RouteMetrics>>>,
}

/// Handles are looked up once: registering by name and labels costs more than the counting.
#[derive(Debug, Default)]
struct RouteMetrics([MethodMetrics; METHODS.len()]);

#[derive(Debug, Default)]
struct MethodMetrics {
    latency: OnceLock<Histogram>,
    answers: [OnceLock<Counter>; CLASSES.len()],
}

impl Metrics {
    /// The process's metrics. The first call starts to collect them.
    ///
    /// # Errors
    /// When something else collects them already.
    pub fn install() -> Result<Self, String> {
        static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let builder = PrometheusBuilder::new().set_buckets(&LATENCY_SECONDS);
            let batches = Matcher::Full("ticketing_batch_size".to_owned());
            let builder = builder.and_then(|builder| builder.set_buckets_for_metric(batches, &BATCH_LENS));
            let installed = builder.and_then(PrometheusBuilder::install_recorder);
            let handle = installed.map_err(|error| error.to_string())?;
            described::describe();
            Ok(handle)
        });
        Ok(Self { handle: handle.clone()?, routes: RwLock::default() })
    }

    /// Counts one answer. `route` is a pattern, never a path.
    pub(crate) fn answered(&self, method: &Method, route: &str, status: StatusCode, latency: Duration) {
        let routes = self.route(route);
        let place = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let (name, of_method) = (METHODS[place], &routes.0[place]);
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let counter = of_method.answers[class].get_or_init(|| {
            metrics::counter!("http_requests_total", "method" => name, "route" => route.to_owned(), "status" => CLASSES[class])
        });
        counter.increment(1);
        let histogram = of_method.latency.get_or_init(
            || metrics::histogram!("http_request_duration_seconds", "method" => name, "route" => route.to_owned()),
        );
        histogram.record(latency.as_secs_f64());
    }

    /// Everything, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds what was recorded into the histograms; without it they grow until somebody looks.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    fn route(&self, route: &str) -> Arc<RouteMetrics> {
        if let Some(found) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(route) {
            return Arc::clone(found);
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(route.to_owned()).or_default())
    }
}

/// A log line found no room.
pub(super) fn log_line_dropped() {
    metrics::counter!("log_lines_dropped_total").increment(1);
}
