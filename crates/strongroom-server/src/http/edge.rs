//! What every request and answer passes: its name and its client on the way in, then the bounds; on the way out the
//! error body, the headers, the log.

use crate::error::{ApiError, Code};
use crate::limits::{ClientAddress, Room};
use crate::metrics::Counted;
use crate::vault::Vault;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use getrandom::rand_core::Rng;
use http_body_util::BodyExt;
use serde_json::json;
use std::any::Any;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Memory that a body gets at a time.
const ROOM_STEP_BYTES: usize = 64 * 1024;

/// The other end of a connection; the listener puts it into every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A body that says that it is JSON, or is empty. [`bound`] has read it.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl FromRequest<Arc<Vault>> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Vault>) -> Result<Self, ApiError> {
        let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(is_json);
        let body = request.into_body().collect().await.map_err(broke_off)?.to_bytes();
        if body.is_empty() || is_json {
            return Ok(Self(body));
        }
        Err(Code::UnsupportedMediaType.because("send content-type: application/json"))
    }
}

/// A body that is something to keep: JSON, or an envelope as it is.
pub(crate) enum SealedBody {
    Json(Bytes),
    Envelope(Bytes),
}

impl FromRequest<Arc<Vault>> for SealedBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, vault: &Arc<Vault>) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        if !content_type.is_some_and(|value| is(value, "application/octet-stream")) {
            return JsonBody::from_request(request, vault).await.map(|JsonBody(bytes)| Self::Json(bytes));
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
    Code::MalformedRequest.because("the body broke off")
}

/// Counts the client, reads the body within its bounds, and waits for the request's turn. A client who sends slowly
/// holds up nobody: the turn begins when the body is there. Nor does one who goes away: what he asked for is done, and
/// his turn and his memory are taken until then.
pub(crate) async fn bound(State(vault): State<Arc<Vault>>, request: Request, next: Next) -> Response {
    let client = *request.extensions().get::<ClientAddress>().expect("`finish` puts it there");
    let bounded = async {
        vault.guard.admit(&client)?;
        if request.extensions().get::<MatchedPath>().is_none() {
            return Err(Code::NoSuchRoute.because("no such route: GET /openapi.json lists them"));
        }
        let (head, body) = request.into_parts();
        let reading = read(&vault, client, &head.headers, body);
        let (body, room) = tokio::time::timeout(BODY_TIMEOUT, reading)
            .await
            .map_err(|_| Code::RequestTimeout.because("the body did not come within 10 seconds"))??;
        let turn = vault.guard.turn().await?;
        Ok::<_, ApiError>((Request::from_parts(head, Body::from(body)), room, turn))
    };
    let (request, room, turn) = match bounded.await {
        Ok(bounded) => bounded,
        Err(refusal) => return refusal.into_response(),
    };
    let active = Counted::one(&vault.metrics.active);
    let work = async move {
        let _taken = (room, turn, active);
        next.run(request).await
    };
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Code::Overloaded.because("the server is shutting down").into_response(),
        },
    }
}

/// The whole body, and the memory that it was given.
async fn read(
    vault: &Vault,
    client: ClientAddress,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Bytes, Vec<Room>), ApiError> {
    let max_bytes = vault.config.limits.max_body_bytes;
    let too_large = || Code::BodyTooLarge.because(format!("the body has more than {max_bytes} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > max_bytes as u64) {
        return Err(too_large());
    }
    let (mut bytes, mut room) = (Vec::new(), Vec::new());
    let mut roomy = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broke_off)?.into_data() else { continue };
        if bytes.len() + data.len() > max_bytes {
            return Err(too_large());
        }
        // What is only announced gets no room, what comes in small pieces gets some ahead.
        if bytes.len() + data.len() > roomy {
            let more = data.len().max(ROOM_STEP_BYTES).min(max_bytes - roomy);
            room.push(vault.guard.body_room(client, more)?);
            roomy += more;
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.into(), room))
}

/// A defect costs one request.
pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Code::Internal.because("internal error").into_response()
}

/// Names the request, writes the body of a refusal, and logs what happened without what was in it.
pub(crate) async fn finish(State(vault): State<Arc<Vault>>, mut request: Request, next: Next) -> Response {
    let request_id = request_id();
    let client = client_of(&vault, &request);
    request.extensions_mut().insert(client);
    let client = vault.log_name(b"client-address", &client.to_bytes());
    let method = request.method().clone();
    // The pattern, not the path: a slot's name is nobody else's business.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let span =
        tracing::info_span!("request", request_id, client, wallet = tracing::field::Empty, %method, route);
    async {
        let start = Instant::now();
        let mut response = next.run(request).await;
        let (status, took) = (response.status().as_u16(), start.elapsed());
        vault.metrics.answered(&method, &route, status, took);
        let ms = took.as_secs_f64() * 1e3;
        match response.extensions_mut().remove::<ApiError>() {
            None => tracing::info!(status, ms, "served"),
            Some(error) => {
                let (_, code) = error.code.parts();
                vault.metrics.refused(code);
                match &error.cause {
                    None => tracing::info!(status, ms, code, "refused"),
                    Some(cause) => {
                        let cause = chain(cause.as_ref());
                        tracing::error!(status, ms, code, cause, "failed");
                    }
                }
                write_refusal(&mut response, &error, &request_id);
            }
        }
        write_headers(response.headers_mut(), &request_id, vault.config.https);
        response
    }
    .instrument(span)
    .await
}

/// What an answer and its line in the log have in common.
pub(crate) fn request_id() -> String {
    let mut id = [0; 8];
    crate::rng().fill_bytes(&mut id);
    hex::encode(id)
}

fn client_of(vault: &Vault, request: &Request) -> ClientAddress {
    // A router that is called without a listener has one client.
    let peer = request.extensions().get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
    let lines = request.headers().get_all("x-forwarded-for");
    let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
    ClientAddress::behind_proxies(peer, &lines, vault.config.trusted_hops)
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
    // A page says itself what it needs.
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
