//! Key texts (spec/keys.md#key-texts): `strongroom-pk-1…` and `STRONGROOM-SECRET-KEY-1…`, and the
//! bare base64 of w3pk.

use super::error::KeyError;
use super::hybrid::{HybridDecapsulationKey, HybridEncapsulationKey};
use super::identity::Identity;
use super::ml_kem_1024::{DecapsulationKey, EncapsulationKey};
use super::recipient::PUBLIC_PREFIX;
use crate::encoding;
use crate::kem;
use std::fmt;
use zeroize::Zeroizing;

const SECRET_PREFIX: &str = "STRONGROOM-SECRET-KEY-1";
const FORM_SEED: u8 = 0;
const FORM_EXPANDED: u8 = 1;

fn public_text(kem_id: u16, key: &[u8]) -> Zeroizing<String> {
    encoding::key_text(PUBLIC_PREFIX, &[&kem_id.to_be_bytes(), key].concat())
}

fn secret_text(body: &[u8]) -> Zeroizing<String> {
    encoding::key_text(SECRET_PREFIX, body)
}

/// Writes the public key text, `strongroom-pk-1…`.
impl fmt::Display for EncapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&public_text(kem::KEM_ID, self.as_bytes()))
    }
}

/// Writes the public key text, `strongroom-pk-1…`.
impl fmt::Display for HybridEncapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&public_text(kem::HYBRID_KEM_ID, self.as_bytes()))
    }
}

impl Identity {
    /// The secret key text, `STRONGROOM-SECRET-KEY-1…`. It holds the seed if that is known, else
    /// the expanded key.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        secret_text(&self.to_secret_body())
    }

    /// Reads a secret key text, or the bare base64 of an expanded ML-KEM-1024 key.
    ///
    /// # Errors
    /// [`KeyError`], which never repeats the text.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        if !text.starts_with(SECRET_PREFIX) {
            let bytes = encoding::from_base64_secret::<{ kem::DECAPSULATION_KEY_BYTES }>(text);
            return DecapsulationKey::from_expanded(&bytes.ok_or(KeyError::Text)?[..]).map(Self::MlKem1024);
        }
        let body = encoding::from_key_text(SECRET_PREFIX, text).ok_or(KeyError::Text)?;
        Self::from_secret_body(&body)
    }

    /// kem_id ‖ form ‖ key.
    pub(crate) fn to_secret_body(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::MlKem1024(key) => key.secret_body(),
            Self::MlKem1024P384(key) => secret_body(kem::HYBRID_KEM_ID, FORM_SEED, key.seed()),
        }
    }

    pub(crate) fn from_secret_body(body: &[u8]) -> Result<Self, KeyError> {
        fn seed<const N: usize>(key: &[u8]) -> Result<&[u8; N], KeyError> {
            key.try_into().map_err(|_| KeyError::Length { expected: N, found: key.len() })
        }
        let (head, key) = body.split_first_chunk::<3>().ok_or(KeyError::Text)?;
        let [id @ .., form] = *head;
        match (u16::from_be_bytes(id), form) {
            (kem::KEM_ID, FORM_SEED) => Ok(DecapsulationKey::from_seed(seed(key)?).into()),
            (kem::KEM_ID, FORM_EXPANDED) => DecapsulationKey::from_expanded(key).map(Self::MlKem1024),
            (kem::HYBRID_KEM_ID, FORM_SEED) => {
                HybridDecapsulationKey::from_seed(seed(key)?).map(Self::MlKem1024P384)
            }
            _ => Err(KeyError::UnknownForm),
        }
    }
}

impl DecapsulationKey {
    /// The secret key text, as [`Identity::to_secret_text`] writes it.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        secret_text(&self.secret_body())
    }

    /// Reads a secret key text as [`Identity::from_secret_text`] does. The key must be of
    /// ML-KEM-1024.
    ///
    /// # Errors
    /// [`KeyError`], which never repeats the text.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        match Identity::from_secret_text(text)? {
            Identity::MlKem1024(key) => Ok(key),
            Identity::MlKem1024P384(_) => Err(KeyError::Hybrid),
        }
    }

    /// kem_id ‖ form ‖ key: the seed if it is known, else the expanded key.
    fn secret_body(&self) -> Zeroizing<Vec<u8>> {
        match self.seed() {
            Some(seed) => secret_body(kem::KEM_ID, FORM_SEED, seed),
            None => secret_body(kem::KEM_ID, FORM_EXPANDED, &self.to_expanded()[..]),
        }
    }
}

fn secret_body(kem_id: u16, form: u8, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(3 + key.len()));
    body.extend_from_slice(&kem_id.to_be_bytes());
    body.push(form);
    body.extend_from_slice(key);
    body
}

#[cfg(test)]
mod tests {
    use super::super::recipient::Recipient;
    use super::*;

    fn key() -> DecapsulationKey {
        DecapsulationKey::from_seed(&[3; 64])
    }

    fn hybrid() -> Identity {
        HybridDecapsulationKey::from_seed(&[4; 32]).expect("a seed").into()
    }

    #[test]
    fn texts_come_back() {
        let public = key().encapsulation_key();
        assert_eq!(public.to_string().parse(), Ok(public.clone()));
        assert_eq!(public.to_base64().parse(), Ok(public.clone()));
        for text in [Identity::from(key()).to_secret_text(), key().to_expanded_base64()] {
            let back = Identity::from_secret_text(&text).expect("our own text");
            assert_eq!(back.recipient(), Recipient::from(public.clone()));
        }
    }

    #[test]
    fn an_imported_expanded_key_keeps_its_form() {
        let imported = DecapsulationKey::from_expanded(&key().to_expanded()[..]).expect("our own key");
        let text = Identity::from(imported).to_secret_text();
        let Ok(Identity::MlKem1024(back)) = Identity::from_secret_text(&text) else {
            panic!("our own text");
        };
        assert!(*back.to_expanded() == *key().to_expanded());
    }

    #[test]
    fn a_changed_character_is_refused() {
        let text = key().encapsulation_key().to_string();
        for at in ["strongroom-pk-1".len(), text.len() / 2, text.len() - 1] {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(changed.parse::<EncapsulationKey>(), Err(KeyError::Text), "at {at}");
        }
    }

    #[test]
    fn hybrid_texts_come_back_and_serve_no_w3pk_key() {
        let public = hybrid().recipient();
        assert_eq!(public.to_string().parse(), Ok(public.clone()));
        assert_eq!(public.to_string().parse::<EncapsulationKey>(), Err(KeyError::Hybrid));
        let back = Identity::from_secret_text(&hybrid().to_secret_text()).expect("our own text");
        assert_eq!(back.recipient(), public);
        assert!(back.ml_kem_1024().is_none());
    }
}
