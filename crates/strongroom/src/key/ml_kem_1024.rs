//! ML-KEM-1024 keys (FIPS 203): from bytes, from seeds, and expanded.

use super::error::KeyError;
use super::id::KeyId;
use crate::encoding;
use crate::kem::{self, Decapsulator, Encapsulator, KeyCheck};
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// An ML-KEM-1024 encapsulation key: 1,568 bytes that passed the modulus check of FIPS 203 §7.2.
#[derive(Clone)]
pub struct EncapsulationKey {
    bytes: Box<[u8; kem::ENCAPSULATION_KEY_BYTES]>,
    encapsulator: Encapsulator,
}

impl EncapsulationKey {
    /// Checks and prepares a key of 1,568 bytes.
    ///
    /// # Errors
    /// [`KeyError::Length`]; [`KeyCheck::Modulus`] (FIPS 203 §7.2).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: Box<[u8; kem::ENCAPSULATION_KEY_BYTES]> = bytes
            .to_vec()
            .try_into()
            .map_err(|_| KeyError::Length { expected: kem::ENCAPSULATION_KEY_BYTES, found: bytes.len() })?;
        let encapsulator = Encapsulator::new(&bytes).ok_or(KeyCheck::Modulus)?;
        Ok(Self { bytes, encapsulator })
    }

    /// The 1,568 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; kem::ENCAPSULATION_KEY_BYTES] {
        &self.bytes
    }

    /// The key's id, whose `Display` is the fingerprint.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(kem::KEM_ID, &self.bytes[..])
    }

    /// Standard base64 of the bytes, as w3pk writes it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encoding::base64(self.as_bytes())
    }

    pub(crate) fn encapsulator(&self) -> &Encapsulator {
        &self.encapsulator
    }
}

impl PartialEq for EncapsulationKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for EncapsulationKey {}

impl fmt::Debug for EncapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncapsulationKey({})", self.id())
    }
}

/// An ML-KEM-1024 decapsulation key, wiped on drop. It opens what was sealed for its
/// [`EncapsulationKey`].
pub struct DecapsulationKey {
    /// Kept if it is known, since the seed does not follow from an expanded key.
    seed: Option<Box<Zeroizing<[u8; kem::SEED_BYTES]>>>,
    decapsulator: Decapsulator,
    encapsulation_key: Box<[u8; kem::ENCAPSULATION_KEY_BYTES]>,
    id: KeyId,
}

impl DecapsulationKey {
    /// A new key from 64 bytes of randomness.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; kem::SEED_BYTES]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key of a seed d ‖ z (FIPS 203 §7.1).
    #[must_use]
    pub fn from_seed(seed: &[u8; kem::SEED_BYTES]) -> Self {
        let seed = Box::new(Zeroizing::new(*seed));
        Self::from_decapsulator(Decapsulator::from_seed(&seed), Some(seed))
    }

    /// Imports the expanded form, 3,168 bytes, after the checks of spec/keys.md#expanded.
    ///
    /// # Errors
    /// [`KeyError::Length`] or [`KeyError::Check`], which names the check that failed.
    pub fn from_expanded(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes = bytes
            .try_into()
            .map_err(|_| KeyError::Length { expected: kem::DECAPSULATION_KEY_BYTES, found: bytes.len() })?;
        Ok(Self::from_decapsulator(Decapsulator::from_expanded(bytes)?, None))
    }

    fn from_decapsulator(
        decapsulator: Decapsulator,
        seed: Option<Box<Zeroizing<[u8; kem::SEED_BYTES]>>>,
    ) -> Self {
        let encapsulation_key = decapsulator.encapsulation_key();
        let id = KeyId::of(kem::KEM_ID, &encapsulation_key[..]);
        Self { seed, decapsulator, encapsulation_key, id }
    }

