//! The keys that follow from a wallet's mnemonic: one signs, one opens.

use crate::derive;
use crate::kem::{self, MlKem768};
use crate::key::{DecapsulationKey, Recipient};
use crate::mnemonic::Mnemonic;
use crate::slh_dsa::{PublicKey, SigningKey};
use zeroize::Zeroizing;

/// A signing key and a decryption key, both wiped on drop. Deriving them includes an SLH-DSA key
/// generation, which takes some milliseconds.
pub struct Keys {
    signing_key: SigningKey,
    ml_kem_seed: Box<Zeroizing<[u8; kem::SEED_BYTES]>>,
}

impl Keys {
    /// The keys of native backups for an account of the mnemonic (spec/backup.md#derivation).
    #[must_use]
    pub fn strongroom(mnemonic: &Mnemonic, account: u32) -> Self {
        Self {
            signing_key: SigningKey::from_seed(&derive::strongroom_slh_dsa_seed(mnemonic, account)),
            ml_kem_seed: Box::new(derive::strongroom_ml_kem_seed(mnemonic, account)),
        }
    }

    /// The keys of compatible backups (spec/backup-compatible.md#derivation). The index chooses the
    /// SLH-DSA key; the ML-KEM key is the same for every index.
    #[must_use]
    pub fn compatible(mnemonic: &Mnemonic, index: u32) -> Self {
        Self {
            signing_key: SigningKey::from_seed(&derive::compatible_slh_dsa_seed(mnemonic, index)),
            ml_kem_seed: Box::new(derive::compatible_ml_kem_seed(mnemonic)),
        }
    }

    /// The SLH-DSA key that signs backups.
    #[must_use]
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// The public half of the signing key. Servers keep backups under it.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.signing_key.public_key()
    }

    /// The ML-KEM-1024 key to which native backups are sealed.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.ml_kem_1024().encapsulation_key().into()
    }

    /// The ML-KEM-768 encapsulation key of compatible backups, 1,184 bytes.
    #[must_use]
    pub fn ml_kem_768_encapsulation_key(&self) -> [u8; kem::ML_KEM_768_ENCAPSULATION_KEY_BYTES] {
        *self.ml_kem_768().encapsulation_key()
    }

    pub(super) fn ml_kem_1024(&self) -> DecapsulationKey {
        DecapsulationKey::from_seed(&self.ml_kem_seed)
    }

    pub(super) fn ml_kem_768(&self) -> MlKem768 {
        MlKem768::from_seed(&self.ml_kem_seed)
    }
}

#[cfg(test)]
static_assertions::assert_not_impl_any!(Keys: std::fmt::Debug, Clone, PartialEq, serde::Serialize);
