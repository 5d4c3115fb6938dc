//! Errors of reading keys.

use crate::kem::KeyCheck;

/// Why bytes or a text cannot be read as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes do not have the length of the form.
    #[error("a key of {expected} bytes was expected, this one has {found}")]
    Length {
        /// Bytes that the form has.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// The text is neither a Strongroom key text nor bare base64 of the right length.
    #[error("the text is no key: wrong characters, size or checksum")]
    Text,
    /// The key text has an algorithm or a form that this crate does not know.
    #[error("the key is of an unknown algorithm or form")]
    UnknownForm,
    /// The key is hybrid, but only ML-KEM-1024 is possible here.
    #[error("the key is of MLKEM1024-P384, and only ML-KEM-1024 serves here")]
    Hybrid,
    /// The hybrid key's point is not on P-384, its seed gives no scalar, or its ML-KEM half fails
    /// FIPS 203 §7.2.
    #[error("the key's P-384 half is none")]
    Point,
    /// The numbers in the key fail a check.
    #[error(transparent)]
    Check(#[from] KeyCheck),
}
