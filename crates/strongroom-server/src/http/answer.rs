//! The parts that answers have in common: the request id, the headers, and the body of a refusal.

use crate::error::ApiError;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use getrandom::rand_core::Rng;
use serde_json::json;
use strongroom::os_rng;
use utoipa::ToSchema;

/// The content type of an answer in JSON.
pub(crate) const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

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

/// A random name for a request, which its answer and its line in the log have: 16 hex digits.
pub(crate) fn request_id() -> String {
    let mut id = [0; 8];
    os_rng().fill_bytes(&mut id);
    hex::encode(id)
}

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

pub(crate) fn write_headers(headers: &mut HeaderMap, request_id: &str, https: bool) {
    const ALWAYS: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page sets a policy of its own, for what it needs.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    if https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    let request_id = HeaderValue::from_str(request_id).expect("hex digits are a header value");
    headers.insert("x-request-id", request_id);
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
