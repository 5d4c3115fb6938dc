//! What keys and signatures are refused for.

/// Something has another number of bytes than its parameter set or hash function says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{expected} bytes were expected, these are {found}")]
#[non_exhaustive]
pub struct LengthError {
    /// Bytes of the thing.
    pub expected: usize,
    /// Bytes that were there.
    pub found: usize,
}

impl LengthError {
    pub(crate) fn check(expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self { expected, found }) }
    }
}

/// Why bytes are no private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// Another number of bytes.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// PK.root does not follow from the seeds: the key was damaged, or is of another parameter set.
    #[error("the root is not that of the seeds")]
    Root,
}

/// The signature is another key's, over another message, or in another context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SLH-DSA signature does not verify")]
pub struct BadSignature;
