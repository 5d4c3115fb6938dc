//! Times in answers.

use crate::error::ClientError;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Parses an RFC 3339 time that a server gave.
pub(crate) fn parse_time(text: String) -> Result<OffsetDateTime, ClientError> {
    OffsetDateTime::parse(&text, &Rfc3339)
        .map_err(|_| ClientError::Answer("invalid time: RFC 3339 is expected"))
}
