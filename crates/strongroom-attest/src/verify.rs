//! Applies the rules of spec/attestation.md#verification to evidence, in their order.

use crate::checks::{Check, Checks};
use crate::configuration::KeyOrigin;
use crate::evidence::{AuxiliaryData, Evidence};
use crate::platform::{self, Bound, nitro, none, snp, tdx};
use crate::policy::AppraisalPolicy;
use crate::refusal::Refusal;
use crate::report_data::{Claims, NO_NONCE, Purpose, VERSION};
use strongroom::encoding::from_base64;
use strongroom::key::EncapsulationKey;
use strongroom::rfc3339;
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};

/// How far the server's clock may be ahead, and how old an answer to a nonce may be.
const TOLERANCE: Duration = Duration::minutes(5);

/// What the client asked for, and what it saw of the connection that the answer came over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Challenge {
    /// What the evidence must be shown for.
    pub purpose: Purpose,
    /// The nonce that the client sent, if it sent one. Without it the evidence may be old.
    pub nonce: Option<[u8; 32]>,
    /// SHA-256 of the SubjectPublicKeyInfo of the certificate that the other end of the connection
    /// showed, where there is TLS and the client can see the certificate.
    pub tls_spki_sha256: Option<[u8; 32]>,
}

/// A server whose evidence passed a policy. Secrets are sealed only for the key in it.
#[derive(Debug, Clone)]
pub struct VerifiedServer {
    encapsulation_key: EncapsulationKey,
    vault_id: [u8; 32],
    platform: String,
    measurement: String,
    tls_spki_sha256: Option<[u8; 32]>,
    config_digest: [u8; 32],
}

impl VerifiedServer {
    /// The key that the evidence bound.
    #[must_use]
    pub fn encapsulation_key(&self) -> &EncapsulationKey {
        &self.encapsulation_key
    }

    /// The vault's public name, which stays the same when its key changes.
    #[must_use]
    pub fn vault_id(&self) -> &[u8; 32] {
        &self.vault_id
    }

    /// The name of the platform that vouches for the server, for example `intel-tdx`.
    #[must_use]
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// The measurement of the code that runs: MRTD, launch digest or PCR0, in hex; empty without a
    /// TEE.
    #[must_use]
    pub fn measurement(&self) -> &str {
        &self.measurement
    }

    /// The digest of the server's [`Configuration`](crate::Configuration).
    #[must_use]
    pub fn config_digest(&self) -> &[u8; 32] {
        &self.config_digest
    }

    /// SHA-256 of the SubjectPublicKeyInfo of the TLS key inside the TEE, where it has one.
    #[must_use]
    pub fn tls_spki_sha256(&self) -> Option<&[u8; 32]> {
        self.tls_spki_sha256.as_ref()
    }
}

/// All checks of one piece of evidence, in their order. After a rule that does not hold, those that
/// could not be reached are missing.
#[derive(Debug)]
pub struct Appraisal {
    checks: Vec<Check>,
    server: Option<VerifiedServer>,
}

impl Appraisal {
    /// The rules that were applied, in their order.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Gives the server, where every rule holds.
    ///
    /// # Errors
    /// The [`Refusal`] of the first rule that does not hold.
    pub fn verdict(self) -> Result<VerifiedServer, Refusal> {
        match self.checks.into_iter().find_map(|check| check.refusal) {
            Some(refusal) => Err(refusal),
            None => self.server.ok_or(Refusal::NoEvidence),
        }
    }
}

/// Verifies evidence against a policy.
///
/// # Errors
/// [`Refusal`]: the first rule of spec/attestation.md#verification that does not hold.
pub fn verify(
    evidence: &Evidence,
    challenge: &Challenge,
    policy: &AppraisalPolicy,
    now: OffsetDateTime,
) -> Result<VerifiedServer, Refusal> {
    appraise(evidence, challenge, policy, now).verdict()
}

/// Does what [`verify`] does, but goes on after a rule that does not hold, and shows every rule
/// with its value.
#[must_use]
pub fn appraise(
    evidence: &Evidence,
    challenge: &Challenge,
    policy: &AppraisalPolicy,
    now: OffsetDateTime,
) -> Appraisal {
    let mut checks = Checks::default();
    let server = apply(&mut checks, evidence, challenge, policy, now);
    Appraisal { checks: checks.into_list(), server }
}

