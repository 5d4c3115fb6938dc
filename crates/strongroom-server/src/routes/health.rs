//! `/health`, `/version`

use super::JSON;
use crate::error::ApiError;
use crate::vault::Vault;
use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::json;
use std::sync::Arc;

const OK: &str = r#"{"status":"ok"}"#;

/// The process answers.
pub(super) async fn live() -> impl IntoResponse {
    (JSON, OK)
}

/// The store answers.
pub(super) async fn ready(State(vault): State<Arc<Vault>>) -> Result<impl IntoResponse, ApiError> {
    vault.store.ready().await?;
    Ok((JSON, OK))
}

/// What runs.
pub(super) async fn version() -> impl IntoResponse {
    (JSON, json!({ "name": "strongroom", "version": env!("CARGO_PKG_VERSION") }).to_string())
}
