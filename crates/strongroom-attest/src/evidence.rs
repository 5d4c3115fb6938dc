//! What a server says of itself, and the 64 bytes that its platform's report binds.

use crate::configuration::KeyOrigin;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};
use strongroom::json::Object;
use strongroom::key::EncapsulationKey;

/// The version of evidence that this crate makes and verifies.
pub const VERSION: u32 = 1;
/// The nonce of evidence that nobody asked a nonce for: "key bound, not fresh".
pub const NO_NONCE: [u8; 32] = [0; 32];
/// Bytes of evidence that are looked at.
pub const MAX_EVIDENCE_BYTES: usize = 1024 * 1024;

/// The answer of `GET /secret/attestation` (spec/attestation.md#evidence).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// One of [`platform`](crate::platform)'s names.
    pub platform: String,
    /// Base64 of what the platform signed.
    pub report: String,
    /// A hint for people; verification reads the report.
    pub measurement: String,
    /// RFC 3339, UTC.
    pub timestamp: String,
    /// Base64 of 1,568 bytes.
    pub mlkem_public_key: String,
    /// [`VERSION`].
    pub version: u32,
    /// 32 bytes in hex.
    pub nonce: String,
    /// 32 bytes in hex.
    pub vault_id: String,
    /// 16 bytes in hex.
    pub key_id: String,
    /// Which of the vault's keys this is.
    pub epoch: u32,
    /// Where it comes from.
    pub key_origin: KeyOrigin,
    /// 32 bytes in hex.
    pub config_digest: String,
    /// 32 bytes in hex, or empty.
    pub tls_spki_sha256: String,
    /// What the platform's verifier needs beside the report.
    #[serde(rename = "evidence")]
    pub auxiliary_data: AuxiliaryData,
    /// Signed things from the platform's maker.
    pub collateral: Collateral,
}

/// What a platform's verifier needs beside the report. Nothing of it is signed: the report decides whether it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum AuxiliaryData {
    /// No TEE.
    #[serde(rename = "none")]
    Nothing {},
    /// A bare TDX guest.
    #[serde(rename = "tdx")]
    Tdx {},
    /// A dstack guest on TDX.
    #[serde(rename = "dstack-tdx", rename_all = "camelCase")]
    Dstack {
        /// The events of RTMR3, in their order.
        event_log: Vec<DstackEvent>,
        /// What the host was asked for, as JSON; nothing here reads it.
        vm_config: String,
        /// The exact text of app-compose.json.
        app_compose: String,
    },
    /// An SEV-SNP guest.
    #[serde(rename = "sev-snp")]
    SevSnp {},
    /// A Nitro enclave.
    #[serde(rename = "nitro")]
    Nitro {},
}

/// An event of dstack's log, as its agent writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DstackEvent {
    /// Which RTMR it extends.
    pub imr: u32,
    /// 0x08000001 for those of a running guest.
    pub event_type: u32,
    /// 48 bytes in hex, or empty; it is computed anew either way.
    pub digest: String,
    /// Its name.
    pub event: String,
    /// In hex.
    pub event_payload: String,
    /// How the digest is made: 1 where it is missing, or 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// Signed things from the platform's maker, relayed by the server, so that one request is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collateral {
    /// Intel's, for TDX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tdx: Option<TdxCollateral>,
    /// AMD's, for SEV-SNP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snp: Option<SnpCollateral>,
}

/// Intel's collateral of quote verification, in the JSON that is usual for it (spec/attestation.md#collateral).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TdxCollateral {
    /// PEM; nothing here reads it.
    pub pck_crl_issuer_chain: String,
    /// DER in hex.
    pub root_ca_crl: String,
    /// DER in hex.
    pub pck_crl: String,
    /// PEM, leaf first.
    pub tcb_info_issuer_chain: String,
    /// The exact text that Intel signed.
    pub tcb_info: String,
    /// 64 bytes in hex.
    pub tcb_info_signature: String,
    /// PEM, leaf first.
    pub qe_identity_issuer_chain: String,
    /// The exact text that Intel signed.
    pub qe_identity: String,
    /// 64 bytes in hex.
    pub qe_identity_signature: String,
}

