//! The times in a statement (RFC 3339).

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

    /// RFC 3339 §5.6, whose letters are upper case here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let shape = text.is_ascii() && text.as_bytes().get(10) == Some(&b'T') && !text.contains('z');
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        shape.then(|| Self { text: text.to_owned(), at })
    }
}
