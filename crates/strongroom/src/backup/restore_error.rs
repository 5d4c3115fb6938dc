//! Why a verified backup cannot be restored.

use super::archive::ArchiveError;
use crate::open_error::OpenError;

/// Why a verified backup cannot be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The keys do not open it, or it was damaged before it was signed.
    #[error("the backup is signed by these keys, but does not open with them")]
    Open(OpenError),
    /// The payload does not have the compatible form (spec/backup-compatible.md#payload).
    #[error("the payload cannot be read: {0}")]
    Payload(&'static str),
    /// The envelope's plaintext does not begin with a manifest.
    #[error("the envelope does not hold an archive with its manifest")]
    NoArchive,
    /// Manifest and statement have different counters.
    #[error("the archive has the counter {archive}, but its statement {statement}")]
    Counter {
        /// The manifest's counter.
        archive: u64,
        /// The statement's counter.
        statement: u64,
    },
    /// The data does not have the SHA-256 that the manifest says.
    #[error("the archive does not have the SHA-256 that its manifest says")]
    Sha256,
    /// The data is not JSON.
    #[error("the archive is {0}")]
    Archive(#[from] ArchiveError),
}

impl From<OpenError> for RestoreError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}
