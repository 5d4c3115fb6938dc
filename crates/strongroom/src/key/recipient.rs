//! Recipients: public keys of either KEM, for which envelopes are sealed.

use super::error::KeyError;
use super::hybrid::HybridEncapsulationKey;
use super::id::KeyId;
use super::ml_kem_1024::EncapsulationKey;
use crate::encoding;
use crate::kem::{self, SharedSecret};
use rand_core::CryptoRng;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// How a public key text begins.
pub(super) const PUBLIC_PREFIX: &str = "strongroom-pk-1";

/// A public key of either KEM, for which an envelope is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipient {
    /// ML-KEM-1024, 1,568 bytes.
    MlKem1024(EncapsulationKey),
    /// MLKEM1024-P384, 1,665 bytes.
    MlKem1024P384(HybridEncapsulationKey),
}

impl Recipient {
    /// The KEM's code point in HPKE's registry.
    #[must_use]
    pub fn kem_id(&self) -> u16 {
        match self {
            Self::MlKem1024(_) => kem::KEM_ID,
            Self::MlKem1024P384(_) => kem::HYBRID_KEM_ID,
        }
    }

    /// The bytes of the encapsulation key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::MlKem1024(key) => &key.as_bytes()[..],
            Self::MlKem1024P384(key) => &key.as_bytes()[..],
        }
    }

    /// The key's id, whose `Display` is the fingerprint.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(self.kem_id(), self.as_bytes())
    }

    /// Returns the KEM ciphertext, which HPKE calls `enc`, and the shared secret.
    pub(crate) fn encapsulate(&self, rng: &mut impl CryptoRng) -> (Vec<u8>, SharedSecret) {
        match self {
            Self::MlKem1024(key) => {
                let mut message = Zeroizing::new([0; kem::SHARED_SECRET_BYTES]);
                rng.fill_bytes(message.as_mut_slice());
                let (ciphertext, secret) = key.encapsulator().encapsulate(&message);
                (ciphertext.to_vec(), secret)
            }
            Self::MlKem1024P384(key) => key.encapsulator().encapsulate(rng),
        }
    }
}

impl From<EncapsulationKey> for Recipient {
    fn from(key: EncapsulationKey) -> Self {
        Self::MlKem1024(key)
    }
}

impl From<HybridEncapsulationKey> for Recipient {
    fn from(key: HybridEncapsulationKey) -> Self {
        Self::MlKem1024P384(key)
    }
}

/// Writes the public key text, `strongroom-pk-1…`.
impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MlKem1024(key) => key.fmt(f),
            Self::MlKem1024P384(key) => key.fmt(f),
        }
    }
}

/// Reads a public key text, or the bare base64 of the 1,568 bytes of an ML-KEM-1024 key.
impl FromStr for Recipient {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if !text.starts_with(PUBLIC_PREFIX) {
            let bytes = encoding::from_base64_exact::<{ kem::ENCAPSULATION_KEY_BYTES }>(text);
            return EncapsulationKey::from_bytes(&bytes.ok_or(KeyError::Text)?[..]).map(Self::MlKem1024);
        }
        let body = encoding::from_key_text(PUBLIC_PREFIX, text).ok_or(KeyError::Text)?;
        let (id, key) = body.split_first_chunk().ok_or(KeyError::Text)?;
        match u16::from_be_bytes(*id) {
            kem::KEM_ID => EncapsulationKey::from_bytes(key).map(Self::MlKem1024),
            kem::HYBRID_KEM_ID => HybridEncapsulationKey::from_bytes(key).map(Self::MlKem1024P384),
            _ => Err(KeyError::UnknownForm),
        }
    }
}

/// Reads a public key text of ML-KEM-1024, or the bare base64 of the 1,568 bytes.
impl FromStr for EncapsulationKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.parse()? {
            Recipient::MlKem1024(key) => Ok(key),
            Recipient::MlKem1024P384(_) => Err(KeyError::Hybrid),
        }
    }
}
