//! `/health`, `/version`, and the operator's `/metrics`.

use super::headers::JSON;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::storage::Readiness;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

const OK: &str = r#"{"status":"ok"}"#;
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The server is healthy.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes the constant text")]
pub(crate) struct Health {
    /// The text `ok`.
    status: String,
}

/// The software that runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Version {
    /// The text `strongroom`.
    name: &'static str,
    /// The version, such as `0.1.0`.
    version: &'static str,
}

/// Whether the process answers
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "health",
    operation_id = "live",
    responses((status = 200, description = "The process answers", body = Health)),
)]
pub(crate) async fn live() -> impl IntoResponse {
    (JSON, OK)
}

/// Whether the store answers
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    operation_id = "ready",
    responses((status = 200, description = "The store answered within the last second", body = Health)),
)]
pub(crate) async fn ready(State(readiness): State<Arc<Readiness>>) -> Result<impl IntoResponse, ApiError> {
    readiness.check().await?;
    Ok((JSON, OK))
}

/// The software that runs
#[utoipa::path(
    get,
    path = "/version",
    tag = "health",
    operation_id = "version",
    responses((status = 200, description = "The name and the version", body = Version)),
)]
pub(crate) async fn version() -> Json<Version> {
    Json(Version { name: "strongroom", version: env!("CARGO_PKG_VERSION") })
}

/// The figures of this server, in OpenMetrics' text format.
pub(super) async fn metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], metrics.to_text())
}
