//! MLKEM1024-P384 keys: encapsulation keys from bytes, decapsulation keys from seeds.

use super::error::KeyError;
use super::id::KeyId;
use crate::kem::{self, HybridDecapsulator, HybridEncapsulator};
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// An MLKEM1024-P384 encapsulation key, 1,665 bytes. Its first part passed the check of FIPS
/// 203 §7.2, its second is a point of P-384.
#[derive(Clone)]
pub struct HybridEncapsulationKey {
    bytes: Box<[u8; kem::HYBRID_ENCAPSULATION_KEY_BYTES]>,
    encapsulator: Box<HybridEncapsulator>,
}

impl HybridEncapsulationKey {
    /// Checks and prepares a key of 1,665 bytes.
    ///
    /// # Errors
    /// [`KeyError::Length`]; [`KeyError::Point`], also where the first part fails FIPS 203 §7.2.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: Box<[u8; kem::HYBRID_ENCAPSULATION_KEY_BYTES]> =
            bytes.to_vec().try_into().map_err(|_| KeyError::Length {
                expected: kem::HYBRID_ENCAPSULATION_KEY_BYTES,
                found: bytes.len(),
            })?;
        let encapsulator = HybridEncapsulator::new(&bytes).ok_or(KeyError::Point)?;
        Ok(Self { bytes, encapsulator: Box::new(encapsulator) })
    }

    /// The 1,665 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; kem::HYBRID_ENCAPSULATION_KEY_BYTES] {
        &self.bytes
    }

    /// The key's id, whose `Display` is the fingerprint.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(kem::HYBRID_KEM_ID, &self.bytes[..])
    }

    pub(crate) fn encapsulator(&self) -> &HybridEncapsulator {
        &self.encapsulator
    }
}

impl PartialEq for HybridEncapsulationKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for HybridEncapsulationKey {}

impl fmt::Debug for HybridEncapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HybridEncapsulationKey({})", self.id())
    }
}

/// An MLKEM1024-P384 secret key, wiped on drop.
pub struct HybridDecapsulationKey {
    seed: Box<Zeroizing<[u8; kem::HYBRID_SEED_BYTES]>>,
    decapsulator: Box<HybridDecapsulator>,
    encapsulation_key: Box<[u8; kem::HYBRID_ENCAPSULATION_KEY_BYTES]>,
    id: KeyId,
}

impl HybridDecapsulationKey {
    /// A new key from 32 bytes of randomness.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        loop {
            let mut seed = Zeroizing::new([0; kem::HYBRID_SEED_BYTES]);
            rng.fill_bytes(seed.as_mut_slice());
            // One seed in 2^192 gives no scalar.
            if let Ok(key) = Self::from_seed(&seed) {
                return key;
            }
        }
    }

    /// Derives the key from a seed of 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Point`] for one seed in 2^192.
    pub fn from_seed(seed: &[u8; kem::HYBRID_SEED_BYTES]) -> Result<Self, KeyError> {
        let decapsulator = HybridDecapsulator::from_seed(seed).ok_or(KeyError::Point)?;
        let encapsulation_key = decapsulator.encapsulation_key();
        Ok(Self {
            seed: Box::new(Zeroizing::new(*seed)),
            decapsulator: Box::new(decapsulator),
            id: KeyId::of(kem::HYBRID_KEM_ID, &encapsulation_key[..]),
            encapsulation_key,
        })
    }

    /// The public half of the key.
    #[must_use]
    pub fn encapsulation_key(&self) -> HybridEncapsulationKey {
        HybridEncapsulationKey::from_bytes(&self.encapsulation_key[..])
            .expect("a derived pair has a valid public key")
    }

    /// The key's id, whose `Display` is the fingerprint.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn seed(&self) -> &[u8; kem::HYBRID_SEED_BYTES] {
        &self.seed
    }

    pub(crate) fn decapsulator(&self) -> &HybridDecapsulator {
        &self.decapsulator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static_assertions::assert_not_impl_any!(HybridDecapsulationKey: fmt::Debug, fmt::Display, Clone, PartialEq, serde::Serialize);

    fn key() -> HybridDecapsulationKey {
        HybridDecapsulationKey::from_seed(&[4; 32]).expect("a seed")
    }

    #[test]
    fn a_point_off_the_curve_or_compressed_is_refused() {
        let good = key().encapsulation_key().as_bytes().to_vec();
        let refusal = |change: &dyn Fn(&mut [u8])| {
            let mut bytes = good.clone();
            change(&mut bytes);
            HybridEncapsulationKey::from_bytes(&bytes)
        };
        assert_eq!(refusal(&|b| b[1664] ^= 1), Err(KeyError::Point));
        assert_eq!(refusal(&|b| b[1568] = 2), Err(KeyError::Point));
        // 0xFFF is above q = 3329.
        assert_eq!(
            refusal(&|b| {
                b[0] = 0xFF;
                b[1] |= 0x0F;
            }),
            Err(KeyError::Point)
        );
    }
}
