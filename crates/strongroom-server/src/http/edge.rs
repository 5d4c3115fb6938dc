//! What every request and answer passes: its name and its client on the way in, then the bounds; on
//! the way out the error body, the headers, the log.

use super::answer;
use super::body;
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

/// The other end of a connection; the listener puts it into every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What requests are bounded, counted and logged by.
pub(crate) struct Edge {
    pub(crate) guard: Arc<Guard>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tags: Arc<Tags>,
    pub(crate) max_body_bytes: usize,
    /// Proxies of the operator's own in front of the server.
    pub(crate) trusted_hops: usize,
    /// Whether clients reach the server by HTTPS.
    pub(crate) https: bool,
}

impl Edge {
    fn client_of(&self, request: &Request) -> ClientAddress {
        // A router that is called without a listener has one client.
        let peer = request.extensions().get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
        let lines = request.headers().get_all("x-forwarded-for");
        let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
        ClientAddress::behind_proxies(peer, &lines, self.trusted_hops)
    }
}

/// Counts the client, reads the body within its bounds, and waits for the request's turn. A client who sends slowly
/// holds up nobody: the turn begins when the body is there. Nor does one who goes away: what they
/// asked for is done, and their turn and their memory are taken until then.
pub(crate) async fn admit(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let client = *request.extensions().get::<ClientAddress>().expect("`log_and_finish` puts it there");
    let bounded = async {
        edge.guard.admit(&client)?;
        if request.extensions().get::<MatchedPath>().is_none() {
            return Err(Code::NoSuchRoute.because("no such route: GET /openapi.json lists them"));
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
            Err(_) => Code::Overloaded.because("the server is shutting down").into_response(),
        },
    }
}

/// A defect costs one request.
pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Code::Internal.because("internal error").into_response()
}

/// Names the request, writes the body of a refusal, and logs what happened without what was in it.
pub(crate) async fn log_and_finish(
    State(edge): State<Arc<Edge>>,
    mut request: Request,
    next: Next,
) -> Response {
    let request_id = answer::request_id();
    let client = edge.client_of(&request);
    request.extensions_mut().insert(client);
    let client = edge.tags.log_name(b"client-address", &client.to_bytes());
    let method = request.method().clone();
    // The pattern, not the path: a slot's name is nobody else's business.
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
                        let cause = answer::chain(cause.as_ref());
                        tracing::error!(status, ms, code, cause, "failed");
                    }
                }
                answer::write_refusal(&mut response, &error, &request_id);
            }
        }
        answer::write_headers(response.headers_mut(), &request_id, edge.https);
        response
    }
    .instrument(span)
    .await
}
