//! What a server says about itself: the fields of evidence, and what comes with its platform's
//! report.

use crate::configuration::KeyOrigin;
use crate::refusal::Refusal;
use crate::report_data::{Claims, VERSION};
use serde::{Deserialize, Serialize};
use strongroom::json::{self, Object};

/// The largest evidence that is read, in bytes of JSON.
pub const MAX_EVIDENCE_BYTES: usize = 1024 * 1024;

/// The answer of `GET /secret/attestation` (spec/attestation.md#evidence).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// One of the names in [`platform`](crate::platform), for example `intel-tdx`.
    pub platform: String,
    /// Base64 of the report, quote or document that the platform signed.
    pub report: String,
    /// A hint for people, in hex. Verification ignores it and reads the report.
    pub measurement: String,
    /// When the evidence was made: RFC 3339, UTC.
    pub timestamp: String,
    /// Base64 of the ML-KEM-1024 encapsulation key, 1,568 bytes.
    pub mlkem_public_key: String,
    /// The version of this format: [`VERSION`].
    pub version: u32,
    /// The client's nonce, or [`NO_NONCE`](crate::NO_NONCE): 32 bytes in hex.
    pub nonce: String,
    /// The vault's public name: 32 bytes in hex.
    pub vault_id: String,
    /// The id of the encapsulation key: 16 bytes in hex.
    pub key_id: String,
    /// Which of the vault's keys this is, numbered from 1. Evidence for a recovery says 0.
    pub epoch: u32,
    /// Where the vault's key comes from.
    pub key_origin: KeyOrigin,
    /// The digest of the server's [`Configuration`](crate::Configuration): 32 bytes in hex.
    pub config_digest: String,
    /// SHA-256 of the TLS key that the TEE made: 32 bytes in hex, or empty without one.
    pub tls_spki_sha256: String,
    /// What the platform's verifier needs besides the report.
    #[serde(rename = "evidence")]
    pub auxiliary_data: AuxiliaryData,
    /// What the platform's maker signed about this platform.
    pub collateral: Collateral,
}

/// What a platform's verifier needs besides the report. None of it is signed: the report decides
/// whether it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum AuxiliaryData {
    /// A server outside a TEE.
    #[serde(rename = "none")]
    Nothing {},
    /// A TDX guest without dstack.
    #[serde(rename = "tdx")]
    Tdx {},
    /// A dstack guest on TDX.
    #[serde(rename = "dstack-tdx", rename_all = "camelCase")]
    Dstack {
        /// The events that extended RTMR3, in their order.
        event_log: Vec<DstackEvent>,
        /// The virtual machine that the host was asked for, as JSON. Nothing here reads it.
        vm_config: String,
        /// The exact text of app-compose.json.
        app_compose: String,
    },
    /// A guest on AMD SEV-SNP.
    #[serde(rename = "sev-snp")]
    SevSnp {},
    /// An AWS Nitro enclave.
    #[serde(rename = "nitro")]
    Nitro {},
}

/// An event of dstack's log, as its agent writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DstackEvent {
    /// The index of the RTMR that it extends: 3 in every event that is accepted.
    pub imr: u32,
    /// The kind of event: `0x08000001` for those of a running guest.
    pub event_type: u32,
    /// 48 bytes in hex, or empty. Verification computes the digest and compares it with this one.
    pub digest: String,
    /// The event's name, for example `compose-hash`.
    pub event: String,
    /// What happened, in hex: the meaning depends on the name.
    pub event_payload: String,
    /// How the digest is made: in way 1, which is also meant where the version is missing, or in
    /// way 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// What the platform's maker signed about this platform. The server relays it, so a client needs no
/// request to the maker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collateral {
    /// Intel's collateral for a TDX quote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tdx: Option<TdxCollateral>,
    /// AMD's collateral for an SEV-SNP report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snp: Option<SnpCollateral>,
}

/// Intel's collateral for verifying a quote, in the JSON that is usual for it
/// (spec/attestation.md#collateral).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TdxCollateral {
    /// The issuers of `pck_crl`, as PEM. Nothing here reads them.
    pub pck_crl_issuer_chain: String,
    /// What Intel's root CA revoked: a revocation list, DER in hex.
    pub root_ca_crl: String,
    /// The revoked PCK certificates: a revocation list, DER in hex.
    pub pck_crl: String,
    /// The certificates of the key that signs `tcb_info`: PEM, leaf first.
    pub tcb_info_issuer_chain: String,
    /// The known TCB levels of this kind of platform: the exact JSON text that Intel signed.
    pub tcb_info: String,
    /// The ECDSA P-256 signature over `tcb_info`: 64 bytes in hex.
    pub tcb_info_signature: String,
    /// The certificates of the key that signs `qe_identity`: PEM, leaf first.
    pub qe_identity_issuer_chain: String,
    /// The quoting enclave that Intel expects: the exact JSON text that Intel signed.
    pub qe_identity: String,
    /// The ECDSA P-256 signature over `qe_identity`: 64 bytes in hex.
    pub qe_identity_signature: String,
}

/// AMD's certificates and revocation list, each base64 of DER.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnpCollateral {
    /// The certificate of the chip's key for its reported TCB.
    pub vcek: String,
    /// The certificate of the ASK, which issued the VCEK.
    pub ask: String,
    /// The ARK's revocation list.
    pub crl: String,
}

impl Evidence {
    /// Whether it names a TLS key, and a platform signs that name.
    #[must_use]
    pub fn binds_tls(&self) -> bool {
        !self.tls_spki_sha256.is_empty() && self.platform != crate::platform::NONE
    }

    /// Reads evidence as a server sends it.
    ///
    /// # Errors
    /// [`Refusal::Oversized`] beyond [`MAX_EVIDENCE_BYTES`]; [`Refusal::NoEvidence`] where the
    /// bytes are not a JSON object with these fields.
    pub fn from_json(json: &[u8]) -> Result<Self, Refusal> {
        if json.len() > MAX_EVIDENCE_BYTES {
            return Err(Refusal::Oversized);
        }
        let Object(evidence) = json::from_slice(json).map_err(|_| Refusal::NoEvidence)?;
        Ok(evidence)
    }
}

/// What a platform answers to the 64 bytes of [`Claims::report_data`].
#[derive(Debug, Clone)]
pub struct Report {
    /// The report, quote or document that the platform signed.
    pub bytes: Vec<u8>,
    /// The measurement of the code in hex, as a hint for people; empty without a TEE.
    pub measurement: String,
    /// What the verifier needs besides the report.
    pub auxiliary_data: AuxiliaryData,
    /// What the platform's maker signed, as far as it is at hand.
    pub collateral: Collateral,
}

impl Claims<'_> {
    /// The evidence of these claims, with a platform's report over their
    /// [`report_data`](Self::report_data).
    #[must_use]
    pub fn with_report(&self, platform: &str, report: Report) -> Evidence {
        Evidence {
            platform: platform.to_owned(),
            report: strongroom::encoding::base64(&report.bytes),
            measurement: report.measurement,
            timestamp: self.timestamp.clone(),
            mlkem_public_key: self.encapsulation_key.to_base64(),
            version: VERSION,
            nonce: hex::encode(self.nonce),
            vault_id: hex::encode(self.vault_id),
            key_id: hex::encode(self.encapsulation_key.id().as_bytes()),
            epoch: self.epoch,
            key_origin: self.key_origin,
            config_digest: hex::encode(self.config_digest),
            tls_spki_sha256: self.tls_spki_sha256.map(hex::encode).unwrap_or_default(),
            auxiliary_data: report.auxiliary_data,
            collateral: report.collateral,
        }
    }
}
