//! An envelope that comes as a stream: opened, or rewrapped for other recipients.

use super::authenticated_header::AuthenticatedHeader;
use super::error::ReadError;
use super::header::Header;
use super::payload::{PayloadKey, payload_plaintext_bytes};
use super::pump::pump;
use super::rewrap::{RewrapError, rewrapped};
use super::segment::Direction;
use super::stream::{self, OpenReader, SeekReader, StreamError};
use crate::key::{IdentityRef, KeyId, Recipient};
use crate::open_error::OpenError;
use rand_core::CryptoRng;
use std::io::{self, Read, Seek, Write};
use std::num::NonZeroUsize;

/// Bytes of a payload that are copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// An envelope in a stream, of which everything before the payload has been read.
pub struct Opener<R> {
    head: AuthenticatedHeader,
    input: R,
}

impl<R: Read> Opener<R> {
    /// Reads magic, header and MAC, and not one byte more.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn new(mut input: R) -> Result<Self, ReadError> {
        Ok(Self { head: AuthenticatedHeader::read(&mut input)?, input })
    }

    /// The header, which can be read without a key. Nothing in it is authenticated before a key has
    /// opened the envelope.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.head.header()
    }

    /// The number of bytes before the payload, and the input, which is at the payload.
    #[must_use]
    pub fn into_parts(self) -> (usize, R) {
        (self.head.as_bytes().len(), self.input)
    }

    /// A reader of the plaintext, from its first byte on.
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

    /// Opens all of the plaintext into `output`, on up to `threads` threads. Returns the bytes of
    /// plaintext. The output is not flushed.
    ///
    /// # Errors
    /// [`StreamError`]. What was written before it is authentic, but incomplete.
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
        pump(Direction::Open, &key, self.input, output, threads)
    }

    /// A reader that can seek in the plaintext. It opens the last chunk first, which authenticates
    /// the length.
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

    /// Writes the same envelope for other recipients. The payload is copied as it is: only its
    /// beginning and its length are checked. A recipient who is removed may have read the
    /// plaintext, and may have kept the file key.
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
        let (head, file_key) = rewrapped(&self.head, keys, add, remove, rng)?;
        let prefix = stream::read_prefix(&mut self.input).map_err(read_failed)?;
        head.payload_key(&file_key, &prefix)?;
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
        // A payload that was cut short must not pass as a whole one.
        payload_plaintext_bytes(copied).map(drop).ok_or_else(|| OpenError::Damaged.into())
    }

    fn payload_key<'k, K: Into<IdentityRef<'k>>>(
        &mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<PayloadKey, StreamError> {
        let file_key = self.head.open(keys.into_iter().map(Into::into))?;
        let prefix = stream::read_prefix(&mut self.input)?;
        Ok(self.head.payload_key(&file_key, &prefix)?)
    }
}

fn read_failed(error: StreamError) -> RewrapError {
    match error {
        StreamError::Open(error) => RewrapError::Open(error),
        StreamError::Read(error) | StreamError::Write(error) => RewrapError::Read(error),
        StreamError::TooLarge => RewrapError::Open(OpenError::Damaged),
    }
}
