//! Why a verified backup gives no archive.

use super::archive::ArchiveError;
use crate::open_error::OpenError;

/// Why a verified backup gives no archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It does not open with these keys.
    #[error("it is signed by these keys, and does not open with them")]
    Open(OpenError),
    /// The payload is not what the compatible form has (spec/backup.md §2).
    #[error("the payload is none: {0}")]
    Payload(&'static str),
    /// What the envelope holds does not begin with a manifest.
    #[error("the envelope holds no archive")]
    NoArchive,
    /// The manifest's counter is not the statement's.
    #[error("the archive has the counter {archive}, and its statement {statement}")]
    Counter {
        /// Of the manifest.
        archive: u64,
        /// Of the statement.
        statement: u64,
    },
    /// The data's SHA-256 is not the manifest's.
    #[error("the archive's SHA-256 is not that of its manifest")]
    Sha256,
    /// What came out is no JSON.
    #[error("the archive is {0}")]
    Archive(#[from] ArchiveError),
}

impl From<OpenError> for RestoreError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}
