//! The bounds of an envelope, and the errors of reading one.

use crate::policy::EnvelopePolicyError;
use std::io;

/// The most bytes that a header may have.
pub const MAX_HEADER_BYTES: usize = 1024 * 1024;
/// The most recipients that an envelope may have.
pub const MAX_RECIPIENTS: usize = 512;

/// Why bytes cannot be read as an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The bytes do not begin with [`MAGIC`](super::MAGIC).
    #[error("this is not a Strongroom envelope")]
    NotAnEnvelope,
    /// A version of the format that this crate does not know.
    #[error("the envelope is of an unknown version: a newer Strongroom may open it")]
    UnknownVersion,
    /// `header_len` is 0, or more than [`MAX_HEADER_BYTES`].
    #[error("the header has {bytes} bytes, and 1 to {MAX_HEADER_BYTES} are allowed")]
    HeaderLength {
        /// The value of `header_len`.
        bytes: u32,
    },
    /// The bytes end before the payload begins.
    #[error("the envelope is cut short")]
    Truncated,
    /// The header is not CBOR of the right shape, or not in its one encoding.
    #[error("the header is not the deterministic CBOR of an envelope")]
    Encoding,
    /// The policy in the header is refused.
    #[error(transparent)]
    Policy(#[from] EnvelopePolicyError),
    /// The header has a threshold, which no version defines yet.
    #[error("the envelope has a threshold, which is unknown here: a newer Strongroom may open it")]
    UnknownThreshold,
    /// A recipient's KEM that this crate does not know.
    #[error("the KEM {kem_id:#06x} of a recipient is unknown: a newer Strongroom may open the envelope")]
    UnknownKem {
        /// The KEM's code point in HPKE's registry.
        kem_id: u64,
    },
    /// The header has no stanza, or more than [`MAX_RECIPIENTS`].
    #[error("the envelope has {count} recipients, and 1 to {MAX_RECIPIENTS} are allowed")]
    Recipients {
        /// The number of stanzas that the header says.
        count: u64,
    },
    /// Two stanzas have the same key id.
    #[error("the envelope has two stanzas for one recipient")]
    RepeatedRecipient,
    /// The text is not armor (spec/envelope.md#armor).
    #[error("the armor is not 64 columns of base64 between its two lines")]
    Armor,
}

/// Why an envelope could not be read from a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream returned an error.
    #[error("the envelope cannot be read")]
    Io(#[source] io::Error),
    /// The stream does not hold an envelope.
    #[error(transparent)]
    Parse(#[from] EnvelopeError),
}

/// An [`ArmorReader`](super::armor::ArmorReader) wraps its refusal in an I/O error; this takes it
/// out.
impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(refusal) => Self::Parse(*refusal),
            None => Self::Io(error),
        }
    }
}
