//! Times in answers.

use crate::error::ClientError;
use strongroom::rfc3339;
use time::OffsetDateTime;

/// Parses an RFC 3339 time that a server gave.
pub(crate) fn parse_time(text: String) -> Result<OffsetDateTime, ClientError> {
    rfc3339::parse(&text).ok_or(ClientError::Answer("invalid time: RFC 3339 is expected"))
}
