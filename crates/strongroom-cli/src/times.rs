//! Times in arguments.

use strongroom::rfc3339;
use time::OffsetDateTime;

/// Parses an RFC 3339 time.
pub(crate) fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    rfc3339::parse(text)
        .ok_or_else(|| "an RFC 3339 time, such as 2027-01-01T00:00:00Z, is expected".to_owned())
}
