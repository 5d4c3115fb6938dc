//! The rules of verification, in the order of spec/attestation.md.

use crate::evidence::{Claims, Evidence, KeyOrigin, NO_NONCE, VERSION};
use crate::platform;
use strongroom::encoding::from_base64;
use strongroom::key::EncapsulationKey;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// How far the server's clock may be ahead, and how old an answer to a nonce may be.
const TOLERANCE: Duration = Duration::minutes(5);

/// What a client asks of a server before it sends a secret. The default trusts nobody without a TEE.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Take the platform `none`. What is lost: nothing then shows that the server keeps secrets from its
    /// operator.
    pub allow_no_tee: bool,
    /// Take a key that came from outside the vault, which whoever exported it holds too.
    pub allow_imported_key: bool,
    /// The vault that must answer, where it is known.
    pub vault_id: Option<[u8; 32]>,
    /// The configuration that must run, where it is known.
    pub config_digest: Option<[u8; 32]>,
}

/// Why a server is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A field is missing, of another size or encoding.
    #[error("the evidence is malformed: {field}")]
    Malformed {
        /// Its name on the wire.
        field: &'static str,
    },
    /// Another version of evidence.
    #[error("the evidence has a version that this client does not know")]
    Version,
    /// Evidence for another request.
    #[error("the evidence does not carry the nonce that was asked for")]
    Nonce,
    /// The key id is another key's.
    #[error("the key id is not that of the encapsulation key")]
    KeyId,
    /// From the future, or too old for an answer to a nonce.
    #[error("the evidence's time is more than five minutes off")]
    Timestamp,
    /// The report binds other fields than those shown.
    #[error("the report does not bind the fields that the server shows")]
    ReportData,
    /// A platform without a verifier here.
    #[error("the platform is not known to this client")]
    UnknownPlatform,
    /// Platform `none`.
    #[error("the server runs outside a TEE: its operator can read what it opens")]
    NoTee,
    /// The key was imported.
    #[error("the vault's key was imported: whoever exported it can read what it opens")]
    ImportedKey,
    /// Another vault than the pinned one.
    #[error("this is another vault than the policy pins")]
    VaultId,
    /// Another configuration than the pinned one.
    #[error("the vault runs another configuration than the policy pins")]
    ConfigDigest,
}

/// A server whose evidence passed a policy. Secrets are sealed only for the key that it carries.
#[derive(Debug, Clone)]
pub struct VerifiedServer {
    encapsulation_key: EncapsulationKey,
    vault_id: [u8; 32],
    platform: String,
}

impl VerifiedServer {
    /// The key that the evidence bound.
    #[must_use]
    pub fn encapsulation_key(&self) -> &EncapsulationKey {
        &self.encapsulation_key
    }

    /// The vault's public name.
    #[must_use]
    pub fn vault_id(&self) -> &[u8; 32] {
        &self.vault_id
    }

    /// The platform that vouches for it.
    #[must_use]
    pub fn platform(&self) -> &str {
        &self.platform
    }
}

/// Verifies evidence against a policy. `nonce` is the one that was sent with the request, if one was.
///
/// # Errors
/// [`Refusal`]: the first rule of spec/attestation.md that failed.
pub fn verify(
    evidence: &Evidence,
    nonce: Option<&[u8; 32]>,
    policy: &Policy,
    now: OffsetDateTime,
) -> Result<VerifiedServer, Refusal> {
    let key = evidence
        .mlkem_public_key
        .parse::<EncapsulationKey>()
        .map_err(|_| Refusal::Malformed { field: "mlkemPublicKey" })?;
    let claims = claims(evidence, &key)?;
    let at = OffsetDateTime::parse(&evidence.timestamp, &Rfc3339)
        .map_err(|_| Refusal::Malformed { field: "timestamp" })?;
    let report = from_base64(&evidence.report).ok_or(Refusal::Malformed { field: "report" })?;
    if evidence.version != VERSION {
        return Err(Refusal::Version);
    }
    if claims.nonce != *nonce.unwrap_or(&NO_NONCE) {
        return Err(Refusal::Nonce);
    }
    if evidence.key_id != hex::encode(key.id().as_bytes()) {
        return Err(Refusal::KeyId);
    }
    if at - now > TOLERANCE || (nonce.is_some() && now - at > TOLERANCE) {
        return Err(Refusal::Timestamp);
    }
    match evidence.platform.as_str() {
        platform::none::NAME => platform::none::verify(&report, &claims, policy)?,
        _ => return Err(Refusal::UnknownPlatform),
    }
    if claims.key_origin == KeyOrigin::Imported && !policy.allow_imported_key {
        return Err(Refusal::ImportedKey);
    }
    if policy.vault_id.is_some_and(|pinned| pinned != claims.vault_id) {
        return Err(Refusal::VaultId);
    }
    if policy.config_digest.is_some_and(|pinned| pinned != claims.config_digest) {
        return Err(Refusal::ConfigDigest);
    }
    let vault_id = claims.vault_id;
    Ok(VerifiedServer { encapsulation_key: key, vault_id, platform: evidence.platform.clone() })
}

