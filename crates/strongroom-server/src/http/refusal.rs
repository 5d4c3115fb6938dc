//! The body of a refusal, which is JSON on every route.

use crate::error::ApiError;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::json;
use utoipa::ToSchema;

/// The body of a refusal.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what `write_refusal` writes")]
pub(crate) struct Refusal {
    /// The HTTP status of the answer.
    status_code: u16,
    /// The refusal's code, which is stable; spec/http.md lists all codes.
    code: String,
    /// What was wrong and what to do, for people; it may change.
    message: String,
    /// The name of this request in the operator's log, 16 hex digits.
    request_id: String,
}

/// Puts the body of a refusal into its answer.
pub(crate) fn write_refusal(response: &mut Response, error: &ApiError, request_id: &str) {
    let (status, code) = error.code.parts();
    let body = json!({
        "statusCode": status,
        "code": code,
        "message": error.message,
        "requestId": request_id,
    });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_LENGTH);
    if let Some(seconds) = error.retry_after_s {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    *response.body_mut() = Body::from(body.to_string());
}

/// An error with its sources, on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
