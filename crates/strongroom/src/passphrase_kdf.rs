//! Keys from passphrases by Argon2id (RFC 9106), for key files and sealed roots. Parameters and
//! salt are stored with what the key seals.

use crate::aead::KEY_BYTES;
use argon2::{Algorithm, Argon2, Params, Version};
use rand_core::CryptoRng;
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// Bytes of an encoded [`PassphraseKdf`].
pub const PASSPHRASE_KDF_BYTES: usize = 24;
const SALT_BYTES: usize = 16;
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Memory that a file may ask for: 8 MiB to 1 GiB.
const MEMORY_KIB_TAKEN: RangeInclusive<u32> = 8 * 1024..=1024 * 1024;
const PASSES_TAKEN: RangeInclusive<u32> = 1..=16;

/// Argon2id's parameters, and the salt: how a passphrase becomes a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassphraseKdf {
    memory_kib: u32,
    passes: u32,
    salt: [u8; SALT_BYTES],
}

/// The parameters ask for more work than a file may, or for too little to protect anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Argon2id parameters out of range: 8 MiB to 1 GiB of memory and 1 to 16 passes are accepted")]
pub struct PassphraseKdfError;

impl PassphraseKdf {
    /// A new salt with the default parameters: 64 MiB and three passes, about a tenth of a second.
    #[must_use]
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        Self { memory_kib: MEMORY_KIB, passes: PASSES, salt }
    }

    /// Derives a key of 32 bytes from a passphrase.
    #[must_use]
    pub fn derive_key(&self, passphrase: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
        let params = Params::new(self.memory_kib, self.passes, 1, Some(KEY_BYTES))
            .expect("the parameters were checked when they were read");
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &self.salt, &mut key[..])
            .expect("a passphrase is shorter than 4 GiB, the salt has 16 bytes");
        key
    }

    /// Memory in KiB (u32) ‖ passes (u32) ‖ salt (16 bytes), big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PASSPHRASE_KDF_BYTES] {
        let mut bytes = [0; PASSPHRASE_KDF_BYTES];
        bytes[..4].copy_from_slice(&self.memory_kib.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.passes.to_be_bytes());
        bytes[8..].copy_from_slice(&self.salt);
        bytes
    }

    /// Reads the encoding that [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// [`PassphraseKdfError`] unless there are 8 MiB to 1 GiB and 1 to 16 passes.
    pub fn from_bytes(bytes: &[u8; PASSPHRASE_KDF_BYTES]) -> Result<Self, PassphraseKdfError> {
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&bytes[8..]);
        let kdf = Self { memory_kib: word(0), passes: word(4), salt };
        let is_usual = MEMORY_KIB_TAKEN.contains(&kdf.memory_kib) && PASSES_TAKEN.contains(&kdf.passes);
        if is_usual { Ok(kdf) } else { Err(PassphraseKdfError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_asked_for_is_bounded() {
        let bytes = |memory_kib: u32, passes: u32| {
            let mut bytes = [7; PASSPHRASE_KDF_BYTES];
            bytes[..4].copy_from_slice(&memory_kib.to_be_bytes());
            bytes[4..8].copy_from_slice(&passes.to_be_bytes());
            bytes
        };
        for (memory_kib, passes) in [(8191, 3), (1024 * 1024 + 1, 3), (65536, 0), (65536, 17), (u32::MAX, 1)]
        {
            assert_eq!(PassphraseKdf::from_bytes(&bytes(memory_kib, passes)), Err(PassphraseKdfError));
        }
        for (memory_kib, passes) in [(8192, 1), (1024 * 1024, 16)] {
            let bytes = bytes(memory_kib, passes);
            assert_eq!(PassphraseKdf::from_bytes(&bytes).map(|kdf| kdf.to_bytes()), Ok(bytes));
        }
    }

    #[test]
    fn each_salt_has_its_keys() {
        let [one, other] = [(); 2].map(|()| PassphraseKdf::new(&mut strongroom_testkit::rng()));
        assert!(*one.derive_key(b"correct horse") == *one.derive_key(b"correct horse"));
        assert!(*one.derive_key(b"correct horse") != *one.derive_key(b"correct horse "));
        assert!(*one.derive_key(b"correct horse") != *other.derive_key(b"correct horse"));
    }
}