fn apply(
    checks: &mut Checks,
    evidence: &Evidence,
    challenge: &Challenge,
    policy: &AppraisalPolicy,
    now: OffsetDateTime,
) -> Option<VerifiedServer> {
    let malformed = |field| Refusal::Malformed { field };
    let key = evidence.mlkem_public_key.parse::<EncapsulationKey>().map_err(|_| malformed("mlkemPublicKey"));
    let key = checks.need("encapsulation key", key)?;
    let claims = checks.need("fields", claims(evidence, &key, challenge.purpose))?;
    let at = rfc3339::parse(&evidence.timestamp).ok_or(malformed("timestamp"));
    let at = checks.need("timestamp", at)?;
    let report = checks.need("report", from_base64(&evidence.report).ok_or(malformed("report")))?;

    let fits = match (evidence.platform.as_str(), &evidence.auxiliary_data) {
        (platform::INTEL_TDX, AuxiliaryData::Tdx {} | AuxiliaryData::Dstack { .. })
        | (platform::PHALA, AuxiliaryData::Dstack { .. }) => true,
        (platform::AMD_SEV_SNP, AuxiliaryData::SevSnp {})
        | (platform::AWS_NITRO, AuxiliaryData::Nitro {})
        | (platform::NONE, AuxiliaryData::Nothing {}) => true,
        (
            platform::INTEL_TDX
            | platform::PHALA
            | platform::AMD_SEV_SNP
            | platform::AWS_NITRO
            | platform::NONE,
            _,
        ) => false,
        _ => return checks.need("platform", Err(Refusal::UnknownPlatform)),
    };
    checks.hold("platform", &evidence.platform, fits, malformed("evidence"));

    checks.hold("version", evidence.version.to_string(), evidence.version == VERSION, Refusal::Version);
    let nonce = challenge.nonce.unwrap_or(NO_NONCE);
    checks.hold("nonce", &evidence.nonce, claims.nonce == nonce, Refusal::Nonce);
    let is_its_id = evidence.key_id == hex::encode(key.id().as_bytes());
    checks.hold("encapsulation key", key.id().to_string(), is_its_id, Refusal::KeyId);
    let is_timely = at - now <= TOLERANCE && (challenge.nonce.is_none() || now - at <= TOLERANCE);
    checks.hold("timestamp", &evidence.timestamp, is_timely, Refusal::Timestamp);

    let Bound { report_data, measurement } = match evidence.platform.as_str() {
        platform::NONE => none::appraise(checks, &report, policy),
        platform::INTEL_TDX | platform::PHALA => tdx::appraise(
            checks,
            &report,
            &evidence.auxiliary_data,
            evidence.collateral.tdx.as_ref(),
            policy,
            now,
        )?,
        platform::AMD_SEV_SNP => {
            snp::appraise(checks, &report, evidence.collateral.snp.as_ref(), policy, now)?
        }
        platform::AWS_NITRO => {
            nitro::appraise(checks, &report, &claims, challenge.nonce.is_some(), policy, now)?
        }
        _ => return None,
    };
    let is_bound = bool::from(report_data.ct_eq(&claims.report_data(&evidence.platform)));
    checks.hold("report data", "binds all of this", is_bound, Refusal::ReportData);

    let is_its_own = claims.key_origin != KeyOrigin::Imported || policy.allow_imported_key;
    checks.hold("key origin", claims.key_origin.as_str(), is_its_own, Refusal::ImportedKey);
    // Somebody brought a recovered key, and may have brought one of their own. They do not know
    // this vault's key, so a policy that pins the vault rules that out.
    let was_brought = matches!(claims.key_origin, KeyOrigin::Recovered | KeyOrigin::HandoffRecovered);
    let is_known = !was_brought || policy.vault_id.is_some() || policy.allow_no_tee;
    checks.hold("vault pinned if recovered", claims.key_origin.as_str(), is_known, Refusal::UnpinnedVault);
    let [vault_id, digest] = [claims.vault_id, claims.config_digest];
    let pinned = |is_pinned| if is_pinned { "" } else { ", which the policy does not pin" };
    let found = hex::encode(vault_id) + pinned(policy.vault_id.is_some());
    checks.hold("vault", found, policy.vault_id.is_none_or(|pin| pin == vault_id), Refusal::VaultId);
    let found = hex::encode(digest) + pinned(!policy.config_digests.is_empty());
    let is_one = policy.config_digests.is_empty() || policy.config_digests.contains(&digest);
    checks.hold("configuration", found, is_one, Refusal::ConfigDigest);
    // Nobody signs the report of platform `none`, so it binds no TLS key. A public authority has to
    // vouch for that connection, as for any other.
    let tls_spki_sha256 = claims.tls_spki_sha256.filter(|_| evidence.platform != platform::NONE);
    appraise_tls(checks, tls_spki_sha256, challenge.tls_spki_sha256, policy);

    let platform = evidence.platform.clone();
    Some(VerifiedServer {
        encapsulation_key: key,
        vault_id,
        platform,
        measurement,
        tls_spki_sha256,
        config_digest: digest,
    })
}

/// Checks that a TLS key which the evidence binds is the one at the other end of this connection.
fn appraise_tls(
    checks: &mut Checks,
    bound: Option<[u8; 32]>,
    session: Option<[u8; 32]>,
    policy: &AppraisalPolicy,
) {
    match (bound, session) {
        (None, _) => checks.hold("TLS in the TEE", "no", !policy.tls_in_tee, Refusal::TlsNotInTee),
        (Some(bound), Some(session)) => {
            checks.hold("TLS in the TEE", hex::encode(bound), bound == session, Refusal::TlsKey);
        }
        // The connection is plain HTTP, or the client cannot see its session, as in a browser's
        // page. Such a client has to leave the comparison to one that can.
        (Some(_), None) => {
            checks.hold("TLS in the TEE", "not seen by this client", !policy.tls_in_tee, Refusal::TlsKey);
        }
    };
}

fn claims<'a>(
    evidence: &Evidence,
    key: &'a EncapsulationKey,
    purpose: Purpose,
) -> Result<Claims<'a>, Refusal> {
    Ok(Claims {
        purpose,
        vault_id: hex_field("vaultId", &evidence.vault_id)?,
        epoch: evidence.epoch,
        encapsulation_key: key,
        key_origin: evidence.key_origin,
        config_digest: hex_field("configDigest", &evidence.config_digest)?,
        tls_spki_sha256: match evidence.tls_spki_sha256.as_str() {
            "" => None,
            digest => Some(hex_field("tlsSpkiSha256", digest)?),
        },
        nonce: hex_field("nonce", &evidence.nonce)?,
        timestamp: evidence.timestamp.clone(),
    })
}

fn hex_field(field: &'static str, text: &str) -> Result<[u8; 32], Refusal> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| Refusal::Malformed { field })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
