//! Opened plaintext.

use zeroize::Zeroizing;

/// Opened bytes, wiped on drop. Only [`expose`](Self::expose) shows them.
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// The bytes. Keep the borrow short.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for Plaintext {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
static_assertions::assert_not_impl_any!(Plaintext: std::fmt::Debug, std::fmt::Display, Clone, PartialEq, serde::Serialize);
