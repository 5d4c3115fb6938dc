//! Keys as people and programs hold them (spec/envelope.md §1): of ML-KEM-1024 here, of the hybrid beside, and of either.

mod hybrid;
mod recipient;

use crate::encoding;
use crate::kem::{self, Decapsulator, Encapsulator, KeyCheck};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

pub use hybrid::{HybridDecapsulationKey, HybridEncapsulationKey};
pub use recipient::{Identity, IdentityRef, Recipient};

const FORM_SEED: u8 = 0;
const FORM_EXPANDED: u8 = 1;

/// Why bytes or text are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Another number of bytes than the form asks for.
    #[error("a key of {expected} bytes was expected, this one has {found}")]
    Length {
        /// Bytes of the form that was expected.
        expected: usize,
        /// Bytes that were there.
        found: usize,
    },
    /// Neither a Strongroom key text nor bare base64 of the right size.
    #[error("the text is no key: wrong characters, size or checksum")]
    Text,
    /// A key text of an algorithm or a form that is not known here.
    #[error("the key is of an unknown algorithm or form")]
    UnknownForm,
    /// A hybrid key, where only ML-KEM-1024 serves.
    #[error("the key is of MLKEM1024-P384, and only ML-KEM-1024 serves here")]
    Hybrid,
    /// The point is not on P-384, or the seed gives no scalar.
    #[error("the key's P-384 half is none")]
    Point,
    /// The numbers in the key are no key.
    #[error(transparent)]
    Check(#[from] KeyCheck),
}

/// Sixteen bytes that stand for an encapsulation key in look-ups; they never decide anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 16]);

impl KeyId {
    fn of(kem_id: u16, encapsulation_key: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"strongroom/key-id/1")
            .chain_update(kem_id.to_be_bytes())
            .chain_update(encapsulation_key)
            .finalize();
        Self(digest[..16].try_into().expect("a SHA-256 digest has 32 bytes"))
    }

    /// The id of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The fingerprint, `sr:xxxx-xxxx-xxxx-xxxx`: the first eight bytes.
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

/// An ML-KEM-1024 encapsulation key: a recipient. 1,568 bytes that passed the modulus check of FIPS 203 §7.2.
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

/// The public key text, `strongroom-pk-1…`.
impl fmt::Display for EncapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&recipient::public_text(kem::KEM_ID, &self.bytes[..]))
    }
}

/// A public key text, or the bare base64 of the 1,568 bytes.
impl FromStr for EncapsulationKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.parse()? {
            Recipient::MlKem1024(key) => Ok(key),
            Recipient::MlKem1024P384(_) => Err(KeyError::Hybrid),
        }
    }
}

/// An ML-KEM-1024 decapsulation key, wiped on drop: who holds it opens what was sealed for its
/// [`EncapsulationKey`].
pub struct DecapsulationKey {
    /// Kept where there is one, since an expanded key does not give its seed back.
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

    /// Imports the expanded form of 3,168 bytes after the checks of spec/envelope.md §1.
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

    /// The expanded form, 3,168 bytes, as w3pk and the `ADMIN_MLKEM_PRIVATE_KEY` variable hold it.
    #[must_use]
    pub fn to_expanded(&self) -> Box<Zeroizing<[u8; kem::DECAPSULATION_KEY_BYTES]>> {
        self.decapsulator.expanded()
    }

    /// Standard base64 of [`to_expanded`](Self::to_expanded).
    #[must_use]
    pub fn to_expanded_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(<base64ct::Base64 as base64ct::Encoding>::encode_string(&self.to_expanded()[..]))
    }

    /// The public half.
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

    /// The secret key text, as of an [`Identity`].
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        recipient::secret_text(&self.secret_body())
    }

    /// Reads the text of an [`Identity`] that must be of ML-KEM-1024.
    ///
    /// # Errors
    /// [`KeyError`], which never repeats the text.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        match Identity::from_secret_text(text)? {
            Identity::MlKem1024(key) => Ok(key),
            Identity::MlKem1024P384(_) => Err(KeyError::Hybrid),
        }
    }

    /// kem_id ‖ form ‖ key: the seed where it is known.
    fn secret_body(&self) -> Zeroizing<Vec<u8>> {
        let mut body = Zeroizing::new(Vec::with_capacity(3 + kem::DECAPSULATION_KEY_BYTES));
        body.extend_from_slice(&kem::KEM_ID.to_be_bytes());
        match &self.seed {
            Some(seed) => {
                body.push(FORM_SEED);
                body.extend_from_slice(&seed[..]);
            }
            None => {
                body.push(FORM_EXPANDED);
                body.extend_from_slice(&self.to_expanded()[..]);
            }
        }
        body
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
    fn texts_come_back() {
        let public = key().encapsulation_key();
        assert_eq!(public.to_string().parse(), Ok(public.clone()));
        assert_eq!(public.to_base64().parse(), Ok(public.clone()));
        for text in [Identity::from(key()).to_secret_text(), key().to_expanded_base64()] {
            let back = Identity::from_secret_text(&text).expect("our own text");
            assert_eq!(back.recipient(), Recipient::from(public.clone()));
        }
    }

    #[test]
    fn an_imported_expanded_key_keeps_its_form() {
        let imported = DecapsulationKey::from_expanded(&key().to_expanded()[..]).expect("our own key");
        let text = Identity::from(imported).to_secret_text();
        let Ok(Identity::MlKem1024(back)) = Identity::from_secret_text(&text) else {
            panic!("our own text");
        };
        assert!(*back.to_expanded() == *key().to_expanded());
    }

    #[test]
    fn a_changed_character_is_refused() {
        let text = key().encapsulation_key().to_string();
        for at in ["strongroom-pk-1".len(), text.len() / 2, text.len() - 1] {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(changed.parse::<EncapsulationKey>(), Err(KeyError::Text), "at {at}");
        }
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
        // 0xFFF is above q = 3329; the hash is made to fit, so only the modulus check is left.
        assert_eq!(
            refusal(&|b| {
                b[1536] = 0xFF;
                b[1537] |= 0x0F;
                let hash = <sha3::Sha3_256 as sha3::Digest>::digest(&b[1536..3104]);
                b[3104..3136].copy_from_slice(&hash);
            }),
            KeyCheck::Modulus.into()
        );
        // dk_PKE is under no hash: only decapsulation notices.
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
