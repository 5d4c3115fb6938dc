//! What an envelope may hold, and what it is refused for.

use crate::policy::EnvelopePolicyError;
use std::io;

/// Bytes of a header.
pub const MAX_HEADER_BYTES: usize = 1024 * 1024;
/// Stanzas, and so recipients, of an envelope.
pub const MAX_RECIPIENTS: usize = 512;

/// Why bytes are no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Another magic.
    #[error("this is no Strongroom envelope")]
    NotAnEnvelope,
    /// A version that this one does not know.
    #[error("the envelope is of an unknown version: a newer Strongroom may open it")]
    UnknownVersion,
    /// `header_len` is 0, or more than [`MAX_HEADER_BYTES`].
    #[error("the header is said to have {bytes} bytes, and may have 1 to {MAX_HEADER_BYTES}")]
    HeaderLength {
        /// What is said.
        bytes: u32,
    },
    /// It ends before its payload begins.
    #[error("the envelope is cut short")]
    Truncated,
    /// No CBOR of the header's shape, or not in its one encoding.
    #[error("the header is not deterministic CBOR of an envelope's shape")]
    Encoding,
    /// The policy is none.
    #[error(transparent)]
    Policy(#[from] EnvelopePolicyError),
    /// A threshold, which no version defines yet.
    #[error("the envelope has a threshold, which this version does not know: a newer Strongroom may open it")]
    UnknownThreshold,
    /// A KEM that this version does not know.
    #[error("a recipient's KEM {kem_id:#06x} is unknown: a newer Strongroom may open it")]
    UnknownKem {
        /// HPKE's code point.
        kem_id: u64,
    },
    /// No stanza, or more than [`MAX_RECIPIENTS`].
    #[error("the envelope names {count} recipients, and may name 1 to {MAX_RECIPIENTS}")]
    Recipients {
        /// How many it says that there are.
        count: u64,
    },
    /// Two stanzas for one key.
    #[error("the envelope names a recipient twice")]
    RepeatedRecipient,
    /// The armor is none.
    #[error("the armor is not 64 columns of base64 between its two lines")]
    Armor,
}

/// Why no envelope was read from a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream failed.
    #[error("the envelope cannot be read")]
    Io(#[source] io::Error),
    /// What it gave is no envelope.
    #[error(transparent)]
    Parse(#[from] EnvelopeError),
}

/// Armor in between wraps its refusal into an I/O error.
impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(refusal) => Self::Parse(*refusal),
            None => Self::Io(error),
        }
    }
}
