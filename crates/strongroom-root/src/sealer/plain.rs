//! No protection, for development: the root stands in its file in the clear.

use super::{Sealer, SealerError};
use rand_core::CryptoRng;
use strongroom_attest::Protection;
use zeroize::Zeroizing;

/// Writes the root in the clear. This sealer has no data in the file.
pub struct PlainSealer;

impl Sealer for PlainSealer {
    fn protection(&self) -> Protection {
        Protection::Plain
    }

    fn data(&self, _: &mut dyn CryptoRng) -> Result<Vec<u8>, SealerError> {
        Ok(Vec::new())
    }

    fn seal(
        &self,
        _: &[u8],
        _: &[u8],
        plaintext: &[u8],
        _: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        Ok(Zeroizing::new(plaintext.to_vec()))
    }

    fn unseal(&self, data: &[u8], _: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        if data.is_empty() { Ok(Zeroizing::new(sealed.to_vec())) } else { Err(SealerError::Damaged) }
    }
}
