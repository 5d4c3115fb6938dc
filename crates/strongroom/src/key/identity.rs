//! Identities: secret keys of either KEM, which open envelopes.

use super::hybrid::HybridDecapsulationKey;
use super::id::KeyId;
use super::ml_kem_1024::DecapsulationKey;
use super::recipient::Recipient;
use crate::kem::{self, SharedSecret};

/// A secret key of either KEM, which opens envelopes. Wiped on drop.
#[non_exhaustive]
pub enum Identity {
    /// ML-KEM-1024: a seed of 64 bytes, or 3,168 bytes expanded.
    MlKem1024(DecapsulationKey),
    /// MLKEM1024-P384: a seed of 32 bytes.
    MlKem1024P384(HybridDecapsulationKey),
}

impl Identity {
    /// The public half of the key.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        match self {
            Self::MlKem1024(key) => key.encapsulation_key().into(),
            Self::MlKem1024P384(key) => key.encapsulation_key().into(),
        }
    }

    /// The ML-KEM-1024 key, if this is one. The older formats take no other.
    #[must_use]
    pub fn ml_kem_1024(&self) -> Option<&DecapsulationKey> {
        match self {
            Self::MlKem1024(key) => Some(key),
            Self::MlKem1024P384(_) => None,
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
    /// A key of ML-KEM-1024.
    MlKem1024(&'a DecapsulationKey),
    /// A key of MLKEM1024-P384.
    MlKem1024P384(&'a HybridDecapsulationKey),
}

impl IdentityRef<'_> {
    /// The KEM's code point in HPKE's registry.
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

    /// `None` if `enc` has another length, or its point is not on the curve.
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
    use std::fmt;
    use strongroom_testkit::rng;

    static_assertions::assert_not_impl_any!(Identity: fmt::Debug, fmt::Display, Clone, PartialEq, serde::Serialize);

    fn hybrid() -> Identity {
        HybridDecapsulationKey::from_seed(&[4; 32]).expect("a seed").into()
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
}
