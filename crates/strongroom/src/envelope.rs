//! The native envelope: for up to 512 recipients of either KEM, with a policy bound in, of any size
//! (spec/envelope.md §4).
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
mod header;
mod payload;
mod stream;
#[cfg(test)]
mod tests;
mod wrap;

use crate::key::{IdentityRef, KeyId, Recipient};
use crate::open_error::OpenError;
use crate::plaintext::Plaintext;
use crate::policy::{EnvelopePolicy, EnvelopePolicyError};
use header::Head;
use payload::{Direction, PayloadKey};
use rand_core::CryptoRng;
use std::io::{self, Read, Seek, Write};
use std::num::NonZeroUsize;
use wrap::FileKey;

pub use header::{
    ENVELOPE_ID_BYTES, EnvelopeError, Header, MAGIC, MAX_HEADER_BYTES, MAX_RECIPIENTS, ReadError, Stanza,
};
pub use payload::CHUNK_BYTES;
pub use stream::{OpenReader, SealWriter, SeekReader, StreamError};
pub use wrap::WRAPPED_BYTES;

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// No recipient.
    #[error("an envelope needs a recipient")]
    NoRecipient,
    /// More than [`MAX_RECIPIENTS`].
    #[error("an envelope has at most {MAX_RECIPIENTS} recipients")]
    TooManyRecipients,
    /// The same key twice, or added where it is already.
    #[error("the recipient {id} is named twice")]
    RepeatedRecipient {
        /// Which.
        id: KeyId,
    },
    /// The policy is out of its bounds.
    #[error(transparent)]
    Policy(#[from] EnvelopePolicyError),
}

/// Why an envelope was not rewrapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// It does not open with the keys at hand.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new list of recipients is none.
    #[error(transparent)]
    Recipients(#[from] SealError),
    /// Somebody is to be removed who is not there.
    #[error("{id} is not among the recipients")]
    NotARecipient {
        /// Who.
        id: KeyId,
    },
    /// The input failed.
    #[error("the payload cannot be read")]
    Read(#[source] io::Error),
    /// The output failed.
    #[error("the envelope cannot be written")]
    Write(#[source] io::Error),
}

/// An envelope in memory, as it was parsed or sealed. Its bytes are the one way to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    head: Head,
    bytes: Vec<u8>,
}

/// Seals `plaintext` for every one of `recipients`, in memory.
///
/// Takes 32 + 16 + 24 bytes from `rng`, and a recipient 32, or 80 for a hybrid one.
///
/// # Errors
/// [`SealError`].
pub fn seal(
    plaintext: &[u8],
    recipients: &[Recipient],
    policy: EnvelopePolicy,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, SealError> {
    let Sealer { head, key } = Sealer::new(recipients, policy, rng)?;
    let chunks = plaintext.len() / CHUNK_BYTES + 1;
    let mut bytes = Vec::with_capacity(head.as_bytes().len() + plaintext.len() + 16 * chunks + 64);
    bytes.extend_from_slice(head.as_bytes());
    key.seal_into(plaintext, &mut bytes);
    Ok(Envelope { head, bytes })
}

impl Envelope {
    /// Takes in the bytes of an envelope. The payload is looked at when it is opened.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let (head, _) = Head::parse(&bytes)?;
        Ok(Self { head, bytes })
    }

    /// What it says without a key.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.head.header()
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes of plaintext it says that it holds; `None` where no payload is that long.
    #[must_use]
    pub fn plaintext_bytes(&self) -> Option<u64> {
        payload_plaintext_bytes(self.payload().len() as u64)
    }

    fn payload(&self) -> &[u8] {
        &self.bytes[self.head.as_bytes().len()..]
    }

    /// Opens it with the first of `keys` that it names.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open<'k, K: Into<IdentityRef<'k>>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Plaintext, OpenError> {
        let file_key = self.head.open(keys.into_iter().map(Into::into))?;
        let (prefix, chunks) = self.payload().split_first_chunk().ok_or(OpenError::Damaged)?;
        payload_key(&self.head, &file_key, prefix)?.open_all(chunks).map(Plaintext::from)
    }

    /// The same envelope for other recipients; its payload is not touched, and only its beginning and length are checked. Who is removed keeps what he could read before.
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
        let (head, file_key) = rewrap(&self.head, keys, add, remove, rng)?;
        let (prefix, _) = self.payload().split_first_chunk().ok_or(OpenError::Damaged)?;
        payload_key(&head, &file_key, prefix)?;
        self.plaintext_bytes().ok_or(OpenError::Damaged)?;
        let bytes = [head.as_bytes(), self.payload()].concat();
        Ok(Self { head, bytes })
    }
}

/// How much plaintext a payload of that many bytes holds; `None` where no payload is that long.
#[must_use]
pub fn payload_plaintext_bytes(payload: u64) -> Option<u64> {
    payload::plaintext_bytes(payload.checked_sub(payload::PREFIX_BYTES as u64)?)
}

/// A new envelope that waits for its plaintext.
pub struct Sealer {
    head: Head,
    key: PayloadKey,
}

impl Sealer {
    /// For 1 to [`MAX_RECIPIENTS`] recipients. Takes from `rng` as [`seal`] does.
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
        let head = Head::seal(&file_key, policy, recipients, rng);
        let mut salt = [0; payload::SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let input_key = file_key.expand(PAYLOAD_INFO);
        let key = PayloadKey::derive(&input_key, &salt, head.binding());
        Ok(Self { head, key })
    }

