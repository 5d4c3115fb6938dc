//! The headers that every answer has, with the request id among them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use getrandom::rand_core::Rng;
use strongroom::os_rng;

/// The content type of an answer in JSON.
pub(crate) const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// A random name for a request, which its answer and its line in the log have: 16 hex digits.
pub(crate) fn request_id() -> String {
    let mut id = [0; 8];
    os_rng().fill_bytes(&mut id);
    hex::encode(id)
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
