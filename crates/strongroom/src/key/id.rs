//! Key ids, and the fingerprints that people compare.

use sha2::{Digest, Sha256};
use std::fmt;

/// 16 bytes that identify an encapsulation key in look-ups. No security decision depends on them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 16]);

impl KeyId {
    pub(super) fn of(kem_id: u16, encapsulation_key: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"strongroom/key-id/1")
            .chain_update(kem_id.to_be_bytes())
            .chain_update(encapsulation_key)
            .finalize();
        Self(digest[..16].try_into().expect("a SHA-256 digest has 32 bytes"))
    }

    /// The id of these 16 bytes. Every value is valid.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Writes the fingerprint, `sr:xxxx-xxxx-xxxx-xxxx`: the first eight bytes in hex.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(&self.0[..8]);
        write!(f, "sr:{}-{}-{}-{}", &digits[..4], &digits[4..8], &digits[8..12], &digits[12..])
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
