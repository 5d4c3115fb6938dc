//! The file key, from which all other keys of an envelope follow, and the binding of these keys.

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a file key.
pub(crate) const FILE_KEY_BYTES: usize = 32;

/// SHA-256 over version, id, policy and threshold. Stanzas and payload are bound to it.
pub(crate) type Binding = [u8; 32];

/// The one key of an envelope that is wrapped for each recipient; wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct FileKey(pub(super) [u8; FILE_KEY_BYTES]);

impl FileKey {
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; FILE_KEY_BYTES]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// Only for the worked example in the specification.
    #[cfg(test)]
    pub(super) fn expose(&self) -> &[u8; FILE_KEY_BYTES] {
        &self.0
    }

    /// The key that the header's MAC is made with (spec/envelope.md#keys).
    pub(super) fn mac_key(&self) -> Zeroizing<[u8; 32]> {
        self.expand(b"strongroom/envelope/1 header")
    }

    /// The input key of the payload (spec/envelope.md#keys).
    pub(super) fn payload_input_key(&self) -> Zeroizing<[u8; 32]> {
        self.expand(b"strongroom/envelope/1 payload")
    }

    /// HKDF-Expand-SHA256(file key, info, 32).
    fn expand(&self, info: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::from_prk(&self.0)
            .and_then(|hkdf| hkdf.expand(info, &mut key[..]).map_err(|_| hkdf::InvalidPrkLength))
            .expect("32 bytes are a PRK of SHA-256, and within HKDF's bound");
        key
    }
}
