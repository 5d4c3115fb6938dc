//! The layers that every request and answer passes. On the way in, a request gets an id, a client
//! address and its bounds. On the way out, an answer gets the body of a refusal, headers and a line
//! in the log.

use super::body;
use super::{headers, refusal};
use crate::error::{ApiError, Code};
use crate::limits::{ClientAddress, Guard};
use crate::metrics::{Counted, Metrics};
use crate::storage::Tags;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The address of a connection's other end. The listener adds it to every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The parts of the vault that bound, count and log its requests.
pub(crate) struct Edge {
    pub(crate) guard: Arc<Guard>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tags: Arc<Tags>,
    pub(crate) max_body_bytes: usize,
    /// The number of the operator's own proxies in front of the server.
    pub(crate) trusted_hops: usize,
    /// Whether clients reach the server by HTTPS.
    pub(crate) https: bool,
}

impl Edge {
    fn client_of(&self, request: &Request) -> ClientAddress {
        // A router without a listener, as in tests, has one client.
        let peer = request.extensions().get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
        let lines = request.headers().get_all("x-forwarded-for");
        let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
        ClientAddress::behind_proxies(peer, &lines, self.trusted_hops)
    }
}

/// Counts the client, reads the body within its bounds, and waits for the request's turn. The turn
/// begins when the body is there, so a client that sends slowly holds up nobody. If a client goes
/// away, its request is still done, and keeps its turn and its memory until then.
pub(crate) async fn admit(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let client = *request.extensions().get::<ClientAddress>().expect("`log_and_finish` puts it there");
    let bounded = async {
        edge.guard.admit(&client)?;
        if request.extensions().get::<MatchedPath>().is_none() {
            return Err(Code::NoSuchRoute.because("no such route: GET /openapi.json lists all routes"));
        }
        let (head, body) = request.into_parts();
        let reading = body::read(&edge.guard, edge.max_body_bytes, client, &head.headers, body);
        let (body, memory) = tokio::time::timeout(BODY_TIMEOUT, reading)
            .await
            .map_err(|_| Code::RequestTimeout.because("the body did not come within 10 seconds"))??;
        let turn = edge.guard.turn().await?;
        Ok::<_, ApiError>((Request::from_parts(head, Body::from(body)), memory, turn))
    };
    let (request, memory, turn) = match bounded.await {
        Ok(bounded) => bounded,
        Err(refusal) => return refusal.into_response(),
    };
    let active = Counted::one(&edge.metrics.active);
    let work = async move {
        let _taken = (memory, turn, active);
        next.run(request).await
    };
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Code::Overloaded.because("the server is shutting down: try again").into_response(),
        },
    }
}

/// The answer if a handler panics: a defect fails one request, and not the server.
pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Code::Internal.because("internal error").into_response()
}

/// Gives the request an id, writes the body of a refusal, and logs the outcome. Nothing of the
/// request's content is logged.
pub(crate) async fn log_and_finish(
    State(edge): State<Arc<Edge>>,
    mut request: Request,
    next: Next,
) -> Response {
    let request_id = headers::request_id();
    let client = edge.client_of(&request);
    request.extensions_mut().insert(client);
    let client = edge.tags.log_name(b"client-address", &client.to_bytes());
    let method = request.method().clone();
    // The pattern and not the path, because a slot's name is private.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let span =
        tracing::info_span!("request", request_id, client, wallet = tracing::field::Empty, %method, route);
    async {
        let start = Instant::now();
        let mut response = next.run(request).await;
        let (status, took) = (response.status().as_u16(), start.elapsed());
        edge.metrics.answered(&method, &route, status, took);
        let ms = took.as_secs_f64() * 1e3;
        match response.extensions_mut().remove::<ApiError>() {
            None => tracing::info!(status, ms, "served"),
            Some(error) => {
                let (_, code) = error.code.parts();
                edge.metrics.refused(code);
                match &error.cause {
                    None => tracing::info!(status, ms, code, "refused"),
                    Some(cause) => {
                        let cause = refusal::chain(cause.as_ref());
                        tracing::error!(status, ms, code, cause, "failed");
                    }
                }
                refusal::write_refusal(&mut response, &error, &request_id);
            }
        }
        headers::write_headers(response.headers_mut(), &request_id, edge.https);
        response
    }
    .instrument(span)
    .await
}
