//! A key of either KEM: for whom an envelope is sealed, and who opens it.

use super::{
    DecapsulationKey, EncapsulationKey, FORM_EXPANDED, FORM_SEED, HybridDecapsulationKey,
    HybridEncapsulationKey, KeyError, KeyId,
};
use crate::encoding;
use crate::kem::{self, SharedSecret};
use rand_core::CryptoRng;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

const PUBLIC_PREFIX: &str = "strongroom-pk-1";
const SECRET_PREFIX: &str = "STRONGROOM-SECRET-KEY-1";

/// For whom an envelope is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipient {
    /// ML-KEM-1024, 1,568 bytes.
    MlKem1024(EncapsulationKey),
    /// MLKEM1024-P384, 1,665 bytes.
    MlKem1024P384(HybridEncapsulationKey),
}

impl Recipient {
    /// HPKE's code point of the KEM.
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

    /// The KEM ciphertext, which HPKE calls `enc`, and the shared secret.
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

/// The public key text, `strongroom-pk-1…`.
impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MlKem1024(key) => key.fmt(f),
            Self::MlKem1024P384(key) => key.fmt(f),
        }
    }
}

pub(super) fn public_text(kem_id: u16, key: &[u8]) -> Zeroizing<String> {
    encoding::key_text(PUBLIC_PREFIX, &[&kem_id.to_be_bytes(), key].concat())
}

pub(super) fn secret_text(body: &[u8]) -> Zeroizing<String> {
    encoding::key_text(SECRET_PREFIX, body)
}

/// A public key text, or the bare base64 of the 1,568 bytes of an ML-KEM-1024 key.
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

/// Who opens an envelope: a secret key of either KEM, wiped on drop.
#[non_exhaustive]
pub enum Identity {
    /// ML-KEM-1024: a seed of 64 bytes, or 3,168 bytes expanded.
    MlKem1024(DecapsulationKey),
    /// MLKEM1024-P384: a seed of 32 bytes.
    MlKem1024P384(HybridDecapsulationKey),
}

impl Identity {
    /// The public half.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        match self {
            Self::MlKem1024(key) => key.encapsulation_key().into(),
            Self::MlKem1024P384(key) => key.encapsulation_key().into(),
        }
    }

    /// The ML-KEM-1024 key, where this is one: the older formats know no other.
    #[must_use]
    pub fn ml_kem_1024(&self) -> Option<&DecapsulationKey> {
        match self {
            Self::MlKem1024(key) => Some(key),
            Self::MlKem1024P384(_) => None,
        }
    }

    /// The secret key text, `STRONGROOM-SECRET-KEY-1…`: the seed where it is known.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        secret_text(&self.to_secret_body())
    }

    /// Reads a secret key text, or the bare base64 of an expanded ML-KEM-1024 key.
    ///
    /// # Errors
    /// [`KeyError`], which never repeats the text.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        if !text.starts_with(SECRET_PREFIX) {
            let bytes = encoding::from_base64_secret::<{ kem::DECAPSULATION_KEY_BYTES }>(text);
            return DecapsulationKey::from_expanded(&bytes.ok_or(KeyError::Text)?[..]).map(Self::MlKem1024);
        }
        let body = encoding::from_key_text(SECRET_PREFIX, text).ok_or(KeyError::Text)?;
        Self::from_secret_body(&body)
    }

    /// kem_id ‖ form ‖ key.
    pub(crate) fn to_secret_body(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::MlKem1024(key) => key.secret_body(),
            Self::MlKem1024P384(key) => key.secret_body(),
        }
    }

    pub(crate) fn from_secret_body(body: &[u8]) -> Result<Self, KeyError> {
        fn seed<const N: usize>(key: &[u8]) -> Result<&[u8; N], KeyError> {
            key.try_into().map_err(|_| KeyError::Length { expected: N, found: key.len() })
        }
        let (head, key) = body.split_first_chunk::<3>().ok_or(KeyError::Text)?;
        let [id @ .., form] = *head;
        match (u16::from_be_bytes(id), form) {
            (kem::KEM_ID, FORM_SEED) => Ok(DecapsulationKey::from_seed(seed(key)?).into()),
            (kem::KEM_ID, FORM_EXPANDED) => DecapsulationKey::from_expanded(key).map(Self::MlKem1024),
            (kem::HYBRID_KEM_ID, FORM_SEED) => {
                HybridDecapsulationKey::from_seed(seed(key)?).map(Self::MlKem1024P384)
            }
            _ => Err(KeyError::UnknownForm),
        }
    }
}

