//! A server that has a store and no root: it waits until a recovery recipient brings the root, and shows him first which code waits
//! (spec/attestation.md §8).

use crate::attestation::{self, Attestor, timestamp};
use crate::edge;
use crate::error::{ApiError, Code};
use crate::limits::Queue;
use crate::metrics::Metrics;
use crate::serve::Door;
use crate::tls::Tls;
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
use strongroom::encoding::{base64, from_base64};
use strongroom::json::Object;
use strongroom::key::{DecapsulationKey, EncapsulationKey, Recipient};
use strongroom_attest::recovery::{BroughtRoot, WaitingServer};
use strongroom_attest::{Claims, Configuration, Evidence, Purpose, transfer};
use strongroom_root::Root;
use strongroom_store::{Store, StoreError};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Connections while it waits: recovery is for few.
const MAX_CONNECTIONS: usize = 256;
/// Of one address, so that nobody alone keeps the recipient out; a bridge or balancer is one for all.
const MAX_CONNECTIONS_PER_ADDRESS: usize = 64;
/// How long a request may take, its body included, so that nobody keeps a connection from others.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Leaves in the store what brings the root back to these, in place of what was there.
///
/// # Errors
/// [`StoreError`].
///
/// # Panics
/// With more recipients than an envelope takes.
pub async fn leave_envelope(
    store: &dyn Store,
    root: &Root,
    recipients: &[Recipient],
) -> Result<(), StoreError> {
    let envelope = (!recipients.is_empty()).then(|| {
        root.for_recovery(recipients, &mut crate::rng()).expect("recipients that an envelope takes")
    });
    store.set_recovery(envelope).await
}

/// A server without a root.
pub struct Awaiting {
    vault_id: [u8; 32],
    /// Of the store.
    envelope: Vec<u8>,
    /// What it will run with.
    configuration: Configuration,
    /// Made for this wait.
    key: DecapsulationKey,
    public: EncapsulationKey,
}

impl Awaiting {
    /// Waits for the root of this vault, which the envelope carries.
    #[must_use]
    pub fn new(vault_id: [u8; 32], envelope: Vec<u8>, configuration: Configuration) -> Self {
        let key = DecapsulationKey::generate(&mut crate::rng());
        Self { vault_id, envelope, configuration, public: key.encapsulation_key(), key }
    }

    /// Answers on this listener until the root is there, or the end is asked for.
    pub async fn root(
        self,
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        attestor: Arc<Attestor>,
        shutdown: impl Future<Output = ()>,
    ) -> Option<Root> {
        let (bring, brought) = oneshot::channel();
        let bring = Mutex::new(Some(bring));
        let waiting = Arc::new(Waiting { awaiting: self, attestor, quotes: Queue::of_quotes(), bring });
        let app = Router::new()
            .route("/recovery", get(show).post(take))
            .route("/health/live", get(async || Json(json!({ "status": "ok" }))))
            .fallback(async || {
                Code::WaitingForRoot.because("this server waits for its root: a recovery recipient brings it")
            })
            .layer(DefaultBodyLimit::max(2 * transfer::MAX_BYTES))
            .layer(middleware::from_fn(finish))
            .with_state(waiting);
        let door =
            Door::new(app, tls, Arc::new(Metrics::new()), MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS);
        let mut root = None;
        let came = async {
            tokio::select! {
                brought = brought => root = brought.ok(),
                () = shutdown => {}
            }
        };
        door.serve(listener, came).await;
        root
    }
}

struct Waiting {
    awaiting: Awaiting,
    attestor: Arc<Attestor>,
    quotes: Queue,
    bring: Mutex<Option<oneshot::Sender<Root>>>,
}

/// As every answer of a server that has its root (edge.rs), where nothing has a name in the log.
async fn finish(request: Request, next: Next) -> Response {
    let request_id = edge::request_id();
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
    let mut response = answer.unwrap_or_else(|_| {
        Code::RequestTimeout.because("the request was not done within 30 seconds").into_response()
    });
    let status = response.status().as_u16();
    match response.extensions_mut().remove::<ApiError>() {
        None => tracing::info!(request_id, status, "served"),
        Some(error) => {
            let (_, code) = error.code.parts();
            match error.cause.as_ref().map(|cause| edge::chain(cause.as_ref())) {
                None => tracing::info!(request_id, status, code, "refused"),
                Some(cause) => tracing::error!(request_id, status, code, cause, "failed"),
            }
            edge::write_refusal(&mut response, &error, &request_id);
        }
    }
    edge::write_headers(response.headers_mut(), &request_id, false);
    response
}

#[derive(Deserialize)]
struct Asked {
    nonce: String,
}

async fn show(
    State(waiting): State<Arc<Waiting>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<WaitingServer>, ApiError> {
    let nonce = asked.ok().and_then(|Query(asked)| {
        let mut nonce = [0; 32];
        hex::decode_to_slice(asked.nonce, &mut nonce).ok().map(|()| nonce)
    });
    let nonce = nonce.ok_or_else(|| Code::MalformedNonce.because("nonce is 64 hex digits"))?;
    let turn = waiting.quotes.turn().await?;
    let quoting = Arc::clone(&waiting);
    let work = move || {
        // Held by the work and not by the caller, who may go away before it is done.
        let _turn = turn;
        quoting.quote(nonce)
    };
    let quoted = tokio::task::spawn_blocking(work).await;
    let evidence = quoted
        .map_err(|error| Code::Internal.because("internal error").caused_by(error))?
        .map_err(attestation::unavailable)?;
    let Awaiting { configuration, envelope, .. } = &waiting.awaiting;
    Ok(Json(WaitingServer { evidence, configuration: configuration.clone(), envelope: base64(envelope) }))
}

impl Waiting {
    fn quote(&self, nonce: [u8; 32]) -> Result<Evidence, strongroom_root::PlatformError> {
        let Awaiting { vault_id, configuration, public, .. } = &self.awaiting;
        self.attestor.quote(&Claims {
            purpose: Purpose::Recovery,
            vault_id: *vault_id,
            epoch: 0,
            encapsulation_key: public,
            key_origin: configuration.key_origin,
            config_digest: configuration.digest(),
            tls_spki_sha256: self.attestor.tls_spki_sha256(),
            nonce,
            timestamp: timestamp(OffsetDateTime::now_utc()),
        })
    }

    fn take(&self, body: &[u8]) -> Result<(), ApiError> {
        let Awaiting { vault_id, key, .. } = &self.awaiting;
        let Object(BroughtRoot { envelope }) = serde_json::from_slice(body)
            .map_err(|_| Code::MalformedRequest.because("the body is no {envelope}"))?;
        let envelope =
            from_base64(&envelope).ok_or_else(|| Code::MalformedRequest.because("envelope is no base64"))?;
        let refused = |what: String| {
            tracing::warn!(what, "a root was brought and not taken");
            Code::RecoveryRefused.because(what)
        };
        let root = transfer::open(&envelope, vault_id, [key]).map_err(|error| refused(error.to_string()))?;
        let root = Root::recovered(root, vault_id)
            .ok_or_else(|| refused("this is not the root of the vault whose store is here".to_owned()))?;
        let bring = self.bring.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Whoever comes second brought the same.
        bring.map(|bring| bring.send(root));
        Ok(())
    }
}

async fn take(
    State(waiting): State<Arc<Waiting>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Code::BodyTooLarge.because("the body is larger than a root's envelope")
        }
        _ => Code::MalformedRequest.because("the body broke off"),
    })?;
    waiting.take(&body).map(|()| StatusCode::NO_CONTENT)
}
