//! The header: id, policy and stanzas, as deterministic CBOR that is read strictly
//! (spec/envelope.md#header).

use super::error::{EnvelopeError, MAX_HEADER_BYTES, MAX_RECIPIENTS};
use super::file_key::{Binding, FILE_KEY_BYTES, FileKey};
use super::wrap::WRAPPED_BYTES;
use crate::kem;
use crate::key::{IdentityRef, KeyId, Recipient};
use crate::policy::{EnvelopePolicy, MAX_POLICY_BYTES};
use minicbor::{Decoder, Encoder};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::convert::Infallible;

/// Bytes of an envelope's id.
pub const ENVELOPE_ID_BYTES: usize = 16;
const VERSION: u8 = 1;

/// The entry of one recipient: whose it is, and the file key wrapped for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanza {
    kem_id: u16,
    pub(super) key_id: KeyId,
    enc: Vec<u8>,
    pub(super) wrapped: [u8; WRAPPED_BYTES],
}

impl Stanza {
    /// The KEM's code point in HPKE's registry.
    #[must_use]
    pub fn kem_id(&self) -> u16 {
        self.kem_id
    }

    /// The id of the key that the stanza claims to be for.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The KEM ciphertext, which HPKE calls `enc`: 1,568 or 1,665 bytes.
    #[must_use]
    pub fn enc(&self) -> &[u8] {
        &self.enc
    }

    /// The wrapped file key: 48 bytes.
    #[must_use]
    pub fn wrapped(&self) -> &[u8; WRAPPED_BYTES] {
        &self.wrapped
    }

    fn is_for(&self, key: &IdentityRef<'_>) -> bool {
        (self.kem_id, self.key_id) == (key.kem_id(), key.id())
    }

    pub(super) fn seal(
        recipient: &Recipient,
        file_key: &FileKey,
        binding: &Binding,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let (enc, wrapped) = file_key.wrap(recipient, binding, rng);
        Self { kem_id: recipient.kem_id(), key_id: recipient.id(), enc, wrapped }
    }
}

/// The header of an envelope. Do not trust anything in it before a key has opened the envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(super) envelope_id: [u8; ENVELOPE_ID_BYTES],
    pub(super) policy: EnvelopePolicy,
    pub(super) stanzas: Vec<Stanza>,
}

impl Header {
    /// 16 random bytes that name the envelope; rewrapping keeps them.
    #[must_use]
    pub fn envelope_id(&self) -> &[u8; ENVELOPE_ID_BYTES] {
        &self.envelope_id
    }

    /// The conditions under which the envelope may be opened.
    #[must_use]
    pub fn policy(&self) -> &EnvelopePolicy {
        &self.policy
    }

    /// One stanza for each recipient, 1 to [`MAX_RECIPIENTS`].
    #[must_use]
    pub fn stanzas(&self) -> &[Stanza] {
        &self.stanzas
    }

