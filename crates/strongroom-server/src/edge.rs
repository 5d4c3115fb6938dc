//! What every request and answer passes: bounds on the way in, request id and error body on the way out.

use crate::error::{ApiError, Code};
use crate::vault::Vault;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, MatchedPath, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use getrandom::rand_core::Rng;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body that says that it is JSON, or is empty, within the configured bound.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl FromRequest<Arc<Vault>> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, vault: &Arc<Vault>) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let max_bytes = vault.config.max_body_bytes;
        let too_large = || Code::BodyTooLarge.because(format!("the body has more than {max_bytes} bytes"));
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse().ok());
        if announced.is_some_and(|bytes: u64| bytes > max_bytes as u64) {
            return Err(too_large());
        }
        let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(request.into_body(), max_bytes).collect())
            .await
            .map_err(|_| Code::RequestTimeout.because("the body did not come within 10 seconds"))?
            .map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => too_large(),
                Err(_) => Code::MalformedRequest.because("the body broke off"),
            })?
            .to_bytes();
        if !body.is_empty() && !content_type.is_some_and(|value| is_json(&value)) {
            return Err(Code::UnsupportedMediaType.because("send content-type: application/json"));
        }
        Ok(Self(body))
    }
}

fn is_json(content_type: &HeaderValue) -> bool {
    let essence = content_type.to_str().ok().and_then(|text| text.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

/// Names the request, writes the body of a refusal, and logs what happened without what was in it.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let mut id = [0; 8];
    crate::rng().fill_bytes(&mut id);
    let request_id = hex::encode(id);
    let method = request.method().clone();
    // The pattern, not the path: a slot's name is nobody else's business.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let start = Instant::now();
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let ms = start.elapsed().as_secs_f64() * 1e3;
    match response.extensions_mut().remove::<ApiError>() {
        None => tracing::info!(request_id, %method, route, status, ms, "served"),
        Some(error) => {
            let (_, code) = error.code.parts();
            match &error.cause {
                None => tracing::info!(request_id, %method, route, status, ms, code, "refused"),
                Some(cause) => {
                    let cause = chain(cause.as_ref());
                    tracing::error!(request_id, %method, route, status, ms, code, cause, "failed");
                }
            }
            let body = json!({
                "statusCode": status,
                "code": code,
                "message": error.message,
                "requestId": request_id,
            });
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = Body::from(body.to_string());
        }
    }
    let headers = response.headers_mut();
    headers
        .insert("x-request-id", HeaderValue::from_str(&request_id).expect("hex digits are a header value"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error with its sources, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