fn claims<'a>(evidence: &Evidence, key: &'a EncapsulationKey) -> Result<Claims<'a>, Refusal> {
    Ok(Claims {
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
mod tests {
    use super::*;
    use strongroom::key::DecapsulationKey;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
    const NONCE: [u8; 32] = [4; 32];

    fn evidence_with(change: impl FnOnce(&mut Claims<'_>)) -> Evidence {
        let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
        let mut claims = Claims {
            vault_id: [2; 32],
            epoch: 1,
            encapsulation_key: &key,
            key_origin: KeyOrigin::Generated,
            config_digest: [3; 32],
            tls_spki_sha256: None,
            nonce: NONCE,
            timestamp: "1970-01-01T00:00:00Z".to_owned(),
        };
        change(&mut claims);
        platform::none::evidence(&claims)
    }

    fn no_tee() -> Policy {
        Policy { allow_no_tee: true, ..Policy::default() }
    }

    fn refusal(evidence: &Evidence, policy: &Policy) -> Refusal {
        verify(evidence, Some(&NONCE), policy, NOW).expect_err("it must be refused")
    }

    #[test]
    fn good_evidence_passes_and_carries_the_key() {
        let evidence = evidence_with(|claims| claims.tls_spki_sha256 = Some([5; 32]));
        let server = verify(&evidence, Some(&NONCE), &no_tee(), NOW).expect("good evidence");
        assert_eq!(server.encapsulation_key().to_base64(), evidence.mlkem_public_key);
        assert_eq!((server.vault_id(), server.platform()), (&[2; 32], "none"));
    }

    #[test]
    fn the_default_policy_wants_a_tee() {
        assert_eq!(refusal(&evidence_with(|_| ()), &Policy::default()), Refusal::NoTee);
    }

    /// Every field that a server shows is bound: changed after the report was made, it is refused.
    #[test]
    fn every_shown_field_is_bound() {
        type Change = fn(&mut Evidence);
        let rows: [(&str, Change); 6] = [
            ("vaultId", |e| e.vault_id = "00".repeat(32)),
            ("epoch", |e| e.epoch = 2),
            ("mlkemPublicKey", |e| {
                let other = DecapsulationKey::from_seed(&[9; 64]).encapsulation_key();
                e.mlkem_public_key = other.to_base64();
                e.key_id = hex::encode(other.id().as_bytes());
            }),
            ("configDigest", |e| e.config_digest = "00".repeat(32)),
            ("tlsSpkiSha256", |e| e.tls_spki_sha256 = "00".repeat(32)),
            ("timestamp", |e| e.timestamp = "1970-01-01T00:00:01Z".to_owned()),
        ];
        for (field, change) in rows {
            let mut evidence = evidence_with(|_| ());
            change(&mut evidence);
            assert_eq!(refusal(&evidence, &no_tee()), Refusal::ReportData, "{field}");
        }
        let mut imported = evidence_with(|claims| claims.key_origin = KeyOrigin::Imported);
        imported.key_origin = KeyOrigin::Generated;
        assert_eq!(refusal(&imported, &no_tee()), Refusal::ReportData);
    }

    #[test]
    fn every_other_rule_has_its_refusal() {
        let changed = |change: fn(&mut Evidence)| {
            let mut evidence = evidence_with(|_| ());
            change(&mut evidence);
            refusal(&evidence, &no_tee())
        };
        assert_eq!(changed(|e| e.version = 2), Refusal::Version);
        assert_eq!(changed(|e| e.nonce = "00".repeat(32)), Refusal::Nonce);
        assert_eq!(changed(|e| e.key_id = "00".repeat(16)), Refusal::KeyId);
        assert_eq!(changed(|e| e.platform = "intel-tdx".to_owned()), Refusal::UnknownPlatform);
        assert_eq!(changed(|e| e.report = "!".to_owned()), Refusal::Malformed { field: "report" });
        assert_eq!(changed(|e| e.vault_id = "00".to_owned()), Refusal::Malformed { field: "vaultId" });
        assert_eq!(changed(|e| e.timestamp = String::new()), Refusal::Malformed { field: "timestamp" });
        let field = "mlkemPublicKey";
        assert_eq!(changed(|e| e.mlkem_public_key = "AAAA".to_owned()), Refusal::Malformed { field });

        let imported = evidence_with(|claims| claims.key_origin = KeyOrigin::Imported);
        assert_eq!(refusal(&imported, &no_tee()), Refusal::ImportedKey);
        let other_vault = Policy { vault_id: Some([0; 32]), ..no_tee() };
        assert_eq!(refusal(&evidence_with(|_| ()), &other_vault), Refusal::VaultId);
        let other_config = Policy { config_digest: Some([0; 32]), ..no_tee() };
        assert_eq!(refusal(&evidence_with(|_| ()), &other_config), Refusal::ConfigDigest);
    }

    #[test]
    fn times_have_edges() {
        let at = |timestamp: &str, nonce: Option<[u8; 32]>| {
            let evidence = evidence_with(|claims| {
                claims.timestamp = timestamp.to_owned();
                claims.nonce = nonce.unwrap_or(NO_NONCE);
            });
            verify(&evidence, nonce.as_ref(), &no_tee(), NOW).map(|_| ())
        };
        assert_eq!(at("1970-01-01T00:05:00Z", Some(NONCE)), Ok(()));
        assert_eq!(at("1970-01-01T00:05:01Z", Some(NONCE)), Err(Refusal::Timestamp));
        assert_eq!(at("1969-12-31T23:55:00Z", Some(NONCE)), Ok(()));
        assert_eq!(at("1969-12-31T23:54:59Z", Some(NONCE)), Err(Refusal::Timestamp));
        // A cached answer to nobody's nonce may be old.
        assert_eq!(at("1969-12-31T00:00:00Z", None), Ok(()));
    }

    #[test]
    fn evidence_of_other_servers_with_five_fields_is_no_evidence() {
        let five = r#"{"platform":"none","report":"","measurement":"","timestamp":"","mlkemPublicKey":""}"#;
        assert!(serde_json::from_str::<Evidence>(five).is_err());
    }
}
