//! What a root is sealed under, a file each (spec/root.md §5).

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

/// Seals a root, and opens it again where nobody else can. Nothing else is ever tried in a sealer's place.
pub trait Sealer: Send + Sync {
    /// What it gives.
    fn protection(&self) -> Protection;

    /// What the file of a root that is sealed now has to remember.
    ///
    /// # Errors
    /// [`SealerError`].
    fn data(&self, rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SealerError>;

    /// The sealed bytes, which are bound to `head`: all that stands before them in the file, with the sealer's data.
    ///
    /// # Errors
    /// [`SealerError`].
    fn seal(
        &self,
        data: &[u8],
        head: &[u8],
        plaintext: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, SealerError>;

    /// The plaintext again.
    ///
    /// # Errors
    /// [`SealerError`].
    fn unseal(&self, data: &[u8], head: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealerError>;

    /// Whether a file with this data, which it has unsealed, is to be sealed anew: its key is an older one.
    fn is_outdated(&self, _data: &[u8]) -> bool {
        false
    }
}

/// HKDF-SHA-256 (RFC 5869) of the key that a platform gives, no salt, info `strongroom/root-kek/1` ‖ the sealer's data.
fn kek(given: &[u8], data: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(None, given)
        .expand(&[b"strongroom/root-kek/1", data].concat(), &mut key[..])
        .expect("32 bytes are asked for");
    key
}

/// nonce 12 ‖ ciphertext ‖ tag 16, AES-256-GCM: a key may seal more than once, so that the nonce is random.
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
