//! Payloads of w3pk: both generations, and the older one (spec/w3pk.md).
//!
//! ```text
//! plaintext -seal-> Payload -to_json-> text -from_json-> AnyPayload -open-> Plaintext
//! ```

mod json;
pub(crate) mod key_wrap;

use crate::aead;
use crate::kem::{self, Ciphertext};
use crate::key::{DecapsulationKey, EncapsulationKey};
use crate::plaintext::Plaintext;
use key_wrap::ContentKey;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

pub use crate::open_error::OpenError;
pub use json::PayloadError;
pub use key_wrap::Generation;

/// The most recipients that a payload may have.
pub const MAX_RECIPIENTS: usize = 256;
/// Bytes of an initialisation vector.
pub const IV_BYTES: usize = aead::NONCE_BYTES;
/// Bytes of an authentication tag.
pub const TAG_BYTES: usize = aead::TAG_BYTES;

/// One recipient's entry: its encapsulation key, the KEM ciphertext for it, and K wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    encapsulation_key: Box<[u8; kem::ENCAPSULATION_KEY_BYTES]>,
    kem_ciphertext: Box<Ciphertext>,
    /// 32 bytes in the first generation, 40 in the second.
    wrapped_key: Vec<u8>,
}

impl Entry {
    /// The encapsulation key that the entry claims to be for: 1,568 bytes, which are not checked.
    #[must_use]
    pub fn encapsulation_key(&self) -> &[u8; kem::ENCAPSULATION_KEY_BYTES] {
        &self.encapsulation_key
    }

    /// The KEM ciphertext, 1,568 bytes.
    #[must_use]
    pub fn kem_ciphertext(&self) -> &Ciphertext {
        &self.kem_ciphertext
    }

    /// The wrapped K: 32 bytes in the first generation, 40 in the second.
    #[must_use]
    pub fn wrapped_key(&self) -> &[u8] {
        &self.wrapped_key
    }
}

/// The encrypted data (AES-256-GCM).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedData {
    /// The ciphertext, as long as the plaintext.
    pub ciphertext: Vec<u8>,
    /// The initialisation vector, 12 bytes.
    pub iv: [u8; IV_BYTES],
    /// The authentication tag, 16 bytes.
    pub tag: [u8; TAG_BYTES],
}

impl EncryptedData {
    fn open(&self, key: &[u8; aead::KEY_BYTES]) -> Result<Plaintext, OpenError> {
        aead::open(key, &self.iv, &[], &self.ciphertext, &self.tag)
            .map(Plaintext::from)
            .map_err(|_| OpenError::Damaged)
    }
}

/// A payload for 1 to 256 recipients (spec/w3pk.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    generation: Generation,
    entries: Vec<Entry>,
    data: EncryptedData,
}

/// The older payload (spec/w3pk.md#older), which is only read: it has one recipient, and does not
/// name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OlderPayload {
    kem_ciphertext: Box<Ciphertext>,
    data: EncryptedData,
}

/// A payload of either shape, as a reader meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyPayload {
    /// The payload for several recipients.
    Payload(Payload),
    /// The older payload for one recipient.
    Older(OlderPayload),
}

/// Why a list of recipients is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipientsError {
    /// The list of recipients is empty.
    #[error("no recipient: a payload needs at least one")]
    NoRecipient,
    /// There are more than [`MAX_RECIPIENTS`].
    #[error("too many recipients: a payload may have at most {MAX_RECIPIENTS}")]
    TooManyRecipients,
    /// A key is in the list twice.
    #[error("a recipient is given twice: give each once")]
    RepeatedRecipient,
}

