//! What keys are refused for.

use crate::kem::KeyCheck;

/// Why bytes or text are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Another number of bytes than the form asks for.
    #[error("a key of {expected} bytes was expected, this one has {found}")]
    Length {
        /// Bytes of the form that was expected.
        expected: usize,
        /// Bytes that were there.
        found: usize,
    },
    /// Neither a Strongroom key text nor bare base64 of the right size.
    #[error("the text is no key: wrong characters, size or checksum")]
    Text,
    /// A key text of an algorithm or a form that is not known here.
    #[error("the key is of an unknown algorithm or form")]
    UnknownForm,
    /// A hybrid key, where only ML-KEM-1024 serves.
    #[error("the key is of MLKEM1024-P384, and only ML-KEM-1024 serves here")]
    Hybrid,
    /// The point is not on P-384, or the seed gives no scalar.
    #[error("the key's P-384 half is none")]
    Point,
    /// The numbers in the key are no key.
    #[error(transparent)]
    Check(#[from] KeyCheck),
}
