//! Errors of reading keys.

use crate::kem::KeyCheck;

/// Why bytes or a text cannot be read as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes do not have the length of the form.
    #[error("the key has {found} bytes, and {expected} are expected")]
    Length {
        /// Bytes that the form has.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// The text is neither a Strongroom key text nor bare base64 of the right length.
    #[error("the text is not a key: its characters, length or checksum are wrong")]
    Text,
    /// The key text has an algorithm or a form that this crate does not know.
    #[error("the key has an unknown algorithm or form: a newer Strongroom may read it")]
    UnknownForm,
    /// The key is hybrid, but only ML-KEM-1024 is possible here.
    #[error("the key is of MLKEM1024-P384, but this format takes only ML-KEM-1024")]
    Hybrid,
    /// The hybrid key's point is not on P-384, its seed gives no scalar, or its ML-KEM half fails
    /// FIPS 203 §7.2.
    #[error(
        "the hybrid key is not valid: its point is not on P-384, or its ML-KEM half is not reduced modulo q"
    )]
    Point,
    /// The numbers in the key fail a check.
    #[error(transparent)]
    Check(#[from] KeyCheck),
}