/// Seals `plaintext`. Each of the `recipients` can open it.
///
/// Takes 32 + 12 bytes from `rng`, and 32 more for each recipient.
///
/// # Errors
/// [`RecipientsError`]: there are no recipients, too many, or one twice.
pub fn seal(
    plaintext: &[u8],
    recipients: &[EncapsulationKey],
    generation: Generation,
    rng: &mut impl CryptoRng,
) -> Result<Payload, RecipientsError> {
    check_recipients(recipients)?;
    let mut randomness =
        Zeroizing::new(vec![0; aead::KEY_BYTES + IV_BYTES + recipients.len() * kem::SHARED_SECRET_BYTES]);
    rng.fill_bytes(&mut randomness);
    let (key, rest) = randomness.split_first_chunk().expect("it was made long enough");
    let (iv, messages) = rest.split_first_chunk().expect("it was made long enough");
    let content_key = ContentKey::new(key);

    let mut ciphertext = plaintext.to_vec();
    let tag = aead::seal_in_place(content_key.expose(), iv, &[], &mut ciphertext);
    let entries = recipients
        .iter()
        .zip(messages.as_chunks().0)
        .map(|(recipient, message)| {
            let (kem_ciphertext, shared_secret) = recipient.encapsulator().encapsulate(message);
            Entry {
                encapsulation_key: Box::new(*recipient.as_bytes()),
                kem_ciphertext: Box::new(kem_ciphertext),
                wrapped_key: content_key.wrap(generation, &shared_secret),
            }
        })
        .collect();
    Ok(Payload { generation, entries, data: EncryptedData { ciphertext, iv: *iv, tag } })
}

fn check_recipients(recipients: &[EncapsulationKey]) -> Result<(), RecipientsError> {
    match recipients.len() {
        0 => return Err(RecipientsError::NoRecipient),
        1..=MAX_RECIPIENTS => {}
        _ => return Err(RecipientsError::TooManyRecipients),
    }
    let repeated = |(at, key)| recipients[..at].contains(key);
    if recipients.iter().enumerate().any(repeated) {
        return Err(RecipientsError::RepeatedRecipient);
    }
    Ok(())
}

impl Payload {
    /// How the payload wraps its key K.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The recipients' entries, 1 to 256.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Ciphertext, initialisation vector and tag.
    #[must_use]
    pub fn data(&self) -> &EncryptedData {
        &self.data
    }

    /// Opens the payload with the first entry that has the encapsulation key of `key`. Other
    /// entries are not tried, since ML-KEM's implicit rejection could not tell that they are for
    /// other keys.
    ///
    /// # Errors
    /// [`OpenError::NotMine`] if there is no such entry, else [`OpenError::Damaged`].
    pub fn open(&self, key: &DecapsulationKey) -> Result<Plaintext, OpenError> {
        let entry = self
            .entries
            .iter()
            .find(|entry| key.is_for(&entry.encapsulation_key))
            .ok_or(OpenError::NotMine)?;
        let shared_secret = key.decapsulator().decapsulate(&entry.kem_ciphertext);
        let content_key = ContentKey::unwrap(self.generation, &shared_secret, &entry.wrapped_key)
            .ok_or(OpenError::Damaged)?;
        self.data.open(content_key.expose())
    }
}

impl OlderPayload {
    /// The KEM ciphertext, 1,568 bytes, for a recipient who is not named.
    #[must_use]
    pub fn kem_ciphertext(&self) -> &Ciphertext {
        &self.kem_ciphertext
    }

    /// Ciphertext, initialisation vector and tag.
    #[must_use]
    pub fn data(&self) -> &EncryptedData {
        &self.data
    }

    /// Opens the payload. The shared secret is the AES key.
    ///
    /// # Errors
    /// [`OpenError::Damaged`], also if the payload was sealed for another key.
    pub fn open(&self, key: &DecapsulationKey) -> Result<Plaintext, OpenError> {
        self.data.open(key.decapsulator().decapsulate(&self.kem_ciphertext).expose())
    }
}

impl AnyPayload {
    /// Ciphertext, initialisation vector and tag.
    #[must_use]
    pub fn data(&self) -> &EncryptedData {
        match self {
            Self::Payload(payload) => payload.data(),
            Self::Older(payload) => payload.data(),
        }
    }

