//! Figures for the operator, in the text format of OpenMetrics. They are served on a port of their
//! own.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::fmt::{self, Write};
use std::time::Duration;

/// The number of buckets. Their upper ends are 0.25 ms to 16 s, each twice the one before.
const BUCKETS: usize = 17;
const FIRST_BUCKET_S: f64 = 0.000_25;

type Timer = Family<OperationLabels, Histogram, fn() -> Histogram>;
type VerificationTimer = Family<VerificationLabels, Histogram, fn() -> Histogram>;
type RouteTimer = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// The counters and histograms of a server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: RouteTimer,
    refusals: Family<CodeLabels, Counter>,
    /// Requests that are worked on now.
    pub(crate) active: Gauge,
    /// Connections that are open now.
    pub(crate) connections: Gauge,
    /// Connections that the server did not accept, or ended itself.
    connections_refused: Family<CodeLabels, Counter>,
    verification_seconds: VerificationTimer,
    /// SLH-DSA verifications that run now, or wait for their turn.
    pub(crate) verifications: Gauge,
    store_seconds: Timer,
    store_failures: Family<OperationLabels, Counter>,
    /// Slots that expired and were deleted.
    pub(crate) swept: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: Name,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerificationLabels {
    outcome: Name,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CodeLabels {
    code: Name,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: Name,
}

/// A label's value from the source code, so no client can make new values.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
struct Name(&'static str);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.0)
    }
}

fn histogram() -> Histogram {
    Histogram::new((0..BUCKETS).map(|n| FIRST_BUCKET_S * f64::from(1 << n)))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("strongroom"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(histogram),
            refusals: Family::default(),
            active: Gauge::default(),
            connections: Gauge::default(),
            connections_refused: Family::default(),
            verification_seconds: Family::new_with_constructor(histogram),
            verifications: Gauge::default(),
            store_seconds: Family::new_with_constructor(histogram),
            store_failures: Family::default(),
            swept: Counter::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What runs", version);
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "request",
            "Time from a request's head to its answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        registry.register("refusals", "Requests refused, by code", self.refusals.clone());
        registry.register("requests_active", "Requests that are worked on", self.active.clone());
        registry.register("connections", "Connections that are open", self.connections.clone());
        registry.register(
            "connections_refused",
            "Connections that the server did not take or ended: too many of one address, no TLS, idle, answers not taken",
            self.connections_refused.clone(),
        );
        registry.register_with_unit(
            "slh_dsa_verification",
            "CPU time of verifying SLH-DSA signatures, for one request",
            Unit::Seconds,
            self.verification_seconds.clone(),
        );
        registry.register(
            "slh_dsa_verifications_active",
            "Requests whose SLH-DSA signatures are verified, or wait for it",
            self.verifications.clone(),
        );
        registry.register_with_unit(
            "store_call",
            "Time of calls to the store",
            Unit::Seconds,
            self.store_seconds.clone(),
        );
        registry.register("store_failures", "Calls to the store that failed", self.store_failures.clone());
        registry.register("slots_swept", "Slots that expired and were forgotten", self.swept.clone());
        self
    }

    pub(crate) fn answered(&self, method: &axum::http::Method, route: &str, status: u16, took: Duration) {
        let method = match method.as_str() {
            "GET" => "GET",
            "HEAD" => "HEAD",
            "POST" => "POST",
            "PUT" => "PUT",
            "DELETE" => "DELETE",
            "OPTIONS" => "OPTIONS",
            _ => "other",
        };
        let route = route.to_owned();
        self.request_seconds.get_or_create(&RouteLabels { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method: Name(method), route, status }).inc();
    }

    pub(crate) fn refused(&self, code: &'static str) {
        self.refusals.get_or_create(&CodeLabels { code: Name(code) }).inc();
    }

    pub(crate) fn connection_refused(&self, why: &'static str) {
        self.connections_refused.get_or_create(&CodeLabels { code: Name(why) }).inc();
    }

    pub(crate) fn verified(&self, valid: bool, took: Duration) {
        let outcome = Name(if valid { "valid" } else { "invalid" });
        self.verification_seconds.get_or_create(&VerificationLabels { outcome }).observe(took.as_secs_f64());
    }

    pub(crate) fn store_call(&self, operation: &'static str, took: Duration, failed: bool) {
        let operation = OperationLabels { operation: Name(operation) };
        self.store_seconds.get_or_create(&operation).observe(took.as_secs_f64());
        if failed {
            self.store_failures.get_or_create(&operation).inc();
        }
    }

    /// All figures as OpenMetrics text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to memory does not fail");
        text
    }
}

/// Holds a gauge one higher until this value is dropped.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn one(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;

    #[test]
    fn everything_has_a_name_and_a_help() {
        let metrics = Metrics::new();
        metrics.answered(&Method::GET, "/health", 200, Duration::from_millis(1));
        metrics.answered(&Method::from_bytes(b"BREW").expect("a token"), "-", 405, Duration::ZERO);
        metrics.refused("no_such_route");
        metrics.connection_refused("too_many");
        metrics.store_call("insert", Duration::from_millis(3), true);
        metrics.verified(false, Duration::from_millis(4));
        let one = Counted::one(&metrics.active);
        let text = metrics.to_text();
        for line in [
            r#"strongroom_requests_total{method="GET",route="/health",status="200"} 1"#,
            r#"strongroom_requests_total{method="other",route="-",status="405"} 1"#,
            r#"strongroom_refusals_total{code="no_such_route"} 1"#,
            r#"strongroom_store_failures_total{operation="insert"} 1"#,
            r#"strongroom_request_seconds_bucket{le="0.001",route="/health"} 1"#,
            r#"strongroom_slh_dsa_verification_seconds_count{outcome="invalid"} 1"#,
            "strongroom_requests_active 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(one);
        assert!(metrics.to_text().contains("strongroom_requests_active 0"));
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
        }
    }
}
