//! Platforms and the services of their makers, simulated by the test kit.

mod collateral;
mod dstack;
mod nitro;
mod sealing;
mod tsm;

use std::time::{SystemTime, UNIX_EPOCH};
use strongroom::encoding::from_base64;
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom_attest::{Claims, Evidence, KeyOrigin, Purpose};
use strongroom_root::collateral::Collaterals;
use strongroom_root::{Platform, PlatformError};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_secs()).expect("it is before the end of times")
}

/// Evidence of some claims, whose report binds them.
fn quote(platform: &Platform, collaterals: Option<&Collaterals>) -> Result<Evidence, PlatformError> {
    let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
    let claims = claims(&key, [4; 32]);
    let evidence = platform.quote(&claims, collaterals)?;
    let report = from_base64(&evidence.report).expect("base64");
    let bound = claims.report_data(platform.name());
    assert!(report.windows(64).any(|window| window == bound), "the report binds the claims");
    Ok(evidence)
}

/// Evidence for a nonce, whatever its report binds.
fn quote_of(nonce: [u8; 32], platform: &Platform) -> Result<Evidence, PlatformError> {
    let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
    platform.quote(&claims(&key, nonce), None)
}

fn claims(key: &EncapsulationKey, nonce: [u8; 32]) -> Claims<'_> {
    Claims {
        purpose: Purpose::Service,
        vault_id: [2; 32],
        epoch: 1,
        encapsulation_key: key,
        key_origin: KeyOrigin::Generated,
        config_digest: [3; 32],
        tls_spki_sha256: None,
        nonce,
        timestamp: "2026-01-01T00:00:00Z".to_owned(),
    }
}
