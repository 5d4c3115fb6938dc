//! AES-256-GCM (SP 800-38D) over one backend: AWS-LC, or RustCrypto in wasm.

use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// The tag does not fit the key, the nonce, the associated data and the ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the authentication tag does not match")]
pub struct TagMismatch;

/// Encrypts `data` in place and returns the tag. A key and nonce must never serve twice.
#[must_use]
pub fn seal_in_place(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    data: &mut [u8],
) -> [u8; TAG_BYTES] {
    backend::seal_in_place(key, nonce, aad, data)
}

/// Decrypts `ciphertext` into a new buffer that is wiped when dropped.
///
/// # Errors
/// [`TagMismatch`]; no plaintext is released.
pub fn open(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    ciphertext: &[u8],
    tag: &[u8; TAG_BYTES],
) -> Result<Zeroizing<Vec<u8>>, TagMismatch> {
    backend::open(key, nonce, aad, ciphertext, tag)
}

#[cfg(not(target_arch = "wasm32"))]
mod backend {
    use super::{KEY_BYTES, NONCE_BYTES, TAG_BYTES, TagMismatch};
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use zeroize::Zeroizing;

    fn key(bytes: &[u8; KEY_BYTES]) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("an AES-256 key has 32 bytes"))
    }

    pub(super) fn seal_in_place(
        bytes: &[u8; KEY_BYTES],
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let tag = key(bytes)
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), data)
            .expect("data in memory is shorter than GCM's bound of 64 GiB");
        tag.as_ref().try_into().expect("a GCM tag has 16 bytes")
    }

    pub(super) fn open(
        bytes: &[u8; KEY_BYTES],
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>, TagMismatch> {
        let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
        key(bytes)
            .open_separate_gather(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(aad),
                ciphertext,
                tag,
                &mut plaintext,
            )
            .map_err(|_| TagMismatch)?;
        Ok(plaintext)
    }
}

#[cfg(target_arch = "wasm32")]
mod backend {
    use super::{KEY_BYTES, NONCE_BYTES, TAG_BYTES, TagMismatch};
    use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
    use zeroize::Zeroizing;

    pub(super) fn seal_in_place(
        key: &[u8; KEY_BYTES],
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        Aes256Gcm::new(key.into())
            .encrypt_inout_detached(nonce.into(), aad, data.into())
            .expect("data in memory is shorter than GCM's bound of 64 GiB")
            .into()
    }

    pub(super) fn open(
        key: &[u8; KEY_BYTES],
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>, TagMismatch> {
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        Aes256Gcm::new(key.into())
            .decrypt_inout_detached(nonce.into(), aad, plaintext.as_mut_slice().into(), tag.into())
            .map_err(|_| TagMismatch)?;
        Ok(plaintext)
    }
}