/// AMD's certificates and revocation list, each base64 of DER.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnpCollateral {
    /// The certificate of the chip's key for its reported TCB.
    pub vcek: String,
    /// The certificate of who issued it.
    pub ask: String,
    /// What the ARK revoked.
    pub crl: String,
}

impl Evidence {
    /// Whether it names a TLS key and somebody signs that.
    #[must_use]
    pub fn binds_tls(&self) -> bool {
        !self.tls_spki_sha256.is_empty() && self.platform != crate::platform::NONE
    }

    /// Reads evidence as a server sends it.
    ///
    /// # Errors
    /// [`Refusal::Oversized`] beyond [`MAX_EVIDENCE_BYTES`], [`Refusal::NoEvidence`] where it is no such JSON object.
    pub fn from_json(json: &[u8]) -> Result<Self, Refusal> {
        if json.len() > MAX_EVIDENCE_BYTES {
            return Err(Refusal::Oversized);
        }
        let Object(evidence) = serde_json::from_slice(json).map_err(|_| Refusal::NoEvidence)?;
        Ok(evidence)
    }
}

/// What evidence is shown for: the text that report_data begins with, so that a report for one purpose is none for another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To clients: which code serves with this key.
    #[default]
    Service,
    /// To another replica of the vault: which code asks for the root, or gives it (spec/root.md §10).
    Handoff,
    /// To a recovery recipient: which code waits for the root (spec/root.md §9).
    Recovery,
}

impl Purpose {
    /// The text, which ends in a zero byte.
    #[must_use]
    pub fn label(self) -> &'static [u8] {
        match self {
            Self::Service => b"strongroom/attestation/1\0",
            Self::Handoff => b"strongroom/handoff/1\0",
            Self::Recovery => b"strongroom/recovery/1\0",
        }
    }
}

/// The fields that report_data binds, decoded.
#[derive(Debug, Clone)]
pub struct Claims<'a> {
    /// What for.
    pub purpose: Purpose,
    /// The vault's public name, stable over key epochs.
    pub vault_id: [u8; 32],
    /// Which of the vault's keys this is.
    pub epoch: u32,
    /// That key.
    pub encapsulation_key: &'a EncapsulationKey,
    /// Where it comes from.
    pub key_origin: KeyOrigin,
    /// Over the settings that decide who else may get the key.
    pub config_digest: [u8; 32],
    /// SHA-256 of the TLS key that the TEE made, if it did.
    pub tls_spki_sha256: Option<[u8; 32]>,
    /// What the client asked for, or [`NO_NONCE`].
    pub nonce: [u8; 32],
    /// RFC 3339, UTC.
    pub timestamp: String,
}

/// What a platform answered to the 64 bytes of [`Claims::report_data`].
#[derive(Debug, Clone)]
pub struct Report {
    /// What it signed.
    pub bytes: Vec<u8>,
    /// A hint for people.
    pub measurement: String,
    /// What is needed beside it.
    pub auxiliary_data: AuxiliaryData,
    /// What its maker signed, as far as it is at hand.
    pub collateral: Collateral,
}

impl Claims<'_> {
    /// SHA-512 over the context string and every field with its length (spec/attestation.md#report-data).
    #[must_use]
    pub fn report_data(&self, platform: &str) -> [u8; 64] {
        let tls: &[u8] = self.tls_spki_sha256.as_ref().map_or(&[], |digest| &digest[..]);
        let [version, epoch] = [VERSION.to_string(), self.epoch.to_string()];
        let fields: [&[u8]; 10] = [
            platform.as_bytes(),
            version.as_bytes(),
            &self.vault_id,
            epoch.as_bytes(),
            self.encapsulation_key.as_bytes(),
            self.key_origin.as_str().as_bytes(),
            &self.config_digest,
            tls,
            &self.nonce,
            self.timestamp.as_bytes(),
        ];
        let mut hash = Sha512::new_with_prefix(self.purpose.label());
        for field in fields {
            let length = u32::try_from(field.len()).expect("a field is shorter than 4 GiB");
            hash.update(length.to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }

    /// The evidence of these claims with a platform's report over their [`report_data`](Self::report_data).
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
