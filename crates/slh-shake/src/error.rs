//! Errors of reading keys and of verifying signatures.

/// A key, signature or hash does not have the length of its parameter set or hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{expected} bytes were expected, these are {found}")]
#[non_exhaustive]
pub struct LengthError {
    /// Bytes that the parameter set or the hash function says.
    pub expected: usize,
    /// Bytes that were given.
    pub found: usize,
}

impl LengthError {
    pub(crate) fn check(expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self { expected, found }) }
    }
}

/// Why bytes cannot be read as a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// The bytes do not have the length of the parameter set.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// PK.root does not follow from the seeds. The key was damaged, or is of another parameter set.
    #[error("PK.root does not follow from the seeds: the key is damaged, or of another parameter set")]
    Root,
}

/// The signature is not one of this key over this message in this context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SLH-DSA signature does not verify")]
pub struct BadSignature;
