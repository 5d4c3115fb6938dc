//! What a wallet's words give: one key that signs, one that opens.

use crate::derive;
use crate::kem::{self, MlKem768};
use crate::key::{DecapsulationKey, Recipient};
use crate::mnemonic::Mnemonic;
use crate::slh_dsa::{PublicKey, SigningKey};
use zeroize::Zeroizing;

/// The keys of backups, wiped on drop. Making them takes an SLH-DSA key generation, some milliseconds.
pub struct Keys {
    signing_key: SigningKey,
    ml_kem_seed: Box<Zeroizing<[u8; kem::SEED_BYTES]>>,
}

impl Keys {
    /// Those of native backups, of an account of the words (spec/backup.md §1, `strongroom`).
    #[must_use]
    pub fn strongroom(mnemonic: &Mnemonic, account: u32) -> Self {
        Self {
            signing_key: SigningKey::from_seed(&derive::strongroom_slh_dsa_seed(mnemonic, account)),
            ml_kem_seed: Box::new(derive::strongroom_ml_kem_seed(mnemonic, account)),
        }
    }

    /// Those of wallets in the field (spec/backup.md §1, compatible). The index is the SLH-DSA key's alone.
    #[must_use]
    pub fn compatible(mnemonic: &Mnemonic, index: u32) -> Self {
        Self {
            signing_key: SigningKey::from_seed(&derive::compatible_slh_dsa_seed(mnemonic, index)),
            ml_kem_seed: Box::new(derive::compatible_ml_kem_seed(mnemonic)),
        }
    }

    /// The key that signs.
    #[must_use]
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// Its public half, under which backups are kept.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.signing_key.public_key()
    }

    /// For whom native backups are sealed.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.ml_kem_1024().encapsulation_key().into()
    }

    /// The ML-KEM-768 key of wallets in the field, 1,184 bytes.
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
