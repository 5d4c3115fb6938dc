//! A wallet's data: what a backup holds.

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = u64;

/// The bytes are not a JSON text, which must also be UTF-8 (RFC 8259 §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON text: line {line}, column {column}")]
pub struct ArchiveError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
}

/// A wallet's data: a JSON text that is kept byte for byte and wiped on drop.
pub struct Archive(Zeroizing<Vec<u8>>);

impl Archive {
    /// Takes a JSON text (RFC 8259) as it is.
    ///
    /// # Errors
    /// [`ArchiveError`], which never repeats the text.
    pub fn from_json(text: &[u8]) -> Result<Self, ArchiveError> {
        Self::from_wiped(Zeroizing::new(text.to_vec()))
    }

    pub(super) fn from_wiped(text: Zeroizing<Vec<u8>>) -> Result<Self, ArchiveError> {
        match serde_json::from_slice::<IgnoredAny>(&text) {
            Ok(_) if std::str::from_utf8(&text).is_ok() => Ok(Self(text)),
            Ok(_) => Err(ArchiveError { line: 1, column: 1 }),
            Err(error) => Err(ArchiveError { line: error.line(), column: error.column() }),
        }
    }

    /// The text. Keep the borrow short.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The SHA-256 of the text. The compatible form does not carry it: the wallet keeps it, and
    /// compares it after a restore.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}
