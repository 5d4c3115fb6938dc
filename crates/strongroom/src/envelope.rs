//! The native envelope (spec/envelope.md): a plaintext of any size for 1 to 512 recipients of
//! either KEM, with a policy that is bound to it.
//!
//! ```text
//! plaintext -seal-> Envelope -parse-> Envelope -open-> Plaintext                in memory
//! Sealer -into_writer·seal-> bytes -Opener::new-> Opener -into_reader·open-> bytes   as streams
//! ```
//!
//! ```
//! use std::io::{Read, Write};
//! use strongroom::envelope::{Opener, Sealer};
//! use strongroom::key::{DecapsulationKey, Identity};
//! use strongroom::policy::EnvelopePolicy;
//! # let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
//!
//! let mine = Identity::from(DecapsulationKey::generate(&mut rng));
//! let sealer = Sealer::new(&[mine.recipient()], EnvelopePolicy::default(), &mut rng)?;
//! let mut writer = sealer.into_writer(Vec::new())?;
//! writer.write_all(b"four years")?;
//! let sealed = writer.finish()?;
//!
//! let mut opened = String::new();
//! Opener::new(&sealed[..])?.into_reader([&mine])?.read_to_string(&mut opened)?;
//! assert_eq!(opened, "four years");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod armor;
mod authenticated_header;
mod error;
mod file_key;
mod header;
mod opener;
mod payload;
mod pump;
mod rewrap;
mod sealer;
mod segment;
mod stream;
#[cfg(test)]
mod tests;
mod wrap;

use crate::key::{IdentityRef, KeyId, Recipient};
use crate::open_error::OpenError;
use crate::plaintext::Plaintext;
use crate::policy::EnvelopePolicy;
use authenticated_header::AuthenticatedHeader;
use rand_core::CryptoRng;
use rewrap::rewrapped;

pub use authenticated_header::MAGIC;
pub use error::{EnvelopeError, MAX_HEADER_BYTES, MAX_RECIPIENTS, ReadError};
pub use header::{ENVELOPE_ID_BYTES, Header, Stanza};
pub use opener::Opener;
pub use payload::{CHUNK_BYTES, payload_plaintext_bytes};
pub use rewrap::RewrapError;
pub use sealer::{SealError, Sealer};
pub use stream::{OpenReader, SealWriter, SeekReader, StreamError};
pub use wrap::WRAPPED_BYTES;

/// An envelope in memory. It keeps the bytes that were parsed or sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    head: AuthenticatedHeader,
    bytes: Vec<u8>,
}

/// Seals `plaintext` in memory. Each of the `recipients` can open it.
///
/// Takes 32 + 16 + 24 bytes from `rng`, and for each recipient 32 more, or 80 for a hybrid one.
///
/// # Errors
/// [`SealError`].
pub fn seal(
    plaintext: &[u8],
    recipients: &[Recipient],
    policy: EnvelopePolicy,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, SealError> {
    let (head, key) = Sealer::new(recipients, policy, rng)?.into_parts();
    let chunks = plaintext.len() / CHUNK_BYTES + 1;
    let mut bytes = Vec::with_capacity(head.as_bytes().len() + plaintext.len() + 16 * chunks + 64);
    bytes.extend_from_slice(head.as_bytes());
    key.seal_into(plaintext, &mut bytes);
    Ok(Envelope { head, bytes })
}

impl Envelope {
    /// Reads the header of an envelope. The payload is not looked at before it is opened.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let (head, _) = AuthenticatedHeader::parse(&bytes)?;
        Ok(Self { head, bytes })
    }

    /// The header, which can be read without a key. Nothing in it is authenticated before a key has
    /// opened the envelope.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.head.header()
    }

    /// The bytes of the whole envelope.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of plaintext, which follow from the payload's length; `None` if no payload has that
    /// length.
    #[must_use]
    pub fn plaintext_bytes(&self) -> Option<u64> {
        payload_plaintext_bytes(self.payload().len() as u64)
    }

    fn payload(&self) -> &[u8] {
        &self.bytes[self.head.as_bytes().len()..]
    }

    /// Opens the envelope with the first of `keys` for which it has a stanza.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open<'k, K: Into<IdentityRef<'k>>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Plaintext, OpenError> {
        let file_key = self.head.open(keys.into_iter().map(Into::into))?;
        let (prefix, chunks) = self.payload().split_first_chunk().ok_or(OpenError::Damaged)?;
        self.head.payload_key(&file_key, prefix)?.open_all(chunks).map(Plaintext::from)
    }

    /// The same envelope for other recipients. The payload stays as it is: only its beginning and
    /// its length are checked. A recipient who is removed may have read the plaintext, and may have
    /// kept the file key.
    ///
    /// # Errors
    /// [`RewrapError`].
    pub fn rewrap<'k, K: Into<IdentityRef<'k>>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        add: &[Recipient],
        remove: &[KeyId],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, RewrapError> {
        let (head, file_key) = rewrapped(&self.head, keys, add, remove, rng)?;
        let (prefix, _) = self.payload().split_first_chunk().ok_or(OpenError::Damaged)?;
        head.payload_key(&file_key, prefix)?;
        self.plaintext_bytes().ok_or(OpenError::Damaged)?;
        let bytes = [head.as_bytes(), self.payload()].concat();
        Ok(Self { head, bytes })
    }
}
