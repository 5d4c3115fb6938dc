//! The vault's evidence: fresh for a nonce, cached for everybody else.

use crate::error::{ApiError, Code};
use crate::vault::Vault;
use axum::body::Bytes;
use std::sync::{Arc, PoisonError, RwLock};
use strongroom_attest::{Claims, Evidence, NO_NONCE, Purpose, Roots};
use strongroom_root::collateral::Collaterals;
use strongroom_root::{Platform, PlatformError};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// How long the evidence that nobody asked a nonce for is given out again.
const CACHE_LIFETIME: Duration = Duration::minutes(1);
/// How old it may be where the platform does not answer.
const STALE_LIFETIME: Duration = Duration::hours(1);

/// Who vouches for a vault, and what is bound beside its key.
pub struct Attestor {
    platform: Platform,
    collaterals: Option<Collaterals>,
    tls_spki_sha256: Option<[u8; 32]>,
    roots: Roots,
}

impl Attestor {
    /// This platform, without collateral and without a TLS key inside of it. Its maker vouches for it.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self { platform, collaterals: None, tls_spki_sha256: None, roots: Roots::default() }
    }

    /// Who vouches for the platforms of other replicas.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Where others vouch for the platforms, as in tests.
    #[must_use]
    pub fn with_roots(self, roots: Roots) -> Self {
        Self { roots, ..self }
    }

    /// Evidence of claims. Waits for the platform.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub fn quote(&self, claims: &Claims<'_>) -> Result<Evidence, PlatformError> {
        self.platform.quote(claims, self.collaterals.as_ref())
    }

    /// The TLS key that was made inside of the TEE.
    #[must_use]
    pub fn tls_spki_sha256(&self) -> Option<[u8; 32]> {
        self.tls_spki_sha256
    }

    /// What vouches.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// With collateral, so that clients need ask nobody else for it.
    #[must_use]
    pub fn with_collaterals(self, collaterals: Collaterals) -> Self {
        Self { collaterals: Some(collaterals), ..self }
    }

    /// With the TLS key that was made inside of the TEE.
    #[must_use]
    pub fn with_tls_key(self, spki_sha256: [u8; 32]) -> Self {
        Self { tls_spki_sha256: Some(spki_sha256), ..self }
    }
}

/// How long a platform that failed is left alone by those who ask without a nonce.
const FAILURE_LIFETIME: Duration = Duration::seconds(10);

/// The last evidence without a nonce, and the last failure to get any.
#[derive(Default)]
pub(crate) struct Cache {
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

impl Vault {
    /// The evidence for a client's nonce, or the cached one, as JSON.
    pub(crate) async fn attestation(self: &Arc<Self>, nonce: Option<[u8; 32]>) -> Result<Bytes, ApiError> {
        if let Some(nonce) = nonce {
            return self.quote(Purpose::Service, nonce).await.map(json);
        }
        let cache = &self.attestation;
        if let Some(json) = cache.not_older(self.now(), CACHE_LIFETIME) {
            return Ok(json);
        }
        // Where somebody asks already, or the platform failed a moment ago, what is older will do.
        let stale = |error| cache.not_older(self.now(), STALE_LIFETIME).ok_or(error);
        if let Some(error) = cache.failed_within(self.now(), FAILURE_LIFETIME) {
            return stale(error);
        }
        if self.guard.cached_quote_is_asked_for()
            && let Some(json) = cache.not_older(self.now(), STALE_LIFETIME)
        {
            return Ok(json);
        }
        let _turn = self.guard.cached_quote_turn().await?;
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
        if self.attestor.platform.is_none() {
            return self.quote_now(purpose, nonce).map_err(unavailable);
        }
        let turn = self.guard.quote_turn().await?;
        let vault = Arc::clone(self);
        let work = move || {
            // Held by the work and not by the caller, who may go away before it is done.
            let _turn = turn;
            vault.quote_now(purpose, nonce)
        };
        let quoted = tokio::task::spawn_blocking(work).await;
        quoted
            .map_err(|error| Code::Internal.because("internal error").caused_by(error))?
            .map_err(unavailable)
    }

    fn quote_now(&self, purpose: Purpose, nonce: [u8; 32]) -> Result<Evidence, PlatformError> {
        let claims = Claims {
            purpose,
            vault_id: *self.vault_id.as_bytes(),
            epoch: self.epoch,
            encapsulation_key: &self.encapsulation_key,
            key_origin: self.key_origin,
            config_digest: self.bound.digest(),
            tls_spki_sha256: self.attestor.tls_spki_sha256,
            nonce,
            timestamp: timestamp(self.now()),
        };
        self.attestor.quote(&claims)
    }
}

/// As evidence has it: RFC 3339, whole seconds.
#[must_use]
pub fn timestamp(now: OffsetDateTime) -> String {
    let at = now.replace_nanosecond(0).expect("zero is a nanosecond");
    at.format(&Rfc3339).expect("the clock is before the year 10000")
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