    /// What the envelope will say without a key.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.head.header()
    }

    /// Writes what stands before the chunks; the plaintext is then written to what this returns.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn into_writer<W: Write>(self, mut output: W) -> io::Result<SealWriter<W>> {
        self.write_start(&mut output)?;
        Ok(SealWriter::new(output, self.key))
    }

    /// Seals everything that `input` gives, on so many threads, and says how many bytes that were. Nothing is flushed.
    ///
    /// # Errors
    /// [`StreamError`]; what was written is then no envelope.
    pub fn seal(
        self,
        input: impl Read + Send,
        mut output: impl Write + Send,
        threads: NonZeroUsize,
    ) -> Result<u64, StreamError> {
        self.write_start(&mut output).map_err(StreamError::Write)?;
        stream::pump(Direction::Seal, &self.key, input, output, threads)
    }

    fn write_start(&self, output: &mut impl Write) -> io::Result<()> {
        output.write_all(&[self.head.as_bytes(), self.key.prefix()].concat())
    }
}

/// An envelope in a stream, read up to its payload.
pub struct Opener<R> {
    head: Head,
    input: R,
}

impl<R: Read> Opener<R> {
    /// Reads magic, header and MAC, and no byte further.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn new(mut input: R) -> Result<Self, ReadError> {
        Ok(Self { head: Head::read(&mut input)?, input })
    }

    /// What it says without a key.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.head.header()
    }

    /// Bytes of magic, header and MAC, and the input, which stands at the payload.
    #[must_use]
    pub fn into_parts(self) -> (usize, R) {
        (self.head.as_bytes().len(), self.input)
    }

    /// A reader of the plaintext.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn into_reader<'k, K: Into<IdentityRef<'k>>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<OpenReader<R>, StreamError> {
        let key = self.payload_key(keys)?;
        Ok(OpenReader::new(self.input, key))
    }

    /// Opens everything into `output`, on so many threads, and says how many bytes that were. Nothing is flushed.
    ///
    /// # Errors
    /// [`StreamError`]; what was written is then authentic, but not the whole.
    pub fn open<'k, K: Into<IdentityRef<'k>>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
        output: impl Write + Send,
        threads: NonZeroUsize,
    ) -> Result<u64, StreamError>
    where
        R: Send,
    {
        let key = self.payload_key(keys)?;
        stream::pump(Direction::Open, &key, self.input, output, threads)
    }

    /// A reader of any part of the plaintext. Checks the last chunk, and with it the length.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn into_seek_reader<'k, K: Into<IdentityRef<'k>>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<SeekReader<R>, StreamError>
    where
        R: Seek,
    {
        let key = self.payload_key(keys)?;
        SeekReader::new(self.input, key).map_err(StreamError::read)
    }

    /// Writes the same envelope for other recipients; its payload is copied as it is, and only its beginning and
    /// length are checked. Who is removed keeps what he could read before.
    ///
    /// # Errors
    /// [`RewrapError`].
    pub fn rewrap<'k, K: Into<IdentityRef<'k>>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
        add: &[Recipient],
        remove: &[KeyId],
        rng: &mut impl CryptoRng,
        mut output: impl Write,
    ) -> Result<(), RewrapError> {
        let (head, file_key) = rewrap(&self.head, keys, add, remove, rng)?;
        let prefix = stream::read_prefix(&mut self.input).map_err(read_failed)?;
        payload_key(&head, &file_key, &prefix)?;
        output.write_all(&[head.as_bytes(), &prefix].concat()).map_err(RewrapError::Write)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut copied = prefix.len() as u64;
        loop {
            match self.input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    output.write_all(&buffer[..count]).map_err(RewrapError::Write)?;
                    copied += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_failed(StreamError::read(error))),
            }
        }
        // What was cut is not passed on as whole.
        payload_plaintext_bytes(copied).map(drop).ok_or_else(|| OpenError::Damaged.into())
    }

    fn payload_key<'k, K: Into<IdentityRef<'k>>>(
        &mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<PayloadKey, StreamError> {
        let file_key = self.head.open(keys.into_iter().map(Into::into))?;
        let prefix = stream::read_prefix(&mut self.input)?;
        Ok(payload_key(&self.head, &file_key, &prefix)?)
    }
}

const COPY_BYTES: usize = 256 * 1024;

fn read_failed(error: StreamError) -> RewrapError {
    match error {
        StreamError::Open(error) => RewrapError::Open(error),
        StreamError::Read(error) | StreamError::Write(error) => RewrapError::Read(error),
        StreamError::TooLarge => RewrapError::Open(OpenError::Damaged),
    }
}

const PAYLOAD_INFO: &[u8] = b"strongroom/envelope/1 payload";

fn payload_key(
    head: &Head,
    file_key: &FileKey,
    prefix: &[u8; payload::PREFIX_BYTES],
) -> Result<PayloadKey, OpenError> {
    PayloadKey::open(&file_key.expand(PAYLOAD_INFO), prefix, head.binding())
}

fn rewrap<'k, K: Into<IdentityRef<'k>>>(
    head: &Head,
    keys: impl IntoIterator<Item = K>,
    add: &[Recipient],
    remove: &[KeyId],
    rng: &mut impl CryptoRng,
) -> Result<(Head, FileKey), RewrapError> {
    let present: Vec<KeyId> = head.header().stanzas().iter().map(Stanza::key_id).collect();
    if let Some(id) = remove.iter().find(|id| !present.contains(id)) {
        return Err(RewrapError::NotARecipient { id: *id });
    }
    let keeps = |id: &KeyId| !remove.contains(id);
    let kept = present.into_iter().filter(keeps);
    check_recipients(&kept.chain(add.iter().map(Recipient::id)).collect::<Vec<_>>())?;
    let file_key = head.open(keys.into_iter().map(Into::into))?;
    let rewrapped = head.rewrap(&file_key, add, |stanza| keeps(&stanza.key_id()), rng);
    Ok((rewrapped, file_key))
}

fn check_recipients(ids: &[KeyId]) -> Result<(), SealError> {
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
