//! Payloads of any size in constant memory, piece by piece through `Write`, `Read` and `Seek`.

use super::error::EnvelopeError;
use super::payload::{self, CHUNK_BYTES, PREFIX_BYTES, PayloadKey, SEALED_CHUNK_BYTES};
use super::segment::{CryptError, Direction, Segment};
use crate::aead::TAG_BYTES;
use crate::open_error::OpenError;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use zeroize::Zeroizing;

/// Why a stream was not sealed or opened to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The input returned an error.
    #[error("the input cannot be read")]
    Read(#[source] io::Error),
    /// The output returned an error.
    #[error("the output cannot be written")]
    Write(#[source] io::Error),
    /// The envelope does not open. What was written before is authentic, but incomplete.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The plaintext takes more than 2^38 chunks of 16 KiB.
    #[error("the input is too large for an envelope: at most 4 PiB are allowed")]
    TooLarge,
}

impl StreamError {
    /// An error of the input. Armor and the readers here wrap their refusals in I/O errors; this
    /// takes them out.
    pub(super) fn read(error: io::Error) -> Self {
        let inner = error.get_ref();
        let refused = inner.and_then(|inner| inner.downcast_ref::<OpenError>()).copied();
        let armor = inner.is_some_and(|inner| inner.is::<EnvelopeError>());
        match refused.or_else(|| armor.then_some(OpenError::Damaged)) {
            Some(refusal) => Self::Open(refusal),
            None => Self::Read(error),
        }
    }
}

impl From<CryptError> for StreamError {
    fn from(error: CryptError) -> Self {
        match error {
            CryptError::TooLarge => Self::TooLarge,
            CryptError::Open(error) => Self::Open(error),
        }
    }
}

/// Seals what is written to it. Without [`finish`](Self::finish), the envelope has no end and does
/// not open.
pub struct SealWriter<W: Write> {
    output: W,
    key: PayloadKey,
    segment: Segment,
    number: u64,
    failed: bool,
}

impl<W: Write> SealWriter<W> {
    pub(super) fn new(output: W, key: PayloadKey) -> Self {
        Self { output, key, segment: Segment::new(0), number: 0, failed: false }
    }

    /// Seals the last chunk, flushes, and returns the output.
    ///
    /// # Errors
    /// The errors of the output.
    pub fn finish(mut self) -> io::Result<W> {
        if self.segment.is_full(Direction::Seal) {
            self.send()?;
        }
        // The rest is the last chunk, which may be empty.
        self.send()?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn send(&mut self) -> io::Result<()> {
        // A segment is sealed in place, and only once: sealing it again would give the plaintext
        // back. So after the output has failed, nothing more is written to it.
        if std::mem::replace(&mut self.failed, true) {
            return Err(io::Error::other("the output failed before: the envelope cannot be finished"));
        }
        self.segment
            .crypt(Direction::Seal, &self.key)
            .map_err(|_| io::Error::new(ErrorKind::FileTooLarge, StreamError::TooLarge))?;
        self.segment.store(Direction::Seal, &mut self.output)?;
        self.number += 1;
        self.segment.renew(self.number);
        self.failed = false;
        Ok(())
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        if self.segment.is_full(Direction::Seal) {
            self.send()?;
        }
        Ok(self.segment.push(plaintext))
    }

    /// Flushes the output. A chunk that is not full stays in this writer, since only the last may
    /// be short.
    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Reads the plaintext. Damage is an error of kind `InvalidData` that wraps an [`OpenError`]; what
/// was read before it is authentic, but incomplete.
pub struct OpenReader<R> {
    input: R,
    key: PayloadKey,
    segment: Segment,
    number: u64,
    position: usize,
    /// Set once the last segment has been read, or nothing more can be read.
    ended: Option<Result<(), OpenError>>,
}

impl<R: Read> OpenReader<R> {
    pub(super) fn new(input: R, key: PayloadKey) -> Self {
        Self { input, key, segment: Segment::new(0), number: 0, position: 0, ended: None }
    }

    fn next_segment(&mut self) -> io::Result<()> {
        self.segment.renew(self.number);
        self.number += 1;
        self.position = 0;
        let loaded = self.segment.load(Direction::Open, &mut self.input);
        let is_last = !self.segment.is_full(Direction::Open);
        let opened = loaded.map_err(StreamError::read).and_then(|()| {
            self.segment.crypt(Direction::Open, &self.key)?;
            Ok(())
        });
        let Err(error) = opened else {
            self.ended = is_last.then_some(Ok(()));
            return Ok(());
        };
        // The segment holds no plaintext, and must never pass for plaintext.
        self.segment.renew(self.number);
        self.ended = Some(Err(OpenError::Damaged));
        match error {
            StreamError::Read(error) => Err(error),
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = self.segment.plaintext_at(self.position);
            if !rest.is_empty() {
                let count = rest.len().min(out.len());
                out[..count].copy_from_slice(&rest[..count]);
                self.position += count;
                return Ok(count);
            }
            match self.ended {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => return Err(damaged(error)),
                None => self.next_segment()?,
            }
        }
    }
}

fn damaged(error: OpenError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Reads any part of the plaintext, one chunk at a time. The length has been authenticated.
pub struct SeekReader<R> {
    input: R,
    key: PayloadKey,
    /// Where chunk 0 starts.
    start: u64,
    bytes: u64,
    position: u64,
    chunk: Zeroizing<Vec<u8>>,
    /// The number of the chunk that `chunk` holds.
    number: Option<u64>,
}

impl<R: Read + Seek> SeekReader<R> {
    /// Takes an input that is at chunk 0. Opens the last chunk, which authenticates the length.
    pub(super) fn new(mut input: R, key: PayloadKey) -> io::Result<Self> {
        let start = input.stream_position()?;
        let chunks = input.seek(SeekFrom::End(0))?.saturating_sub(start);
        let bytes = payload::plaintext_bytes(chunks).ok_or_else(|| damaged(OpenError::Damaged))?;
        let chunk = Zeroizing::new(Vec::with_capacity(SEALED_CHUNK_BYTES));
        let mut reader = Self { input, key, start, bytes, position: 0, chunk, number: None };
        reader.load(bytes / CHUNK_BYTES as u64)?;
        Ok(reader)
    }

    /// Bytes of the whole plaintext.
    #[must_use]
    pub fn plaintext_bytes(&self) -> u64 {
        self.bytes
    }

    fn load(&mut self, number: u64) -> io::Result<()> {
        if self.number == Some(number) {
            return Ok(());
        }
        self.number = None;
        let place = self.start + number * SEALED_CHUNK_BYTES as u64;
        self.input.seek(SeekFrom::Start(place))?;
        let plaintext = (self.bytes - number * CHUNK_BYTES as u64).min(CHUNK_BYTES as u64);
        self.chunk.clear();
        self.chunk.resize(plaintext as usize + TAG_BYTES, 0);
        self.input.read_exact(&mut self.chunk)?;
        let opened = self.key.open_chunk(number, &mut self.chunk).map_err(damaged)?.len();
        self.chunk.truncate(opened);
        self.number = Some(number);
        Ok(())
    }
}

impl<R: Read + Seek> Read for SeekReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.bytes || out.is_empty() {
            return Ok(0);
        }
        self.load(self.position / CHUNK_BYTES as u64)?;
        let rest = &self.chunk[(self.position % CHUNK_BYTES as u64) as usize..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

/// A position may be beyond the end; reading there gives nothing.
impl<R> Seek for SeekReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The prefix of a payload.
pub(super) fn read_prefix(input: &mut impl Read) -> Result<[u8; PREFIX_BYTES], StreamError> {
    let mut prefix = [0; PREFIX_BYTES];
    match input.read_exact(&mut prefix) {
        Ok(()) => Ok(prefix),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(OpenError::Damaged.into()),
        Err(error) => Err(StreamError::read(error)),
    }
}
