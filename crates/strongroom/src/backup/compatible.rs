//! The compatible payload, which wallets in the field write and read
//! (spec/backup-compatible.md#payload).

use super::keys::Keys;
use super::restore_error::RestoreError;
use crate::aead;
use crate::encoding;
use crate::json::Object;
use crate::kem::{self, SharedSecret};
use crate::key::Recipient;
use crate::open_error::OpenError;
use crypto_secretbox::aead::AeadInPlace;
use crypto_secretbox::{KeyInit, XSalsa20Poly1305};
use rand_core::CryptoRng;
use serde::Deserialize;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The KEM of the `capsule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapsuleKem {
    /// ML-KEM-768, which wallets in the field use: 1,088 bytes.
    MlKem768,
    /// ML-KEM-1024: 1,568 bytes.
    MlKem1024,
}

/// The cipher of the `symmetricCiphertext`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadCipher {
    /// XSalsa20-Poly1305, with a nonce of 24 bytes.
    XSalsa20Poly1305,
    /// AES-256-GCM, with a nonce of 12 bytes.
    Aes256Gcm,
}

const SALSA_NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

pub(super) fn seal(
    plaintext: &[u8],
    keys: &Keys,
    kem: CapsuleKem,
    cipher: PayloadCipher,
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let (capsule, secret) = encapsulate(keys, kem, rng);
    // The buffer never grows while it holds plaintext, since growing would leave a copy behind.
    let mut data = Vec::with_capacity(plaintext.len() + TAG_BYTES);
    let nonce: Vec<u8> = match cipher {
        PayloadCipher::XSalsa20Poly1305 => {
            let mut nonce = [0; SALSA_NONCE_BYTES];
            rng.fill_bytes(&mut nonce);
            data.resize(TAG_BYTES, 0);
            data.extend_from_slice(plaintext);
            let (tag, text) = data.split_at_mut(TAG_BYTES);
            let made = XSalsa20Poly1305::new(secret.expose().into())
                .encrypt_in_place_detached(&nonce.into(), &[], text)
                .expect("data in memory is within the cipher's bound");
            tag.copy_from_slice(&made);
            nonce.to_vec()
        }
        PayloadCipher::Aes256Gcm => {
            let mut nonce = [0; aead::NONCE_BYTES];
            rng.fill_bytes(&mut nonce);
            data.extend_from_slice(plaintext);
            let tag = aead::seal_in_place(secret.expose(), &nonce, &[], &mut data);
            data.extend_from_slice(&tag);
            nonce.to_vec()
        }
    };
    let [capsule, data, nonce] = [&capsule, &data, &nonce].map(|bytes| encoding::prefixed_hex(bytes));
    format!(r#"{{"capsule":"{capsule}","symmetricCiphertext":"{data}","nonce":"{nonce}"}}"#).into_bytes()
}

fn encapsulate(keys: &Keys, kem: CapsuleKem, rng: &mut impl CryptoRng) -> (Vec<u8>, SharedSecret) {
    match kem {
        CapsuleKem::MlKem768 => {
            let mut message = Zeroizing::new([0; kem::SHARED_SECRET_BYTES]);
            rng.fill_bytes(message.as_mut_slice());
            let (ciphertext, secret) = keys.ml_kem_768().encapsulate(&message);
            (ciphertext.to_vec(), secret)
        }
        CapsuleKem::MlKem1024 => Recipient::encapsulate(&keys.recipient(), rng),
    }
}

pub(super) fn open(payload: &[u8], keys: &Keys) -> Result<Zeroizing<Vec<u8>>, RestoreError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Raw<'a> {
        #[serde(borrow)]
        capsule: Cow<'a, str>,
        #[serde(borrow)]
        symmetric_ciphertext: Cow<'a, str>,
        #[serde(borrow)]
        nonce: Cow<'a, str>,
    }
    let refused = RestoreError::Payload;
    let Object(raw): Object<Raw<'_>> = serde_json::from_slice(payload)
        .map_err(|_| refused("not a JSON object of capsule, symmetricCiphertext and nonce"))?;
    let bytes = |text: &str, what| encoding::from_prefixed_hex(text).ok_or(refused(what));
    let capsule = bytes(&raw.capsule, "capsule is not 0x and hex digits")?;
    let data = bytes(&raw.symmetric_ciphertext, "symmetricCiphertext is not 0x and hex digits")?;
    let nonce = bytes(&raw.nonce, "nonce is not 0x and hex digits")?;
    let secret = match capsule.len() {
        kem::ML_KEM_768_CIPHERTEXT_BYTES => {
            keys.ml_kem_768().decapsulate(capsule[..].try_into().expect("the length was matched"))
        }
        kem::CIPHERTEXT_BYTES => keys
            .ml_kem_1024()
            .decapsulator()
            .decapsulate(capsule[..].try_into().expect("the length was matched")),
        _ => return Err(refused("capsule has the length of neither ML-KEM-768 nor ML-KEM-1024")),
    };
    // A capsule for another key gives a secret as well (implicit rejection); the tag then fails.
    let damaged = RestoreError::Open(OpenError::Damaged);
    match nonce.len() {
        SALSA_NONCE_BYTES => {
            let nonce: [u8; SALSA_NONCE_BYTES] = nonce.try_into().expect("the length was matched");
            let (tag, ciphertext) = data.split_first_chunk::<TAG_BYTES>().ok_or(damaged)?;
            let mut text = Zeroizing::new(ciphertext.to_vec());
            XSalsa20Poly1305::new(secret.expose().into())
                .decrypt_in_place_detached(&nonce.into(), &[], &mut text, tag.into())
                .map_err(|_| damaged)?;
            Ok(text)
        }
        aead::NONCE_BYTES => {
            let nonce = nonce.try_into().expect("the length was matched");
            let (ciphertext, tag) = data.split_last_chunk().ok_or(damaged)?;
            aead::open(secret.expose(), &nonce, &[], ciphertext, tag).map_err(|_| damaged)
        }
        _ => Err(refused("nonce has neither 24 nor 12 bytes")),
    }
}
