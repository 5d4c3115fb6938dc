//! The vault's evidence: fresh for a nonce, cached for everybody else.

use crate::clock::Clock;
use crate::error::{ApiError, Code};
use crate::limits::Queue;
use axum::body::Bytes;
use std::sync::{Arc, PoisonError, RwLock};
use strongroom::key::EncapsulationKey;
use strongroom_attest::{Claims, Configuration, Evidence, NO_NONCE, Purpose};
use strongroom_root::{Attestor, PlatformError, timestamp};
use time::{Duration, OffsetDateTime};

/// How long the evidence that nobody asked a nonce for is given out again.
const CACHE_LIFETIME: Duration = Duration::minutes(1);
/// How old it may be where the platform does not answer.
const STALE_LIFETIME: Duration = Duration::hours(1);

/// How long a platform that failed is left alone by those who ask without a nonce.
const FAILURE_LIFETIME: Duration = Duration::seconds(10);

/// The last evidence without a nonce, and the last failure to get any.
#[derive(Default)]
struct Cache {
    last: RwLock<Option<(OffsetDateTime, Bytes)>>,
    failed: RwLock<Option<(OffsetDateTime, ApiError)>>,
}

impl Cache {
    /// As JSON, where it is not older.
    fn not_older(&self, now: OffsetDateTime, lifetime: Duration) -> Option<Bytes> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.as_ref()
            .filter(|(at, _)| (Duration::ZERO..lifetime).contains(&(now - *at)))
            .map(|(_, json)| json.clone())
    }

    fn failed_within(&self, now: OffsetDateTime, lifetime: Duration) -> Option<ApiError> {
        let failed = self.failed.read().unwrap_or_else(PoisonError::into_inner);
        failed
            .as_ref()
            .filter(|(at, _)| (Duration::ZERO..lifetime).contains(&(now - *at)))
            .map(|(_, error)| error.clone())
    }
}

/// The vault's evidence, and what it binds.
pub(crate) struct Attestation {
    attestor: Arc<Attestor>,
    encapsulation_key: EncapsulationKey,
    epoch: u32,
    vault_id: [u8; 32],
    configuration: Configuration,
    clock: Clock,
    quotes: Queue,
    cached_quotes: Queue,
    cache: Cache,
}

impl Attestation {
    /// The evidence of this key, of this epoch of this vault, under these settings.
    pub(crate) fn new(
        attestor: Arc<Attestor>,
        (vault_id, epoch, encapsulation_key): ([u8; 32], u32, EncapsulationKey),
        configuration: Configuration,
        clock: Clock,
    ) -> Self {
        Self {
            attestor,
            encapsulation_key,
            epoch,
            vault_id,
            configuration,
            clock,
            quotes: Queue::of_quotes(),
            cached_quotes: Queue::of_quotes(),
            cache: Cache::default(),
        }
    }

    /// The settings whose digest the evidence binds.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The vault that the evidence is of.
    pub(crate) fn vault_id(&self) -> &[u8; 32] {
        &self.vault_id
    }

    /// The platform and the makers' roots.
    pub(crate) fn attestor(&self) -> &Arc<Attestor> {
        &self.attestor
    }

    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// The evidence for a client's nonce, or the cached one, as JSON.
    pub(crate) async fn evidence(self: &Arc<Self>, nonce: Option<[u8; 32]>) -> Result<Bytes, ApiError> {
        if let Some(nonce) = nonce {
            return self.quote(Purpose::Service, nonce).await.map(json);
        }
        let cache = &self.cache;
        if let Some(json) = cache.not_older(self.now(), CACHE_LIFETIME) {
            return Ok(json);
        }
        // Where somebody asks already, or the platform failed a moment ago, what is older will do.
        let stale = |error| cache.not_older(self.now(), STALE_LIFETIME).ok_or(error);
        if let Some(error) = cache.failed_within(self.now(), FAILURE_LIFETIME) {
            return stale(error);
        }
        if self.cached_quotes.is_taken()
            && let Some(json) = cache.not_older(self.now(), STALE_LIFETIME)
        {
            return Ok(json);
        }
        let _turn = self.cached_quotes.turn().await?;
        let now = self.now();
        if let Some(json) = cache.not_older(now, CACHE_LIFETIME) {
            return Ok(json);
        }
        if let Some(error) = cache.failed_within(now, FAILURE_LIFETIME) {
            return stale(error);
        }
        match self.quote(Purpose::Service, NO_NONCE).await.map(json) {
            Ok(json) => {
                *cache.last.write().unwrap_or_else(PoisonError::into_inner) = Some((now, json.clone()));
                Ok(json)
            }
            Err(error) => {
                let failed = Some((self.now(), error.clone()));
                *cache.failed.write().unwrap_or_else(PoisonError::into_inner) = failed;
                stale(error)
            }
        }
    }

    /// Asks the platform, in its turn: it makes one quote after another.
    pub(crate) async fn quote(
        self: &Arc<Self>,
        purpose: Purpose,
        nonce: [u8; 32],
    ) -> Result<Evidence, ApiError> {
        if self.attestor.platform().is_none() {
            return self.quote_now(purpose, nonce).map_err(unavailable);
        }
        let turn = self.quotes.turn().await?;
        let attestation = Arc::clone(self);
        let work = move || {
            // Held by the work and not by the caller, who may go away before it is done.
            let _turn = turn;
            attestation.quote_now(purpose, nonce)
        };
        let quoted = tokio::task::spawn_blocking(work).await;
        quoted
            .map_err(|error| Code::Internal.because("internal error").caused_by(error))?
            .map_err(unavailable)
    }

    fn quote_now(&self, purpose: Purpose, nonce: [u8; 32]) -> Result<Evidence, PlatformError> {
        let claims = Claims {
            purpose,
            vault_id: self.vault_id,
            epoch: self.epoch,
            encapsulation_key: &self.encapsulation_key,
            key_origin: self.configuration.key_origin,
            config_digest: self.configuration.digest(),
            tls_spki_sha256: self.attestor.tls_spki_sha256(),
            nonce,
            timestamp: timestamp(self.now()),
        };
        self.attestor.quote(&claims)
    }
}

fn json(evidence: Evidence) -> Bytes {
    serde_json::to_vec(&evidence).expect("evidence is plain data").into()
}

pub(crate) fn unavailable(error: PlatformError) -> ApiError {
    Code::AttestationUnavailable
        .because("the platform does not vouch at present")
        .retry_after(10)
        .caused_by(error)
}
