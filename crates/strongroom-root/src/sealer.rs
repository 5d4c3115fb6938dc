//! What a root can be sealed under (spec/root.md §5). Each sealer has a file.

mod dstack;
mod error;
mod passphrase;
mod pkcs11;
mod plain;
mod sev_snp;

pub use dstack::DstackSealer;
pub use error::{SealerError, TokenError};
pub use passphrase::PassphraseSealer;
pub use pkcs11::Pkcs11Sealer;
pub use plain::PlainSealer;
pub use sev_snp::{DerivedKeys, SevSnpSealer};

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use strongroom::aead::{self, KEY_BYTES, NONCE_BYTES};
use strongroom_attest::Protection;
use zeroize::Zeroizing;

/// Seals a root, and opens it again where nobody else can. If a sealer fails, no other is tried.
pub trait Sealer: Send + Sync {
    /// The protection that this sealer gives. Evidence names it.
    fn protection(&self) -> Protection;

    /// Data that the file has to keep for unsealing, such as a salt or a key's label. It is fresh
    /// for each sealing.
    ///
    /// # Errors
    /// [`SealerError`] if the holder of the key, such as a platform or a token, does not answer.
    fn data(&self, rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SealerError>;

    /// Seals the plaintext. The sealed bytes are bound to `head`, the bytes that stand before them
    /// in the file.
    ///
    /// # Errors
    /// [`SealerError`] if the holder of the key does not seal.
    fn seal(
        &self,
        data: &[u8],
        head: &[u8],
        plaintext: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, SealerError>;

    /// The plaintext that [`seal`](Self::seal) sealed under this data and head.
    ///
    /// # Errors
    /// [`SealerError`] if the bytes were altered, or were sealed under another key.
    fn unseal(&self, data: &[u8], head: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealerError>;

    /// Whether a file with this data has to be sealed again, because its key is an older one. The
    /// caller asks only after it has unsealed the file.
    fn is_outdated(&self, _data: &[u8]) -> bool {
        false
    }
}

/// HKDF-SHA-256 (RFC 5869) of the key that a platform gives, without a salt, with the info
/// `strongroom/root-kek/1` ‖ the sealer's data.
fn kek(given: &[u8], data: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(None, given)
        .expand(&[b"strongroom/root-kek/1", data].concat(), &mut key[..])
        .expect("32 bytes are asked for");
    key
}

/// AES-256-GCM, written as nonce 12 ‖ ciphertext ‖ tag 16. The nonce is random, because a key may
/// seal more than once.
fn seal_under(
    key: &[u8; KEY_BYTES],
    head: &[u8],
    plaintext: &[u8],
    rng: &mut dyn CryptoRng,
) -> Zeroizing<Vec<u8>> {
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let mut body = Zeroizing::new(plaintext.to_vec());
    let tag = aead::seal_in_place(key, &nonce, head, &mut body);
    Zeroizing::new([&nonce[..], &body, &tag].concat())
}

fn unseal_under(
    key: &[u8; KEY_BYTES],
    head: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealerError> {
    let (nonce, rest) = sealed.split_first_chunk().ok_or(SealerError::Damaged)?;
    let (body, tag) = rest.split_last_chunk().ok_or(SealerError::Damaged)?;
    aead::open(key, nonce, head, body, tag).map_err(|_| SealerError::WrongKey)
}
