//! The payload: C2SP chunked-encryption with SHA-512 and AES-256-GCM, "Cobblestone-256"
//! (c2sp.org/chunked-encryption; spec/envelope.md#payload).

use crate::aead::{Cipher, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::open_error::OpenError;
use sha2::Sha512;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of plaintext in a chunk; the last chunk has fewer.
pub const CHUNK_BYTES: usize = 16 * 1024;
/// Bytes of a full chunk with its tag.
pub(crate) const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
pub(crate) const SALT_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;
/// The salt and the commitment, with which a payload begins.
pub(crate) const PREFIX_BYTES: usize = SALT_BYTES + COMMITMENT_BYTES;
pub(super) const MAX_CHUNKS: u64 = 1 << 38;

/// The key of a payload's chunks, with their base nonce, and the prefix that commits to the key.
pub(crate) struct PayloadKey {
    cipher: Cipher,
    base_nonce: [u8; NONCE_BYTES],
    prefix: [u8; PREFIX_BYTES],
}

impl PayloadKey {
    pub(crate) fn derive(input_key: &[u8; KEY_BYTES], salt: &[u8; SALT_BYTES], context: &[u8]) -> Self {
        let mut derived = Zeroizing::new([0; KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES]);
        hkdf_expand(
            input_key,
            &[b"c2sp.org/chunked-encryption@v1+", b"AEAD_AES_256_GCM", b"\0", salt, context],
            &mut derived[..],
        );
        let (key, rest) = derived.split_first_chunk().expect("it was made long enough");
        let (base_nonce, commitment) = rest.split_first_chunk().expect("it was made long enough");
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..SALT_BYTES].copy_from_slice(salt);
        prefix[SALT_BYTES..].copy_from_slice(commitment);
        Self { cipher: Cipher::new(key), base_nonce: *base_nonce, prefix }
    }

    /// The key of a payload that begins with `prefix`, if the prefix commits to that key.
    pub(crate) fn open(
        input_key: &[u8; KEY_BYTES],
        prefix: &[u8; PREFIX_BYTES],
        context: &[u8],
    ) -> Result<Self, OpenError> {
        let salt = prefix.first_chunk().expect("a prefix begins with its salt");
        let key = Self::derive(input_key, salt, context);
        // Constant time. Without this check, a ciphertext can be made that opens to two plaintexts
        // under two keys.
        if bool::from(key.prefix.ct_eq(prefix)) { Ok(key) } else { Err(OpenError::Damaged) }
    }

    /// The salt and the commitment, with which a payload begins.
    pub(crate) fn prefix(&self) -> &[u8; PREFIX_BYTES] {
        &self.prefix
    }

    fn nonce(&self, number: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = self.base_nonce;
        for (byte, number) in nonce[NONCE_BYTES - 8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    pub(super) fn seal_chunk(&self, number: u64, chunk: &mut [u8]) -> [u8; TAG_BYTES] {
        self.cipher.seal_in_place(&self.nonce(number), &[], chunk)
    }

    /// Opens chunk ‖ tag in place.
    pub(crate) fn open_chunk<'a>(
        &self,
        number: u64,
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        if number >= MAX_CHUNKS {
            return Err(OpenError::Damaged);
        }
        self.cipher.open_in_place(&self.nonce(number), &[], sealed).map_err(|_| OpenError::Damaged)
    }

    /// Appends the payload of a plaintext in memory: prefix and chunks.
    pub(crate) fn seal_into(&self, plaintext: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        let (full, last) = plaintext.as_chunks::<CHUNK_BYTES>();
        for (number, chunk) in (0..).zip(full.iter().map(|chunk| &chunk[..]).chain([last])) {
            let start = out.len();
            out.extend_from_slice(chunk);
            let tag = self.seal_chunk(number, &mut out[start..]);
            out.extend_from_slice(&tag);
        }
    }

    /// Opens the chunks of a payload in memory, which follow its prefix.
    pub(crate) fn open_all(&self, chunks: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let bytes = plaintext_bytes(chunks.len() as u64).ok_or(OpenError::Damaged)?;
        // There is room for a tag: the buffer never grows, since growing would leave a copy behind.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(bytes as usize + TAG_BYTES));
        for (number, sealed) in (0..).zip(chunks.chunks(SEALED_CHUNK_BYTES)) {
            let start = plaintext.len();
            plaintext.extend_from_slice(sealed);
            let opened = self.open_chunk(number, &mut plaintext[start..])?.len();
            plaintext.truncate(start + opened);
        }
        Ok(plaintext)
    }
}

fn hkdf_expand(prk: &[u8; KEY_BYTES], info: &[&[u8]], out: &mut [u8]) {
    use hmac::{Hmac, KeyInit, Mac};
    // HKDF-Expand (RFC 5869 §2.3) with a PRK of 32 bytes, as chunked-encryption says. The `hkdf`
    // crate refuses a PRK that is shorter than its hash, 64 bytes.
    let mut block = Zeroizing::new(Vec::new());
    for (number, part) in (1..).zip(out.chunks_mut(64)) {
        let mut mac = Hmac::<Sha512>::new_from_slice(prk).expect("HMAC takes any key");
        mac.update(&block);
        info.iter().for_each(|item| mac.update(item));
        mac.update(&[number]);
        let bytes = Zeroizing::new(<[u8; 64]>::from(mac.finalize().into_bytes()));
        part.copy_from_slice(&bytes[..part.len()]);
        *block = bytes.to_vec();
    }
}

/// Bytes of plaintext in a payload of this many bytes; `None` if no payload has that length.
#[must_use]
pub fn payload_plaintext_bytes(payload: u64) -> Option<u64> {
    plaintext_bytes(payload.checked_sub(PREFIX_BYTES as u64)?)
}

/// Bytes of plaintext in chunks of this many bytes; `None` if no payload has that length.
pub(crate) fn plaintext_bytes(chunks: u64) -> Option<u64> {
    let (full, last) = (chunks / SEALED_CHUNK_BYTES as u64, chunks % SEALED_CHUNK_BYTES as u64);
    Some(full * CHUNK_BYTES as u64 + last.checked_sub(TAG_BYTES as u64)?)
}

#[cfg(test)]
mod tests;
