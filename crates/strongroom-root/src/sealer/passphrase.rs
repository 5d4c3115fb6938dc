//! A passphrase, stretched by Argon2id (RFC 9106). The passphrase and the file together give the
//! root.

use super::{Sealer, SealerError, seal_under, unseal_under};
use rand_core::CryptoRng;
use strongroom::passphrase_kdf::PassphraseKdf;
use strongroom_attest::Protection;
use zeroize::Zeroizing;

/// Seals under a passphrase, which is wiped on drop. The data is Argon2id's parameters and salt.
pub struct PassphraseSealer(Zeroizing<String>);

impl PassphraseSealer {
    /// A sealer with this passphrase.
    #[must_use]
    pub fn new(passphrase: Zeroizing<String>) -> Self {
        Self(passphrase)
    }

    fn key(&self, data: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealerError> {
        let data = data.try_into().map_err(|_| SealerError::Damaged)?;
        let kdf = PassphraseKdf::from_bytes(data).map_err(|_| SealerError::Damaged)?;
        Ok(kdf.derive_key(self.0.as_bytes()))
    }
}

impl Sealer for PassphraseSealer {
    fn protection(&self) -> Protection {
        Protection::Passphrase
    }

    fn data(&self, mut rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SealerError> {
        Ok(PassphraseKdf::new(&mut rng).to_bytes().to_vec())
    }

    fn seal(
        &self,
        data: &[u8],
        head: &[u8],
        plaintext: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        Ok(seal_under(&*self.key(data)?, head, plaintext, rng))
    }

    fn unseal(&self, data: &[u8], head: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        unseal_under(&*self.key(data)?, head, sealed)
    }
}
