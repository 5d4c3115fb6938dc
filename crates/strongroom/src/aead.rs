//! AES-256-GCM (SP 800-38D) over one backend: AWS-LC, or RustCrypto in wasm.

use zeroize::Zeroizing;

/// Bytes of an AES-256 key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a GCM nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a GCM tag.
pub const TAG_BYTES: usize = 16;

/// The tag does not match: key, nonce, associated data or ciphertext is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the authentication tag does not match")]
pub struct TagMismatch;

/// A key prepared for several uses. The backend wipes its memory on drop.
pub struct Cipher(backend::Cipher);

impl Cipher {
    /// Expands a key of 32 bytes.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(backend::cipher(key))
    }

    /// Encrypts `data` in place and returns the tag. A pair of key and nonce must never be used
    /// twice.
    #[must_use]
    pub fn seal_in_place(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], data: &mut [u8]) -> [u8; TAG_BYTES] {
        backend::seal_in_place(&self.0, nonce, aad, data)
    }

    /// Decrypts `ciphertext ‖ tag` in place and returns the plaintext's part of it.
    ///
    /// # Errors
    /// [`TagMismatch`]; `sealed` then holds no plaintext.
    pub fn open_in_place<'a>(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], TagMismatch> {
        if sealed.len() < TAG_BYTES {
            return Err(TagMismatch);
        }
        backend::open_in_place(&self.0, nonce, aad, sealed)
    }
}

/// Encrypts `data` in place and returns the tag. A pair of key and nonce must never be used twice.
#[must_use]
pub fn seal_in_place(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    data: &mut [u8],
) -> [u8; TAG_BYTES] {
    Cipher::new(key).seal_in_place(nonce, aad, data)
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
    backend::open(&backend::cipher(key), nonce, aad, ciphertext, tag)
}

#[cfg(not(target_arch = "wasm32"))]
mod backend {
    use super::{KEY_BYTES, NONCE_BYTES, TAG_BYTES, TagMismatch};
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use zeroize::Zeroizing;

    pub(super) type Cipher = LessSafeKey;

    pub(super) fn cipher(key: &[u8; KEY_BYTES]) -> Cipher {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes"))
    }

    pub(super) fn seal_in_place(
        cipher: &Cipher,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let tag = cipher
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), data)
            .expect("data in memory is shorter than GCM's bound of 64 GiB");
        tag.as_ref().try_into().expect("a GCM tag has 16 bytes")
    }

    pub(super) fn open_in_place<'a>(
        cipher: &Cipher,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], TagMismatch> {
        cipher
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), sealed)
            .map_err(|_| TagMismatch)
    }

    pub(super) fn open(
        cipher: &Cipher,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>, TagMismatch> {
        let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
        cipher
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

    pub(super) type Cipher = Aes256Gcm;

    pub(super) fn cipher(key: &[u8; KEY_BYTES]) -> Cipher {
        Aes256Gcm::new(key.into())
    }

    pub(super) fn seal_in_place(
        cipher: &Cipher,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        cipher
            .encrypt_inout_detached(nonce.into(), aad, data.into())
            .expect("data in memory is shorter than GCM's bound of 64 GiB")
            .into()
    }

    pub(super) fn open_in_place<'a>(
        cipher: &Cipher,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], TagMismatch> {
        let (data, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(TagMismatch)?;
        cipher
            .decrypt_inout_detached(nonce.into(), aad, (&mut *data).into(), (&*tag).into())
            .map_err(|_| TagMismatch)?;
        Ok(data)
    }

    pub(super) fn open(
        cipher: &Cipher,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>, TagMismatch> {
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        cipher
            .decrypt_inout_detached(nonce.into(), aad, plaintext.as_mut_slice().into(), tag.into())
            .map_err(|_| TagMismatch)?;
        Ok(plaintext)
    }
}
