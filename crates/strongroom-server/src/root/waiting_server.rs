//! A server that has a store and no root. It waits until a recovery recipient brings the root, and
//! shows them first which code waits (spec/root.md §9).

use crate::attestation;
use crate::error::{ApiError, Code};
use crate::http::{Acceptor, Tls};
use crate::http::{headers, refusal};
use crate::limits::Queue;
use crate::metrics::Metrics;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use strongroom::encoding::from_base64;
use strongroom::json::{self, Object};
use strongroom_attest::root_transfer::recovery::{DeliveredRoot, WaitingServer};
use strongroom_attest::root_transfer::root_envelope;
use strongroom_root::{Attestor, AwaitedRoot, Root};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Open connections at most. Few people take part in a recovery.
const MAX_CONNECTIONS: usize = 256;
/// Open connections of one address at most, so no single address keeps the recipient out. It is not
/// lower because a load balancer is one address for all clients.
const MAX_CONNECTIONS_PER_ADDRESS: usize = 64;
/// How long a request may take, including its body, so nobody holds a connection for long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers on this listener until a recipient has brought the root, or `shutdown` completes.
pub async fn wait_for_root(
    awaited: AwaitedRoot,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    attestor: Arc<Attestor>,
    shutdown: impl Future<Output = ()>,
) -> Option<Root> {
    let (bring, brought) = oneshot::channel();
    let bring = Mutex::new(Some(bring));
    let state = Arc::new(WaitingState { awaited, attestor, quotes: Queue::of_quotes(), bring });
    let app = Router::new()
        .route("/recovery", get(show).post(take))
        .route("/health/live", get(async || Json(json!({ "status": "ok" }))))
        .fallback(async || {
            Code::WaitingForRoot.because("this server waits until a recovery recipient brings its root")
        })
        .layer(DefaultBodyLimit::max(2 * root_envelope::MAX_BYTES))
        .layer(middleware::from_fn(log_and_finish))
        .with_state(state);
    let acceptor =
        Acceptor::new(app, tls, Arc::new(Metrics::new()), MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS);
    let mut root = None;
    let came = async {
        tokio::select! {
            brought = brought => root = brought.ok(),
            () = shutdown => {}
        }
    };
    acceptor.serve(listener, came).await;
    root
}

struct WaitingState {
    awaited: AwaitedRoot,
    attestor: Arc<Attestor>,
    quotes: Queue,
    bring: Mutex<Option<oneshot::Sender<Root>>>,
}

/// Logs and completes each answer as a vault does (`log_and_finish` in http/edge.rs). There is no
/// root yet, and therefore no key for the names of clients in the log.
async fn log_and_finish(request: Request, next: Next) -> Response {
    let request_id = headers::request_id();
    let answered = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| {
        Code::RequestTimeout.because("the request was not complete within 30 seconds").into_response()
    });
    let status = response.status().as_u16();
    match response.extensions_mut().remove::<ApiError>() {
        None => tracing::info!(request_id, status, "served"),
        Some(error) => {
            let (_, code) = error.code.parts();
            match error.cause.as_ref().map(|cause| refusal::chain(cause.as_ref())) {
                None => tracing::info!(request_id, status, code, "refused"),
                Some(cause) => tracing::error!(request_id, status, code, cause, "failed"),
            }
            refusal::write_refusal(&mut response, &error, &request_id);
        }
    }
    headers::write_headers(response.headers_mut(), &request_id, false);
    response
}

#[derive(Deserialize)]
struct NonceParameter {
    nonce: String,
}

async fn show(
    State(waiting): State<Arc<WaitingState>>,
    asked: Result<Query<NonceParameter>, QueryRejection>,
) -> Result<Json<WaitingServer>, ApiError> {
    let nonce = asked.ok().and_then(|Query(asked)| {
        let mut nonce = [0; 32];
        hex::decode_to_slice(asked.nonce, &mut nonce).ok().map(|()| nonce)
    });
    let nonce = nonce.ok_or_else(|| Code::MalformedNonce.because("nonce is not 64 hex digits"))?;
    let turn = waiting.quotes.turn().await?;
    let quoting = Arc::clone(&waiting);
    let work = move || {
        // The work holds the turn, because the caller may go away before the work is done.
        let _turn = turn;
        quoting.awaited.show(nonce, &quoting.attestor)
    };
    let quoted = tokio::task::spawn_blocking(work).await;
    quoted
        .map_err(|error| Code::Internal.because("internal error").caused_by(error))?
        .map_err(attestation::unavailable)
        .map(Json)
}

impl WaitingState {
    fn take(&self, body: &[u8]) -> Result<(), ApiError> {
        let Object(DeliveredRoot { envelope }) = json::from_slice(body)
            .map_err(|_| Code::MalformedRequest.because("the body is not {envelope}"))?;
        let envelope =
            from_base64(&envelope).ok_or_else(|| Code::MalformedRequest.because("envelope is not base64"))?;
        let refused = |what: String| {
            tracing::warn!(what, "a root that was brought was refused");
            Code::RecoveryRefused.because(what)
        };
        let root = self.awaited.take(&envelope).map_err(|error| refused(error.to_string()))?;
        let bring = self.bring.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A second recipient has brought the same root, so it is not needed.
        bring.map(|bring| bring.send(root));
        Ok(())
    }
}

async fn take(
    State(waiting): State<Arc<WaitingState>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Code::BodyTooLarge.because("the body is larger than a root's envelope")
        }
        _ => Code::MalformedRequest.because("the body ended early"),
    })?;
    waiting.take(&body).map(|()| StatusCode::NO_CONTENT)
}
