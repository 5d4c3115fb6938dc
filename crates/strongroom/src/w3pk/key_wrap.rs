//! The payload's key K, and how each generation wraps it.

use crate::aead;
use crate::kem::SharedSecret;
use aes_kw::{KeyInit, KwAes256};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How a payload wraps its key K under a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// The first, without `version`: K xor the shared secret, in entries of 1,600 bytes.
    First,
    /// The second, `"version":2`: AES-KW under a key that is derived from the shared secret, in
    /// entries of 1,608 bytes.
    Second,
}

/// Bytes of a wrapped K in the first generation.
pub(crate) const FIRST_BYTES: usize = 32;
/// Bytes of a wrapped K in the second generation: RFC 3394 adds eight.
pub(crate) const SECOND_BYTES: usize = 40;

/// The content encryption key K, wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct ContentKey([u8; aead::KEY_BYTES]);

impl ContentKey {
    pub(crate) fn new(bytes: &[u8; aead::KEY_BYTES]) -> Self {
        Self(*bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; aead::KEY_BYTES] {
        &self.0
    }

    pub(crate) fn wrap(&self, generation: Generation, shared_secret: &SharedSecret) -> Vec<u8> {
        match generation {
            Generation::First => xor(&self.0, shared_secret.expose()).0.to_vec(),
            Generation::Second => {
                let mut wrapped = vec![0; SECOND_BYTES];
                kek(shared_secret)
                    .wrap_key(&self.0, &mut wrapped)
                    .expect("32 bytes wrap into 40 (RFC 3394 §2.2.1)");
                wrapped
            }
        }
    }

    /// `None` if `wrapped` has another length, or fails the integrity check of RFC 3394.
    pub(crate) fn unwrap(
        generation: Generation,
        shared_secret: &SharedSecret,
        wrapped: &[u8],
    ) -> Option<Self> {
        match generation {
            Generation::First => Some(xor(wrapped.try_into().ok()?, shared_secret.expose())),
            Generation::Second => unwrap(&kek(shared_secret), wrapped),
        }
    }
}

/// Unwraps a key (RFC 3394 §2.2.2). Only 40 bytes are accepted.
pub(crate) fn unwrap(kek: &KwAes256, wrapped: &[u8]) -> Option<ContentKey> {
    let wrapped: &[u8; SECOND_BYTES] = wrapped.try_into().ok()?;
    let mut key = ContentKey([0; aead::KEY_BYTES]);
    kek.unwrap_key(wrapped, &mut key.0).ok()?;
    Some(key)
}

fn xor(a: &[u8; aead::KEY_BYTES], b: &[u8; aead::KEY_BYTES]) -> ContentKey {
    ContentKey(std::array::from_fn(|at| a[at] ^ b[at]))
}

/// The key encryption key: HKDF-SHA256 of the shared secret, empty salt, info `w3pk-mlkem-kek-v2`.
fn kek(shared_secret: &SharedSecret) -> KwAes256 {
    let mut kek = Zeroizing::new([0; aead::KEY_BYTES]);
    Hkdf::<Sha256>::new(None, shared_secret.expose())
        .expand(b"w3pk-mlkem-kek-v2", &mut kek[..])
        .expect("32 bytes are within HKDF's bound");
    KwAes256::new(&(*kek).into())
}
