//! A new envelope, whose plaintext comes as a stream.

use super::authenticated_header::AuthenticatedHeader;
use super::error::MAX_RECIPIENTS;
use super::file_key::FileKey;
use super::header::Header;
use super::payload::{PayloadKey, SALT_BYTES};
use super::pump::pump;
use super::segment::Direction;
use super::stream::{SealWriter, StreamError};
use crate::key::{KeyId, Recipient};
use crate::policy::{EnvelopePolicy, EnvelopePolicyError};
use rand_core::CryptoRng;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;

/// Why nothing could be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The list of recipients is empty.
    #[error("no recipient: an envelope needs at least one")]
    NoRecipient,
    /// There are more than [`MAX_RECIPIENTS`].
    #[error("too many recipients: an envelope may have at most {MAX_RECIPIENTS}")]
    TooManyRecipients,
    /// A key is in the list twice, or is added although it is a recipient already.
    #[error("the recipient {id} is named twice")]
    RepeatedRecipient {
        /// The id of that key.
        id: KeyId,
    },
    /// A field of the policy is out of its bounds.
    #[error(transparent)]
    Policy(#[from] EnvelopePolicyError),
}

/// A new envelope, whose plaintext is still to come.
pub struct Sealer {
    head: AuthenticatedHeader,
    key: PayloadKey,
}

impl Sealer {
    /// Starts an envelope for 1 to [`MAX_RECIPIENTS`] recipients. Takes from `rng` what
    /// [`seal`](super::seal) takes.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn new(
        recipients: &[Recipient],
        policy: EnvelopePolicy,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, SealError> {
        let ids: Vec<KeyId> = recipients.iter().map(Recipient::id).collect();
        check_recipients(&ids)?;
        let policy = policy.normalised();
        policy.encode()?;
        let file_key = FileKey::random(rng);
        let head = AuthenticatedHeader::seal(&file_key, policy, recipients, rng);
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let key = head.new_payload_key(&file_key, &salt);
        Ok(Self { head, key })
    }

    pub(super) fn into_parts(self) -> (AuthenticatedHeader, PayloadKey) {
        (self.head, self.key)
    }

    /// The header that the envelope will have.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.head.header()
    }

    /// Writes everything before the chunks, and returns a writer for the plaintext.
    ///
    /// # Errors
    /// The errors of `output`.
    pub fn into_writer<W: Write>(self, mut output: W) -> io::Result<SealWriter<W>> {
        self.write_start(&mut output)?;
        Ok(SealWriter::new(output, self.key))
    }

    /// Seals all of `input` on up to `threads` threads. Returns the bytes of plaintext. The output
    /// is not flushed.
    ///
    /// # Errors
    /// [`StreamError`]. What was written before it is not an envelope.
    pub fn seal(
        self,
        input: impl Read + Send,
        mut output: impl Write + Send,
        threads: NonZeroUsize,
    ) -> Result<u64, StreamError> {
        self.write_start(&mut output).map_err(StreamError::Write)?;
        pump(Direction::Seal, &self.key, input, output, threads)
    }

    fn write_start(&self, output: &mut impl Write) -> io::Result<()> {
        output.write_all(&[self.head.as_bytes(), self.key.prefix()].concat())
    }
}

pub(super) fn check_recipients(ids: &[KeyId]) -> Result<(), SealError> {
    match ids.len() {
        0 => return Err(SealError::NoRecipient),
        1..=MAX_RECIPIENTS => {}
        _ => return Err(SealError::TooManyRecipients),
    }
    let repeated = |(at, id): &(usize, &KeyId)| ids[..*at].contains(*id);
    match ids.iter().enumerate().find(repeated) {
        Some((_, id)) => Err(SealError::RepeatedRecipient { id: *id }),
        None => Ok(()),
    }
}
