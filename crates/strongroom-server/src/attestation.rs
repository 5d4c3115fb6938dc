//! The vault's evidence: fresh for a nonce, cached for everybody else.

use crate::vault::Vault;
use axum::body::Bytes;
use std::sync::{PoisonError, RwLock};
use strongroom_attest::{Claims, NO_NONCE};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// How long the evidence that nobody asked a nonce for is given out again.
const CACHE_LIFETIME: Duration = Duration::minutes(1);

/// The last evidence without a nonce, as JSON.
#[derive(Default)]
pub(crate) struct Cache(RwLock<Option<(OffsetDateTime, Bytes)>>);

impl Vault {
    /// The evidence for a client's nonce, or the cached one, as JSON.
    pub(crate) fn attestation(&self, nonce: Option<[u8; 32]>) -> Bytes {
        let now = self.now();
        let Some(nonce) = nonce else {
            let cached = self.attestation.0.read().unwrap_or_else(PoisonError::into_inner).clone();
            return match cached {
                Some((at, json)) if (Duration::ZERO..CACHE_LIFETIME).contains(&(now - at)) => json,
                _ => {
                    let json = self.quote(NO_NONCE, now);
                    *self.attestation.0.write().unwrap_or_else(PoisonError::into_inner) =
                        Some((now, json.clone()));
                    json
                }
            };
        };
        self.quote(nonce, now)
    }

    fn quote(&self, nonce: [u8; 32], now: OffsetDateTime) -> Bytes {
        let at = now.replace_nanosecond(0).expect("zero is a nanosecond");
        let evidence = self.platform.quote(&Claims {
            vault_id: *self.vault_id.as_bytes(),
            epoch: self.epoch,
            encapsulation_key: &self.encapsulation_key,
            key_origin: self.key_origin,
            config_digest: self.config.digest(self.key_origin),
            tls_spki_sha256: None,
            nonce,
            timestamp: at.format(&Rfc3339).expect("the clock is before the year 10000"),
        });
        serde_json::to_vec(&evidence).expect("evidence is plain data").into()
    }
}
