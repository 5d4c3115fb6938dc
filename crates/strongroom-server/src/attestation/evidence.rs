//! The vault's evidence, made for a client's nonce, or cached for clients that send none.

use crate::clock::Clock;
use crate::error::{ApiError, Code};
use crate::limits::Queue;
use axum::body::Bytes;
use std::sync::{Arc, PoisonError, RwLock};
use strongroom::key::EncapsulationKey;
use strongroom_attest::{Claims, Configuration, Evidence, NO_NONCE, Purpose};
use strongroom_root::{Attestor, PlatformError, timestamp};
use time::{Duration, OffsetDateTime};

/// How long evidence without a nonce is given out again.
const CACHE_LIFETIME: Duration = Duration::minutes(1);
/// How long it is given out if the platform does not answer.
const STALE_LIFETIME: Duration = Duration::hours(1);

/// How long after a failure the platform is not asked again for evidence without a nonce.
const FAILURE_LIFETIME: Duration = Duration::seconds(10);

/// The last evidence without a nonce, and the last failure to get any.
#[derive(Default)]
struct Cache {
    last: RwLock<Option<(OffsetDateTime, Bytes)>>,
    failed: RwLock<Option<(OffsetDateTime, ApiError)>>,
}

impl Cache {
    /// The last evidence as JSON, if it is younger than `lifetime`.
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

/// Makes the vault's evidence, and caches it.
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
    /// Evidence of this vault's key of this epoch, under these settings.
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

    /// The id of the vault that the evidence is about.
    pub(crate) fn vault_id(&self) -> &[u8; 32] {
        &self.vault_id
    }

    /// The attestor, with the platform and the makers' certificate roots.
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
        // Older evidence is good enough while another request asks the platform, or shortly after
        // the platform has failed.
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

    /// Asks the platform, once it is this request's turn: the platform makes one quote after
    /// another.
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
            // The work holds the turn, because the caller may go away before the work is done.
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

/// The refusal while the platform does not answer.
pub(crate) fn unavailable(error: PlatformError) -> ApiError {
    Code::AttestationUnavailable
        .because("the platform does not vouch for the server at present: try again later")
        .retry_after(10)
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::sync::Mutex;
    use strongroom::key::DecapsulationKey;
    use strongroom_attest::{KeyOrigin, Protection};
    use strongroom_root::Platform;

    /// When the evidence says that it was made.
    async fn made_at(attestation: &Arc<Attestation>, nonce: Option<[u8; 32]>) -> String {
        let json = attestation.evidence(nonce).await.map_err(|error| error.code).expect("evidence");
        serde_json::from_slice::<Evidence>(&json).expect("evidence").timestamp
    }

    #[tokio::test]
    async fn evidence_is_cached_for_a_minute_unless_a_client_sends_a_nonce() {
        let start = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let now = Arc::new(Mutex::new(start));
        let clock = {
            let now = Arc::clone(&now);
            Clock::new(move || *now.lock().expect("no panic"))
        };
        let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
        let attestation = Arc::new(Attestation::new(
            Arc::new(Attestor::new(Platform::None)),
            ([2; 32], 1, key),
            Config::new(Vec::new()).bound(KeyOrigin::Generated, Protection::Plain),
            clock,
        ));
        let first = made_at(&attestation, None).await;
        assert_eq!(first, timestamp(start));
        *now.lock().expect("no panic") = start + Duration::seconds(59);
        assert_eq!(made_at(&attestation, None).await, first);
        assert_eq!(made_at(&attestation, Some([3; 32])).await, timestamp(start + Duration::seconds(59)));
        *now.lock().expect("no panic") = start + CACHE_LIFETIME;
        assert_eq!(made_at(&attestation, None).await, timestamp(start + CACHE_LIFETIME));
        *now.lock().expect("no panic") = start;
        assert_eq!(made_at(&attestation, None).await, first, "evidence from the future is not given out");
    }
}