    /// Opens the payload.
    ///
    /// # Errors
    /// [`OpenError`]; an older payload is never [`OpenError::NotMine`].
    pub fn open(&self, key: &DecapsulationKey) -> Result<Plaintext, OpenError> {
        match self {
            Self::Payload(payload) => payload.open(key),
            Self::Older(payload) => payload.open(key),
        }
    }
}

impl From<Payload> for AnyPayload {
    fn from(payload: Payload) -> Self {
        Self::Payload(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_testkit::rng;

    fn keys(n: u8) -> Vec<DecapsulationKey> {
        (0..n).map(|i| DecapsulationKey::from_seed(&[i; 64])).collect()
    }

    fn public(keys: &[DecapsulationKey]) -> Vec<EncapsulationKey> {
        keys.iter().map(DecapsulationKey::encapsulation_key).collect()
    }

    #[test]
    fn every_recipient_opens_it_and_a_stranger_knows_that_it_is_not_his() {
        let keys = keys(4);
        for generation in [Generation::First, Generation::Second] {
            let payload =
                seal(b"four years", &public(&keys[..3]), generation, &mut rng()).expect("three recipients");
            for key in &keys[..3] {
                assert_eq!(payload.open(key).expect("a recipient").expose(), b"four years");
            }
            assert_eq!(payload.open(&keys[3]).err(), Some(OpenError::NotMine));
        }
    }

    #[test]
    fn any_changed_part_is_damage() {
        let keys = keys(1);
        for generation in [Generation::First, Generation::Second] {
            let good = seal(b"secret", &public(&keys), generation, &mut rng()).expect("one recipient");
            let changes: [fn(&mut Payload); 5] = [
                |p| p.entries[0].kem_ciphertext[0] ^= 1,
                |p| p.entries[0].wrapped_key[0] ^= 1,
                |p| p.data.ciphertext[0] ^= 1,
                |p| p.data.iv[0] ^= 1,
                |p| p.data.tag[15] ^= 1,
            ];
            for (at, change) in changes.iter().enumerate() {
                let mut payload = good.clone();
                change(&mut payload);
                assert_eq!(payload.open(&keys[0]).err(), Some(OpenError::Damaged), "change {at}");
            }
        }
    }

    #[test]
    fn an_older_payload_is_a_first_generation_entry_with_a_zero_wrap() {
        let keys = keys(1);
        let sealed = strongroom_testkit::older_payload_json(keys[0].encapsulation_key().as_bytes(), b"old");
        let Ok(AnyPayload::Older(older)) = AnyPayload::from_json(sealed.as_bytes()) else {
            panic!("the older shape");
        };
        assert_eq!(older.open(&keys[0]).expect("its recipient").expose(), b"old");
        let transcoded = Payload {
            generation: Generation::First,
            entries: vec![Entry {
                encapsulation_key: Box::new(*keys[0].encapsulation_key().as_bytes()),
                kem_ciphertext: older.kem_ciphertext.clone(),
                wrapped_key: vec![0; 32],
            }],
            data: older.data.clone(),
        };
        assert_eq!(transcoded.open(&keys[0]).expect("the same recipient").expose(), b"old");
    }

    #[test]
    fn lists_of_recipients_are_checked() {
        let refusal = |recipients: &[EncapsulationKey]| {
            seal(b"", recipients, Generation::First, &mut rng()).expect_err("a bad list")
        };
        let one = public(&keys(1));
        assert_eq!(refusal(&[]), RecipientsError::NoRecipient);
        assert_eq!(refusal(&[one[0].clone(), one[0].clone()]), RecipientsError::RepeatedRecipient);
        assert_eq!(refusal(&vec![one[0].clone(); MAX_RECIPIENTS + 1]), RecipientsError::TooManyRecipients);
    }
}
