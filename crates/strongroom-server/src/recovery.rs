//! A server that has a store and no root: it waits until a recovery recipient brings the root, and shows him first which code waits
//! (spec/attestation.md §8).

use crate::attestation::{Attestor, timestamp};
use crate::error::{ApiError, Code};
use crate::metrics::Metrics;
use crate::serve::Door;
use crate::tls::Tls;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use strongroom::encoding::{base64, from_base64};
use strongroom::json::Object;
use strongroom::key::{DecapsulationKey, EncapsulationKey, Recipient};
use strongroom_attest::recovery::{BroughtRoot, WaitingServer};
use strongroom_attest::{Claims, Configuration, Evidence, Purpose, transfer};
use strongroom_enclave::Root;
use strongroom_store::{Store, StoreError};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Connections while it waits: recovery is for few.
const MAX_CONNECTIONS: usize = 64;

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
        let waiting = Arc::new(Waiting { awaiting: self, attestor, bring });
        let app = Router::new()
            .route("/recovery", get(show).post(take))
            .route("/health/live", get(async || Json(json!({ "status": "ok" }))))
            .fallback(async || refuse(&waits()))
            .layer(DefaultBodyLimit::max(2 * transfer::MAX_BYTES))
            .with_state(waiting);
        let door = Door::new(app, tls, Arc::new(Metrics::new()), MAX_CONNECTIONS, usize::MAX);
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
    bring: Mutex<Option<oneshot::Sender<Root>>>,
}

#[derive(Deserialize)]
struct Asked {
    nonce: String,
}

async fn show(
    State(waiting): State<Arc<Waiting>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let nonce = asked.ok().and_then(|Query(asked)| {
        let mut nonce = [0; 32];
        hex::decode_to_slice(asked.nonce, &mut nonce).ok().map(|()| nonce)
    });
    let Some(nonce) = nonce else {
        return refuse(&Code::MalformedNonce.because("nonce is 64 hex digits"));
    };
    let quoting = Arc::clone(&waiting);
    let quoted = tokio::task::spawn_blocking(move || quoting.quote(nonce)).await;
    match quoted {
        Ok(Ok(evidence)) => {
            let Awaiting { configuration, envelope, .. } = &waiting.awaiting;
            let (configuration, envelope) = (configuration.clone(), base64(envelope));
            Json(WaitingServer { evidence, configuration, envelope }).into_response()
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the platform does not vouch");
            refuse(&Code::AttestationUnavailable.because("the platform does not vouch at present"))
        }
        Err(_) => refuse(&Code::Internal.because("internal error")),
    }
}

impl Waiting {
    fn quote(&self, nonce: [u8; 32]) -> Result<Evidence, strongroom_enclave::PlatformError> {
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

async fn take(State(waiting): State<Arc<Waiting>>, body: Bytes) -> Response {
    match waiting.take(&body) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refuse(&error),
    }
}

fn waits() -> ApiError {
    Code::WaitingForRoot.because("this server waits for its root: a recovery recipient brings it")
}

/// The error body of every other answer; nothing here has a name in the log.
fn refuse(error: &ApiError) -> Response {
    let (status, code) = error.code.parts();
    let body = json!({ "statusCode": status, "code": code, "message": error.message, "requestId": "" });
    (error.code.status(), [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
