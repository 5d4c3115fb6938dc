//! Times in answers.

use crate::error::ClientError;
use strongroom::rfc3339;
use time::OffsetDateTime;

/// Parses an RFC 3339 time of an answer.
pub(crate) fn parse_time(text: String) -> Result<OffsetDateTime, ClientError> {
    rfc3339::parse(&text).ok_or(ClientError::Answer("a time is not RFC 3339"))
}
