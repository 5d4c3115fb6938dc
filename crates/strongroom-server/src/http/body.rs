//! A request's body. It is read within bounds, and then taken according to its content type.

use crate::error::{ApiError, Code};
use crate::limits::{BodyPermit, ClientAddress, Guard};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;

/// Bytes of memory that a body gets at a time.
const MEMORY_STEP_BYTES: usize = 64 * 1024;

/// A body that is empty or has the content type of JSON. It is in memory already: the edge has read
/// it.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(is_json);
        let body = request.into_body().collect().await.map_err(broke_off)?.to_bytes();
        if body.is_empty() || is_json {
            return Ok(Self(body));
        }
        Err(Code::UnsupportedMediaType
            .because("the content type is not JSON: send content-type: application/json"))
    }
}

/// A body with a sealed secret.
pub(crate) enum SealedBody {
    /// The JSON of a store request.
    Json(Bytes),
    /// An envelope's bytes.
    Envelope(Bytes),
}

impl<S: Send + Sync> FromRequest<S> for SealedBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        if !content_type.is_some_and(|value| is(value, "application/octet-stream")) {
            return JsonBody::from_request(request, state).await.map(|JsonBody(bytes)| Self::Json(bytes));
        }
        let body = request.into_body().collect().await.map_err(broke_off)?.to_bytes();
        Ok(Self::Envelope(body))
    }
}

fn is_json(content_type: &HeaderValue) -> bool {
    is(content_type, "application/json")
}

/// Whether a header names this media type, whatever its parameters.
pub(crate) fn is(value: &HeaderValue, media_type: &str) -> bool {
    let essence = value.to_str().ok().and_then(|text| text.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(media_type))
}

fn broke_off(_: axum::Error) -> ApiError {
    Code::MalformedRequest.because("the body ended early")
}

/// The whole body, and the permits for the memory that it takes.
pub(super) async fn read(
    guard: &Guard,
    max_bytes: usize,
    client: ClientAddress,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Bytes, Vec<BodyPermit>), ApiError> {
    let too_large = || Code::BodyTooLarge.because(format!("the body has more than {max_bytes} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > max_bytes as u64) {
        return Err(too_large());
    }
    let (mut bytes, mut permits) = (Vec::new(), Vec::new());
    let mut permitted = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broke_off)?.into_data() else { continue };
        if bytes.len() + data.len() > max_bytes {
            return Err(too_large());
        }
        // Bytes that are only announced get no memory. Small pieces get some memory ahead.
        if bytes.len() + data.len() > permitted {
            let more = data.len().max(MEMORY_STEP_BYTES).min(max_bytes - permitted);
            permits.push(guard.body_room(client, more)?);
            permitted += more;
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.into(), permits))
}
