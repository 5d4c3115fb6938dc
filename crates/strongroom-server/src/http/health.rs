//! `/health`, `/version`, and `/metrics` for the operator

use super::answer::JSON;
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

/// It goes well.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes the constant text")]
pub(crate) struct Health {
    /// `ok`
    status: String,
}

/// What runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Version {
    /// `strongroom`
    name: &'static str,
    /// Semantic.
    version: &'static str,
}

/// The process answers
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "health",
    operation_id = "live",
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn live() -> impl IntoResponse {
    (JSON, OK)
}

/// The store answers
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    operation_id = "ready",
    responses((status = 200, description = "It did within the last second", body = Health)),
)]
pub(crate) async fn ready(State(readiness): State<Arc<Readiness>>) -> Result<impl IntoResponse, ApiError> {
    readiness.check().await?;
    Ok((JSON, OK))
}

/// What runs
#[utoipa::path(
    get,
    path = "/version",
    tag = "health",
    operation_id = "version",
    responses((status = 200, description = "Name and version", body = Version)),
)]
pub(crate) async fn version() -> Json<Version> {
    Json(Version { name: "strongroom", version: env!("CARGO_PKG_VERSION") })
}

/// The figures of this server, in OpenMetrics' text format.
pub(super) async fn metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], metrics.to_text())
}
