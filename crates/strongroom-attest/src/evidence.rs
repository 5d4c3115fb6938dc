//! What a server says of itself, and the 64 bytes that its platform's report binds.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};
use strongroom::key::EncapsulationKey;

/// The version of evidence that this crate makes and verifies.
pub const VERSION: u32 = 1;
/// The nonce of evidence that nobody asked a nonce for: "key bound, not fresh".
pub const NO_NONCE: [u8; 32] = [0; 32];

/// Where the vault's key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyOrigin {
    /// Made by the vault.
    Generated,
    /// Brought from outside: whoever exported it can read everything.
    Imported,
}

impl KeyOrigin {
    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Imported => "imported",
        }
    }
}

/// The answer of `GET /secret/attestation` (spec/attestation.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// `none`; the TEEs' names follow with their verifiers.
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
    pub evidence: serde_json::Value,
    /// Signed things from the platform's maker.
    pub collateral: serde_json::Value,
}

/// The fields that report_data binds, decoded.
#[derive(Debug, Clone)]
pub struct Claims<'a> {
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

impl Claims<'_> {
    /// SHA-512 over the context string and every field with its length (spec/attestation.md).
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
        let mut hash = Sha512::new_with_prefix(b"strongroom/attestation/1\0");
        for field in fields {
            let length = u32::try_from(field.len()).expect("a field is shorter than 4 GiB");
            hash.update(length.to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }

    /// The evidence of these claims with a platform's report.
    pub(crate) fn with_report(&self, platform: &str, report: &[u8]) -> Evidence {
        Evidence {
            platform: platform.to_owned(),
            report: strongroom::encoding::base64(report),
            measurement: String::new(),
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
            evidence: serde_json::json!({ "type": platform }),
            collateral: serde_json::json!({}),
        }
    }
}