    /// The stanza that claims to be for a key.
    #[must_use]
    pub fn stanza_for<'k>(&self, key: impl Into<IdentityRef<'k>>) -> Option<&Stanza> {
        let key = key.into();
        self.stanzas.iter().find(|stanza| stanza.is_for(&key))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let header = Self::read(&mut Decoder::new(bytes))?;
        // Refuses a second encoding: longer heads, indefinite lengths, trailing bytes.
        if header.encode() == bytes { Ok(header) } else { Err(EnvelopeError::Encoding) }
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, EnvelopeError> {
        let encoding = |_| EnvelopeError::Encoding;
        let items = d.array().map_err(encoding)?.ok_or(EnvelopeError::Encoding)?;
        if d.u64().map_err(encoding)? != u64::from(VERSION) {
            return Err(EnvelopeError::UnknownVersion);
        }
        if items != 5 {
            return Err(EnvelopeError::Encoding);
        }
        let envelope_id = d.bytes().map_err(encoding)?.try_into().map_err(|_| EnvelopeError::Encoding)?;
        let policy = EnvelopePolicy::decode(d.bytes().map_err(encoding)?)?;
        if d.datatype().map_err(encoding)? != minicbor::data::Type::Null {
            return Err(EnvelopeError::UnknownThreshold);
        }
        d.null().map_err(encoding)?;
        let count = d.array().map_err(encoding)?.ok_or(EnvelopeError::Encoding)?;
        if !(1..=MAX_RECIPIENTS as u64).contains(&count) {
            return Err(EnvelopeError::Recipients { count });
        }
        let stanzas = (0..count).map(|_| stanza(d)).collect::<Result<Vec<_>, _>>()?;
        let mut names = HashSet::with_capacity(stanzas.len());
        if !stanzas.iter().all(|stanza| names.insert((stanza.kem_id, stanza.key_id))) {
            return Err(EnvelopeError::RepeatedRecipient);
        }
        Ok(Self { envelope_id, policy, stanzas })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let enc_bytes: usize = self.stanzas.iter().map(|stanza| stanza.enc.len() + 128).sum();
        let mut bytes = Vec::with_capacity(enc_bytes + 256);
        let written: Result<(), minicbor::encode::Error<Infallible>> = (|| {
            Encoder::new(&mut bytes).array(5)?;
            self.write_bound(&mut bytes)?;
            let mut e = Encoder::new(&mut bytes);
            e.array(self.stanzas.len() as u64)?;
            for stanza in &self.stanzas {
                e.array(4)?.u16(stanza.kem_id)?.bytes(stanza.key_id.as_bytes())?;
                e.bytes(&stanza.enc)?.bytes(&stanza.wrapped)?;
            }
            Ok(())
        })();
        written.expect("writing to memory does not fail");
        bytes
    }

    /// Writes version, id, policy and threshold: the items that the binding covers.
    fn write_bound(&self, bytes: &mut Vec<u8>) -> Result<(), minicbor::encode::Error<Infallible>> {
        let policy = self.policy.encode().expect("a header's policy was encoded before");
        let mut e = Encoder::new(bytes);
        e.u8(VERSION)?.bytes(&self.envelope_id)?.bytes(&policy)?.null()?;
        Ok(())
    }

    pub(super) fn binding(&self) -> Binding {
        let mut bytes = Vec::with_capacity(256);
        let written: Result<(), minicbor::encode::Error<Infallible>> = (|| {
            Encoder::new(&mut bytes).array(4)?;
            self.write_bound(&mut bytes)
        })();
        written.expect("writing to memory does not fail");
        Sha256::new().chain_update(b"strongroom/envelope/1 binding").chain_update(&bytes).finalize().into()
    }
}

fn stanza(d: &mut Decoder<'_>) -> Result<Stanza, EnvelopeError> {
    let encoding = |_| EnvelopeError::Encoding;
    if d.array().map_err(encoding)? != Some(4) {
        return Err(EnvelopeError::Encoding);
    }
    let kem_id = d.u64().map_err(encoding)?;
    let (kem_id, enc_bytes) = match u16::try_from(kem_id) {
        Ok(kem::KEM_ID) => (kem::KEM_ID, kem::CIPHERTEXT_BYTES),
        Ok(kem::HYBRID_KEM_ID) => (kem::HYBRID_KEM_ID, kem::HYBRID_CIPHERTEXT_BYTES),
        _ => return Err(EnvelopeError::UnknownKem { kem_id }),
    };
    let key_id = d.bytes().map_err(encoding)?.try_into().map_err(|_| EnvelopeError::Encoding)?;
    let enc = d.bytes().map_err(encoding)?;
    if enc.len() != enc_bytes {
        return Err(EnvelopeError::Encoding);
    }
    let wrapped = d.bytes().map_err(encoding)?.try_into().map_err(|_| EnvelopeError::Encoding)?;
    Ok(Stanza { kem_id, key_id: KeyId::from_bytes(key_id), enc: enc.to_vec(), wrapped })
}

const _: () = assert!(WRAPPED_BYTES == FILE_KEY_BYTES + 16);
// Besides `enc`, a stanza takes less than 128 bytes. Besides policy and stanzas, the header takes
// less than 64.
const _: () =
    assert!(MAX_RECIPIENTS * (kem::HYBRID_CIPHERTEXT_BYTES + 128) + MAX_POLICY_BYTES + 64 < MAX_HEADER_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_recipients_fit() {
        let header = Header {
            envelope_id: [0; ENVELOPE_ID_BYTES],
            policy: EnvelopePolicy::default(),
            stanzas: (0..MAX_RECIPIENTS as u16)
                .map(|n| Stanza {
                    kem_id: kem::HYBRID_KEM_ID,
                    key_id: KeyId::from_bytes(u128::from(n).to_be_bytes()),
                    enc: vec![0; kem::HYBRID_CIPHERTEXT_BYTES],
                    wrapped: [0; WRAPPED_BYTES],
                })
                .collect(),
        };
        let bytes = header.encode();
        assert!(bytes.len() <= MAX_HEADER_BYTES);
        assert_eq!(Header::decode(&bytes), Ok(header));
    }
}