impl From<DecapsulationKey> for Identity {
    fn from(key: DecapsulationKey) -> Self {
        Self::MlKem1024(key)
    }
}

impl From<HybridDecapsulationKey> for Identity {
    fn from(key: HybridDecapsulationKey) -> Self {
        Self::MlKem1024P384(key)
    }
}

/// A borrowed secret key of either KEM.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum IdentityRef<'a> {
    /// ML-KEM-1024.
    MlKem1024(&'a DecapsulationKey),
    /// MLKEM1024-P384.
    MlKem1024P384(&'a HybridDecapsulationKey),
}

impl IdentityRef<'_> {
    /// HPKE's code point of the KEM.
    #[must_use]
    pub fn kem_id(&self) -> u16 {
        match self {
            Self::MlKem1024(_) => kem::KEM_ID,
            Self::MlKem1024P384(_) => kem::HYBRID_KEM_ID,
        }
    }

    /// The key's id, whose `Display` is the fingerprint.
    #[must_use]
    pub fn id(&self) -> KeyId {
        match self {
            Self::MlKem1024(key) => key.id(),
            Self::MlKem1024P384(key) => key.id(),
        }
    }

    /// `None` for another size, or a point that is none.
    pub(crate) fn decapsulate(&self, enc: &[u8]) -> Option<SharedSecret> {
        match self {
            Self::MlKem1024(key) => Some(key.decapsulator().decapsulate(enc.try_into().ok()?)),
            Self::MlKem1024P384(key) => key.decapsulator().decapsulate(enc.try_into().ok()?),
        }
    }
}

impl<'a> From<&'a DecapsulationKey> for IdentityRef<'a> {
    fn from(key: &'a DecapsulationKey) -> Self {
        Self::MlKem1024(key)
    }
}

impl<'a> From<&'a HybridDecapsulationKey> for IdentityRef<'a> {
    fn from(key: &'a HybridDecapsulationKey) -> Self {
        Self::MlKem1024P384(key)
    }
}

impl<'a> From<&'a Identity> for IdentityRef<'a> {
    fn from(identity: &'a Identity) -> Self {
        match identity {
            Identity::MlKem1024(key) => Self::MlKem1024(key),
            Identity::MlKem1024P384(key) => Self::MlKem1024P384(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_testkit::rng;

    static_assertions::assert_not_impl_any!(Identity: fmt::Debug, fmt::Display, Clone, PartialEq, serde::Serialize);

    fn hybrid() -> Identity {
        HybridDecapsulationKey::from_seed(&[4; 32]).expect("a seed").into()
    }

    #[test]
    fn hybrid_texts_come_back_and_serve_no_w3pk_key() {
        let public = hybrid().recipient();
        assert_eq!(public.to_string().parse(), Ok(public.clone()));
        assert_eq!(public.to_string().parse::<EncapsulationKey>(), Err(KeyError::Hybrid));
        let back = Identity::from_secret_text(&hybrid().to_secret_text()).expect("our own text");
        assert_eq!(back.recipient(), public);
        assert!(back.ml_kem_1024().is_none());
    }

    #[test]
    fn both_sides_get_the_same_secret_and_a_bad_point_gives_none() {
        for identity in [hybrid(), DecapsulationKey::from_seed(&[4; 64]).into()] {
            let (mut enc, sent) = identity.recipient().encapsulate(&mut rng());
            let got = IdentityRef::from(&identity).decapsulate(&enc).expect("a ciphertext");
            assert!(got.expose() == sent.expose());
            assert!(IdentityRef::from(&identity).decapsulate(&enc[1..]).is_none());
            if identity.ml_kem_1024().is_none() {
                *enc.last_mut().expect("a point") ^= 1;
                assert!(IdentityRef::from(&identity).decapsulate(&enc).is_none());
            }
        }
    }

    #[test]
    fn a_point_off_the_curve_or_compressed_is_refused() {
        let good = hybrid().recipient().as_bytes().to_vec();
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
