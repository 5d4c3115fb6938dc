//! The times in a statement (RFC 3339).

use crate::rfc3339;
use time::OffsetDateTime;

/// A time in a statement, with the text that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTime {
    pub(super) text: String,
    at: OffsetDateTime,
}

impl DateTime {
    /// The time that the text says.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// Keeps the text too: the signature is over its letters, whatever their case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        rfc3339::parse(text).map(|at| Self { text: text.to_owned(), at })
    }
}
