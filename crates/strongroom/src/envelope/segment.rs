//! Segments: some chunks of a payload that are read, sealed and written together.

use super::payload::{CHUNK_BYTES, MAX_CHUNKS, PayloadKey, SEALED_CHUNK_BYTES, plaintext_bytes};
use crate::aead::TAG_BYTES;
use crate::open_error::OpenError;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use zeroize::Zeroizing;

/// Chunks of a segment: enough that calls cost little, few enough to stay in a core's cache.
const SEGMENT_CHUNKS: usize = 16;

/// Whether chunks are sealed or opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Seal,
    Open,
}

/// Some chunks in memory, wiped on drop. Each has the place that it takes when it is sealed, so
/// none is ever moved.
pub(super) struct Segment {
    buffer: Zeroizing<Vec<u8>>,
    /// The number of the first chunk, counted from 0.
    first: u64,
    /// Bytes of plaintext; or of sealed chunks, between reading them and opening them.
    bytes: usize,
}

impl Segment {
    pub(super) const PLAINTEXT_BYTES: usize = SEGMENT_CHUNKS * CHUNK_BYTES;
    const SEALED_BYTES: usize = SEGMENT_CHUNKS * SEALED_CHUNK_BYTES;

    /// An empty segment of this number, counted from 0.
    pub(super) fn new(number: u64) -> Self {
        let mut segment = Self { buffer: Zeroizing::new(vec![0; Self::SEALED_BYTES]), first: 0, bytes: 0 };
        segment.renew(number);
        segment
    }

    /// Empties the segment, and gives it another number.
    pub(super) fn renew(&mut self, number: u64) {
        (self.first, self.bytes) = (number * SEGMENT_CHUNKS as u64, 0);
    }

    /// Fills the segment from a stream. A segment that does not become full is the last.
    pub(super) fn load(&mut self, direction: Direction, input: &mut impl Read) -> io::Result<()> {
        let capacity = Self::capacity(direction);
        while self.bytes < capacity {
            let read = match direction {
                Direction::Open => input.read(&mut self.buffer[self.bytes..]),
                Direction::Seal => {
                    let mut places: Vec<IoSliceMut<'_>> = self
                        .buffer
                        .chunks_mut(SEALED_CHUNK_BYTES)
                        .map(|place| IoSliceMut::new(&mut place[..CHUNK_BYTES]))
                        .collect();
                    let mut free = &mut places[..];
                    IoSliceMut::advance_slices(&mut free, self.bytes);
                    input.read_vectored(free)
                }
            };
            match read {
                Ok(0) => break,
                Ok(count) => self.bytes += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn capacity(direction: Direction) -> usize {
        match direction {
            Direction::Seal => Self::PLAINTEXT_BYTES,
            Direction::Open => Self::SEALED_BYTES,
        }
    }

    /// Appends plaintext up to the end of the current chunk, and returns how many bytes that were.
    pub(super) fn push(&mut self, plaintext: &[u8]) -> usize {
        let count = plaintext.len().min(CHUNK_BYTES - self.bytes % CHUNK_BYTES);
        let start = self.bytes / CHUNK_BYTES * SEALED_CHUNK_BYTES + self.bytes % CHUNK_BYTES;
        self.buffer[start..start + count].copy_from_slice(&plaintext[..count]);
        self.bytes += count;
        count
    }

    /// Whether the segment is full, and so not the last.
    pub(super) fn is_full(&self, direction: Direction) -> bool {
        self.bytes == Self::capacity(direction)
    }

    /// Seals or opens every chunk in place.
    pub(super) fn crypt(&mut self, direction: Direction, key: &PayloadKey) -> Result<(), CryptError> {
        match direction {
            Direction::Seal => self.seal(key),
            Direction::Open => Ok(self.open(key)?),
        }
    }

    fn seal(&mut self, key: &PayloadKey) -> Result<(), CryptError> {
        if self.first + SEGMENT_CHUNKS as u64 > MAX_CHUNKS {
            return Err(CryptError::TooLarge);
        }
        let places = self.buffer.chunks_mut(SEALED_CHUNK_BYTES).zip(sealed_lengths(self.bytes));
        for (number, (place, bytes)) in (self.first..).zip(places) {
            let (chunk, tag) = place.split_at_mut(bytes);
            tag[..TAG_BYTES].copy_from_slice(&key.seal_chunk(number, chunk));
        }
        Ok(())
    }

    fn open(&mut self, key: &PayloadKey) -> Result<(), OpenError> {
        // The last chunk is shorter than the others. A payload that ends with a full chunk was cut.
        let plaintext = if self.is_full(Direction::Open) {
            Self::PLAINTEXT_BYTES
        } else {
            plaintext_bytes(self.bytes as u64).ok_or(OpenError::Damaged)? as usize
        };
        let sealed = self.buffer[..self.bytes].chunks_mut(SEALED_CHUNK_BYTES);
        for (number, sealed) in (self.first..).zip(sealed) {
            key.open_chunk(number, sealed)?;
        }
        self.bytes = plaintext;
        Ok(())
    }

    /// Bytes of plaintext, before sealing or after opening.
    pub(super) fn plaintext_bytes(&self) -> usize {
        self.bytes
    }

    /// Writes the result of [`crypt`](Self::crypt).
    pub(super) fn store(&self, direction: Direction, output: &mut impl Write) -> io::Result<()> {
        if direction == Direction::Seal {
            let bytes: usize = sealed_lengths(self.bytes).map(|bytes| bytes + TAG_BYTES).sum();
            return output.write_all(&self.buffer[..bytes]);
        }
        let chunks: Vec<&[u8]> = self.chunks().collect();
        let mut slices: Vec<IoSlice<'_>> = chunks.into_iter().map(IoSlice::new).collect();
        let mut left = &mut slices[..];
        // With empty slices, a write of no bytes would look like a closed output.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match output.write_vectored(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut left, count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The opened plaintext from `position` to the end of its chunk; empty at the end of the
    /// segment.
    pub(super) fn plaintext_at(&self, position: usize) -> &[u8] {
        let chunk = self.chunks().nth(position / CHUNK_BYTES).unwrap_or(&[]);
        &chunk[(position % CHUNK_BYTES).min(chunk.len())..]
    }

    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let lengths = sealed_lengths(self.bytes);
        self.buffer.chunks(SEALED_CHUNK_BYTES).zip(lengths).map(|(place, bytes)| &place[..bytes])
    }
}

/// Bytes of plaintext in each chunk. A full segment has only full chunks; any other ends with a
/// short one.
fn sealed_lengths(plaintext: usize) -> impl Iterator<Item = usize> {
    let full = plaintext / CHUNK_BYTES;
    let last = (full < SEGMENT_CHUNKS).then_some(plaintext % CHUNK_BYTES);
    std::iter::repeat_n(CHUNK_BYTES, full).chain(last)
}

/// Why a segment could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CryptError {
    /// The payload would have more than 2^38 chunks.
    TooLarge,
    /// A chunk was altered.
    Open(OpenError),
}

impl From<OpenError> for CryptError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}