    /// The expanded form, 3,168 bytes, which w3pk and the variable `ADMIN_MLKEM_PRIVATE_KEY` hold.
    #[must_use]
    pub fn to_expanded(&self) -> Box<Zeroizing<[u8; kem::DECAPSULATION_KEY_BYTES]>> {
        self.decapsulator.expanded()
    }

    /// Standard base64 of [`to_expanded`](Self::to_expanded).
    #[must_use]
    pub fn to_expanded_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(<base64ct::Base64 as base64ct::Encoding>::encode_string(&self.to_expanded()[..]))
    }

    /// The public half of the key.
    #[must_use]
    pub fn encapsulation_key(&self) -> EncapsulationKey {
        EncapsulationKey::from_bytes(&self.encapsulation_key[..])
            .expect("a checked pair has a valid public key")
    }

    /// Whether this key's public half has these bytes.
    #[must_use]
    pub fn is_for(&self, encapsulation_key: &[u8; kem::ENCAPSULATION_KEY_BYTES]) -> bool {
        *self.encapsulation_key == *encapsulation_key
    }

    /// The key's id, whose `Display` is the fingerprint.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The seed, unless the key was imported in its expanded form.
    pub(super) fn seed(&self) -> Option<&[u8; kem::SEED_BYTES]> {
        self.seed.as_ref().map(|seed| &***seed)
    }

    pub(crate) fn decapsulator(&self) -> &Decapsulator {
        &self.decapsulator
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(DecapsulationKey: fmt::Debug, fmt::Display, Clone, PartialEq, serde::Serialize);

    fn key() -> DecapsulationKey {
        DecapsulationKey::from_seed(&[3; 64])
    }

    #[test]
    fn every_check_of_an_expanded_key_has_its_refusal() {
        let good = key().to_expanded();
        let refusal = |change: &dyn Fn(&mut [u8])| {
            let mut bytes = good.to_vec();
            change(&mut bytes);
            DecapsulationKey::from_expanded(&bytes).err().expect("an altered key")
        };
        assert_eq!(refusal(&|b| b[3104] ^= 1), KeyCheck::Hash.into());
        assert_eq!(refusal(&|b| b[1600] ^= 1), KeyCheck::Hash.into());
        // 0xFFF is above q = 3329. The hash is made to match, so only the modulus check can notice.
        assert_eq!(
            refusal(&|b| {
                b[1536] = 0xFF;
                b[1537] |= 0x0F;
                let hash = <sha3::Sha3_256 as sha3::Digest>::digest(&b[1536..3104]);
                b[3104..3136].copy_from_slice(&hash);
            }),
            KeyCheck::Modulus.into()
        );
        // The hash does not cover dk_PKE: only decapsulation notices.
        assert_eq!(refusal(&|b| b[0] ^= 1), KeyCheck::SelfTest.into());
        // The same key in another encoding: q is added to a coefficient that leaves room for it.
        assert_eq!(
            refusal(&|b| {
                let (at, small) = b[..1536]
                    .chunks_exact(3)
                    .map(|three| u16::from(three[0]) | u16::from(three[1] & 0x0F) << 8)
                    .enumerate()
                    .find(|(_, coefficient)| coefficient + 3329 < 4096)
                    .expect("one of 512 coefficients is small");
                let [low, high] = (small + 3329).to_le_bytes();
                b[3 * at] = low;
                b[3 * at + 1] = b[3 * at + 1] & 0xF0 | high;
            }),
            KeyCheck::Encoding.into()
        );
        let short = DecapsulationKey::from_expanded(&good[1..]).err();
        assert_eq!(short, Some(KeyError::Length { expected: 3168, found: 3167 }));
    }

    #[test]
    fn the_fingerprint_is_short_and_debug_shows_no_more() {
        let public = key().encapsulation_key();
        let fingerprint = public.id().to_string();
        assert_eq!(fingerprint.len(), "sr:xxxx-xxxx-xxxx-xxxx".len());
        assert_eq!(format!("{public:?}"), format!("EncapsulationKey({fingerprint})"));
    }
}
