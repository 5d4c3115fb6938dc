//! The claims of a server, and the 64 bytes by which its platform's report binds them.

use crate::configuration::KeyOrigin;
use sha2::{Digest, Sha512};
use strongroom::key::EncapsulationKey;

/// The version of evidence that this crate makes and verifies.
pub const VERSION: u32 = 1;
/// The nonce of evidence for requests without a nonce. Such evidence binds the key but is not
/// fresh.
pub const NO_NONCE: [u8; 32] = [0; 32];

/// What evidence is shown for. Its label begins what `report_data` hashes, so a report for one
/// purpose cannot serve another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Shows clients which code serves with this key.
    #[default]
    Service,
    /// Shows another replica of the vault which code asks for the root, or gives it
    /// (spec/root.md §10).
    Handoff,
    /// Shows a recovery recipient which code waits for the root (spec/root.md §9).
    Recovery,
}

impl Purpose {
    /// The context string of this purpose, which ends in a zero byte.
    #[must_use]
    pub fn label(self) -> &'static [u8] {
        match self {
            Self::Service => b"strongroom/attestation/1\0",
            Self::Handoff => b"strongroom/handoff/1\0",
            Self::Recovery => b"strongroom/recovery/1\0",
        }
    }
}

/// The fields that `report_data` binds, decoded.
#[derive(Debug, Clone)]
pub struct Claims<'a> {
    /// What the evidence is shown for.
    pub purpose: Purpose,
    /// The vault's public name, stable over key epochs.
    pub vault_id: [u8; 32],
    /// Which of the vault's keys this is, numbered from 1, or 0 in a recovery.
    pub epoch: u32,
    /// The key that secrets are sealed for.
    pub encapsulation_key: &'a EncapsulationKey,
    /// Where the vault's key comes from.
    pub key_origin: KeyOrigin,
    /// The digest of the settings that decide who else may get the key.
    pub config_digest: [u8; 32],
    /// SHA-256 of the SubjectPublicKeyInfo of the TLS key that the TEE made, if it made one.
    pub tls_spki_sha256: Option<[u8; 32]>,
    /// The nonce that the client sent, or [`NO_NONCE`].
    pub nonce: [u8; 32],
    /// When the evidence was made: RFC 3339, UTC.
    pub timestamp: String,
}

impl Claims<'_> {
    /// SHA-512 over the purpose's label, and every field after its length in four bytes
    /// (spec/attestation.md#report-data).
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
}
