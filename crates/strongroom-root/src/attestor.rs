//! What vouches for a server: its platform, the collateral that goes with the platform's reports,
//! and the TLS key that the reports bind.

use crate::collateral::Collaterals;
use crate::platform::{Platform, PlatformError};
use strongroom_attest::{Claims, Evidence, TrustAnchors};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Makes evidence of claims on the platform that the server runs on.
pub struct Attestor {
    platform: Platform,
    collaterals: Option<Collaterals>,
    tls_spki_sha256: Option<[u8; 32]>,
    roots: TrustAnchors,
}

impl Attestor {
    /// An attestor on this platform, without collateral and without a TLS key of the TEE's. Other
    /// replicas are verified against the makers' own roots.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self { platform, collaterals: None, tls_spki_sha256: None, roots: TrustAnchors::default() }
    }

    /// The certificate roots that other replicas' evidence is verified against.
    #[must_use]
    pub fn roots(&self) -> &TrustAnchors {
        &self.roots
    }

    /// Replaces the makers' roots. Tests use this, because their evidence is signed by a test key.
    #[must_use]
    pub fn with_roots(self, roots: TrustAnchors) -> Self {
        Self { roots, ..self }
    }

    /// Relays collateral with the evidence, so clients need to ask nobody else for it.
    #[must_use]
    pub fn with_collaterals(self, collaterals: Collaterals) -> Self {
        Self { collaterals: Some(collaterals), ..self }
    }

    /// Binds a TLS key that was made inside the TEE: the SHA-256 of its SubjectPublicKeyInfo.
    #[must_use]
    pub fn with_tls_key(self, spki_sha256: [u8; 32]) -> Self {
        Self { tls_spki_sha256: Some(spki_sha256), ..self }
    }

    /// The SHA-256 of the SubjectPublicKeyInfo of the TLS key that was made inside the TEE.
    #[must_use]
    pub fn tls_spki_sha256(&self) -> Option<[u8; 32]> {
        self.tls_spki_sha256
    }

    /// The platform that vouches.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Evidence of these claims. Blocks until the platform has answered.
    ///
    /// # Errors
    /// [`PlatformError`] where the platform does not vouch.
    pub fn quote(&self, claims: &Claims<'_>) -> Result<Evidence, PlatformError> {
        self.platform.quote(claims, self.collaterals.as_ref())
    }
}

/// A moment as evidence writes it: RFC 3339 in whole seconds.
#[must_use]
pub fn timestamp(now: OffsetDateTime) -> String {
    let at = now.replace_nanosecond(0).expect("zero is a nanosecond");
    at.format(&Rfc3339).expect("the clock is before the year 10000")
}
